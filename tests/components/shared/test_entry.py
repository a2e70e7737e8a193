"""The command line of all steps, by a step of three lines: exit codes, outputs, ExecutorOutput."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from components.shared import entry
from components.shared.errors import RetryError, Terminated, UserError
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact, output_parameter
from components.shared.result import Result


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """A step."""

    step: ClassVar[str] = "sample"
    source: Path = input_artifact("What it reads.")
    name: str = identity("A name.")
    made: Path = output_artifact("What it writes.")
    digest: Path = output_parameter("What it found.")
    count: int = option(3, "How many, 100 % of them.", unit="rows", low=1)
    fast: bool = option(True, "Hurry.")


Config.__module__ = "sample_step.config"


def good(config: Config) -> Result:
    config.made.write_text(f"{config.name} {config.count} {config.fast}")
    return Result(summary="done", parameters={"digest": "abc"}, metadata={"made": {"rows": config.count}})


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the step importable as a package that holds `config` and `core`."""
    config = ModuleType("sample_step.config")
    vars(config).update(globals())
    monkeypatch.setitem(sys.modules, "sample_step", ModuleType("sample_step"))
    monkeypatch.setitem(sys.modules, "sample_step.config", config)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Calls the step's command line with this `run`; gives the exit code."""

    def called(run: Callable[[Config], Result], *flags: str) -> int:
        core = ModuleType("sample_step.core")
        core.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "sample_step.core", core)
        given = ["--source=in", "--name=a", f"--made={tmp_path / 'made'}", f"--digest={tmp_path / 'deep' / 'digest'}"]
        with pytest.raises(SystemExit) as ended:
            entry.main(Config, "A step.", [*given, *flags])
        return int(ended.value.code or 0)

    monkeypatch.setattr("components.shared.secrets.EMBEDDED", Path("/nowhere"))
    monkeypatch.delenv("EVERTUNE_SECRETS_FILE", raising=False)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return called


def test_outputs_are_written(call: Callable[..., int], tmp_path: Path) -> None:
    assert call(good) == 0
    assert (tmp_path / "made").read_text() == "a 3 True"
    assert (tmp_path / "deep" / "digest").read_text() == "abc"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--count", "5"], "a 5 True"),
        (["--fast", "false"], "a 3 False"),
        (["--no-fast"], "a 3 False"),
        (["--no-fast", "--fast"], "a 3 True"),
    ],
)
def test_flags_as_kubeflow_and_dvc_write_them(
    call: Callable[..., int], tmp_path: Path, flags: list[str], said: str
) -> None:
    assert call(good, *flags) == 0
    assert (tmp_path / "made").read_text() == said


def test_an_identity_is_read_from_a_file(call: Callable[..., int], tmp_path: Path) -> None:
    (tmp_path / "name").write_text("from a file\n")
    assert call(good, f"--name=@{tmp_path / 'name'}") == 0
    assert (tmp_path / "made").read_text() == "from a file 3 True"


def test_the_executor_output_keeps_what_kubeflow_said_and_adds_metadata(
    call: Callable[..., int], tmp_path: Path
) -> None:
    artifact = {"name": "made", "uri": "s3://x/made", "metadata": {"kept": 1}}
    message = json.dumps({"outputs": {"artifacts": {"made": {"artifacts": [artifact]}}}})
    written = tmp_path / "deep" / "output.json"
    assert call(good, f"--executor_input={message}", f"--executor_output={written}") == 0
    described = {**artifact, "metadata": {"kept": 1, "rows": 3}}
    assert json.loads(written.read_text()) == {"artifacts": {"made": {"artifacts": [described]}}}


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("bad value", where="count", remedy="give another"), 2, "UserError: count: bad value. Give another"),
        (RetryError("down", where="s3://x"), 75, "RetryError: s3://x: down"),
        (Terminated("stopped"), 143, "Terminated: stopped"),
        (OSError(errno.ENOSPC, "no space", "/disk"), 75, "RetryError: /disk: no space left"),
        (OSError(errno.EACCES, "Permission denied", "/disk"), 2, "UserError: /disk: Permission denied"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    call: Callable[..., int], capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str
) -> None:
    def bad(_: Config) -> Result:
        raise error

    assert call(bad) == code
    line = capsys.readouterr().err.splitlines()
    assert len(line) == 1
    assert line[0].startswith(f"evertune sample: {said}")


def test_no_secret_is_in_the_line(
    call: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary")

    def bad(_: Config) -> Result:
        raise UserError("refused canary")

    assert call(bad) == UserError.exit_code
    assert "refused ***" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--count=0"], "sample.count: 0 is out of range. Give at least 1 rows"),
        (["--count=x"], "sample.count: 'x' is not of type int"),
        (["--fast=perhaps"], "sample.fast: 'perhaps' is not of type bool"),
        (["--name=@/nowhere/name"], "sample.name: cannot read /nowhere/name"),
    ],
)
def test_bad_values_are_named_before_anything_runs(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert call(good, *flags) == UserError.exit_code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_missing_flags_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        entry.main(Config, "A step.", ["--name=a", "--made=b"])
    assert ended.value.code == UserError.exit_code
    assert "missing --source, --digest" in capsys.readouterr().err


def test_an_unknown_flag_is_refused(call: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(good, "--coun=4") == UserError.exit_code
    assert "--coun" in capsys.readouterr().err


@pytest.mark.parametrize(("values", "code"), [('{"count": 4}', 0), ('{"count": 0}', 2), ('{"cuont": 4}', 2)])
def test_check_validates_options_and_runs_nothing(
    call: Callable[..., int], tmp_path: Path, values: str, code: int
) -> None:
    assert call(good, f"--check={values}") == code
    assert not (tmp_path / "made").exists()


def test_help_shows_meaning_default_and_unit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        entry.main(Config, "A step.", ["--help"])
    assert "How many, 100 % of them. Default: 3 rows." in " ".join(capsys.readouterr().out.split())


def test_a_step_that_wrote_nothing_is_a_bug(call: Callable[..., int], tmp_path: Path) -> None:
    def lazy(_: Config) -> Result:
        return Result(summary="", parameters={"digest": "abc"})

    with pytest.raises(AssertionError, match="ended without its output made"):
        call(lazy)
    assert not (tmp_path / "deep" / "digest").exists()


def test_every_run_is_recorded_where_that_is_asked_for(
    call: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(_: Config) -> Result:
        raise RetryError("down")

    monkeypatch.setenv(entry.STEPS_FILE, str(tmp_path / "steps"))
    call(good)
    call(bad)
    lines = [json.loads(line) for line in (tmp_path / "steps").read_text().splitlines()]
    assert [(line["step"], line["exit_code"]) for line in lines] == [("sample", 0), ("sample", 75)]
    assert [line["error"] for line in lines] == ["", "RetryError: down"]


def test_the_folders_of_outputs_are_made(call: Callable[..., int], tmp_path: Path) -> None:
    assert call(good, f"--made={tmp_path / 'task' / 'made'}") == 0
    assert (tmp_path / "task" / "made").read_text() == "a 3 True"
