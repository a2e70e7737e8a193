"""`evertune datasets verify` and `repair`: a line for each object, exit code 2 while damage remains."""

import json
from contextlib import contextmanager

import pytest

from components.shared.objects import open_store
from components.version.core import run as version
from pipelines import workspace
from pipelines.__main__ import main
from pipelines.commands import datasets

pytestmark = pytest.mark.usefixtures("without_dvc")


def lines(capsys, *arguments):
    """Exit code, output and error line of a command."""
    try:
        main(["datasets", *arguments])
        code = 0
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_damage_is_told_healed_and_gone(version_config, tmp_path, monkeypatch, capsys):
    config = version_config()
    version(config)

    @contextmanager
    def local_store(profile):
        yield open_store(config.store), {"registry": config.registry}

    monkeypatch.setattr(datasets, "local_store", local_store)
    monkeypatch.setattr(workspace, "HOME", tmp_path / "home")
    code, out, _ = lines(capsys, "verify")
    assert (code, len(out), out[-1]) == (0, 6, "5 objects are as they were versioned")
    store = open_store(f"{config.store}/dvc")
    for key in store.keys():  # noqa: SIM118
        store.delete(key)
    code, out, err = lines(capsys, "verify", "--revision", "reviews/v1")
    assert code == 2
    assert len(out) == 5
    assert "5 of 5 objects are not as they were versioned. Run `evertune datasets repair`" in err
    code, out, _ = lines(capsys, "verify", "--output", "json")
    assert code == 2
    assert [one["sound"] for one in json.loads("\n".join(out))] == [False] * 5
    code, out, err = lines(capsys, "repair")
    assert code == 2
    assert "reviews/v1  manifest.json: healed from the registry" in out
    assert "4 of 5 objects" in err
    code, out, _ = lines(capsys, "repair", "--from", str(config.splits))
    assert code == 0
    assert sum("healed from" in line for line in out) == 4
    assert lines(capsys, "verify")[0] == 0


def test_the_workspace_is_a_source_of_its_own(version_config, tmp_path, monkeypatch, capsys):
    place = tmp_path / "home" / "reviews" / "split"
    place.mkdir(parents=True)
    config = version_config()
    version(config)
    config.splits.rename(place / "splits")

    @contextmanager
    def local_store(profile):
        yield open_store(config.store), {"registry": config.registry}

    monkeypatch.setattr(datasets, "local_store", local_store)
    monkeypatch.setattr(workspace, "HOME", tmp_path / "home")
    store = open_store(f"{config.store}/dvc")
    for key in store.keys():  # noqa: SIM118
        store.delete(key)
    assert lines(capsys, "repair")[0] == 0


@pytest.mark.parametrize("words", [["list"], ["show", "reviews/v1"], ["reproduce"], ["verify"], ["repair"]])
def test_before_the_first_run_the_remedy_is_to_run(words, monkeypatch, capsys, tmp_path):
    @contextmanager
    def local_store(profile):
        yield None, {"registry": str(tmp_path / "registry.git"), "dataset": "reviews"}

    monkeypatch.setattr(datasets, "local_store", local_store)
    code, _, err = lines(capsys, *words)
    assert code == 2
    assert "registry.git: no dataset is versioned yet. Run `make run`" in err


def test_a_source_that_is_none(version_config, monkeypatch, capsys, tmp_path):
    @contextmanager
    def local_store(profile):
        yield None, {"registry": str(tmp_path), "dataset": "reviews"}

    monkeypatch.setattr(datasets, "local_store", local_store)
    code, _, err = lines(capsys, "repair", "--from", str(tmp_path / "none"))
    assert code == 2
    assert err.startswith("evertune: UserError: --from: no such directory")
    with pytest.raises(SystemExit):
        main(["datasets", "repair", "--from"])
