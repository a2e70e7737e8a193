"""The command line shared by all steps: `python -m components.<step> --flag value`.

It parses, imports the step's `core` only then, runs it, checks and reports its outputs, and turns
errors into one line and an exit code.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from components.shared import options
from components.shared.bounded import leave
from components.shared.errors import EvertuneError, Terminated, UserError, of_storage
from components.shared.files import write_atomically
from components.shared.options import StepConfig
from components.shared.result import Result
from components.shared.secrets import load_secrets, redact

log = logging.getLogger("evertune")
TERMINATION_LOG = Path("/dev/termination-log")
STEPS_FILE = "EVERTUNE_STEPS_FILE"
"""Names the variable that names a file, to which each step adds a JSON line: exit code, error, seconds, peak memory."""


def main(config: type[StepConfig], doc: str | None, argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a step from the command line and exits.

    Args:
        config: The step's configuration class; its package holds `core.run`.
        doc: The module docstring of the entry point, shown by --help.
        argv: Arguments; those of the process when None.
    """
    logging.basicConfig(stream=sys.stderr, format=f"%(asctime)s {config.step}: %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        arguments = vars(build_parser(config, doc).parse_args(argv))
        if arguments["check"] is not None:
            options.check_options(config, arguments["check"])
        else:
            load_secrets()
            with _recorded(config.step):
                _run(config, arguments)
    except EvertuneError as error:
        _fail(config.step, error)
    except OSError as error:
        told = of_storage(error)
        if told is None:
            raise
        _fail(config.step, told)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def build_parser(config: type[StepConfig], doc: str | None) -> argparse.ArgumentParser:
    """The parser of a step: one flag for each field of its configuration."""
    parser = argparse.ArgumentParser(
        prog=f"python -m components.{config.step}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for kind in (
        options.INPUT_ARTIFACT,
        options.IDENTITY,
        options.OUTPUT_ARTIFACT,
        options.OUTPUT_PARAMETER,
        options.OPTION,
    ):
        group = parser.add_argument_group(f"{kind}s".replace("ys", "ies"))
        for name, field in options.fields_of(config, kind).items():
            _add_flag(group, config, name, field.metadata)
    parser.add_argument("--check", metavar="JSON", help="only validate these options, given as one JSON object")
    parser.add_argument("--executor_input", help=argparse.SUPPRESS)
    parser.add_argument("--executor_output", type=Path, help=argparse.SUPPRESS)
    return parser


def parse(config: type[StepConfig], arguments: Mapping[str, Any]) -> StepConfig:
    """Makes the configuration from parsed flags; raises UserError for a bad or missing value."""
    values = {}
    for name, field in options.fields_of(config).items():
        value = arguments[name]
        if value is None:
            continue
        if field.metadata["kind"] == options.IDENTITY and value.startswith("@"):
            value = _read_identity(Path(value[1:]), f"{config.step}.{name}")
        values[name] = options.convert(config, name, value)
    missing = [
        f"--{name}"
        for name, field in options.fields_of(config).items()
        if name not in values and field.default is dataclasses.MISSING
    ]
    if missing:
        raise UserError(f"missing {', '.join(missing)}", where=config.step, remedy="see --help")
    return config(**values)


def _run(config: type[StepConfig], arguments: Mapping[str, Any]) -> None:
    settings = parse(config, arguments)
    for kind in (options.OUTPUT_ARTIFACT, options.OUTPUT_PARAMETER):  # kfp's DockerRunner makes no directory
        for name in options.fields_of(config, kind):
            getattr(settings, name).parent.mkdir(parents=True, exist_ok=True)
    core = importlib.import_module(config.__module__.removesuffix(".config") + ".core")
    result: Result = core.run(settings)
    _check_outputs(settings, result)
    for name in options.fields_of(config, options.OUTPUT_PARAMETER):
        write_atomically(getattr(settings, name), result.parameters[name].encode())
    if arguments["executor_input"]:
        output = executor_output(json.loads(arguments["executor_input"]), result)
        arguments["executor_output"].parent.mkdir(parents=True, exist_ok=True)
        write_atomically(arguments["executor_output"], json.dumps(output).encode())
    log.info("%s", result.summary)


def executor_output(executor_input: Mapping[str, Any], result: Result) -> dict[str, Any]:
    """The ExecutorOutput message of Kubeflow Pipelines: each output artifact with its metadata."""
    artifacts = executor_input.get("outputs", {}).get("artifacts", {})
    described = {}
    for name, entry in artifacts.items():
        artifact = dict(entry["artifacts"][0])
        artifact["metadata"] = {**artifact.get("metadata", {}), **result.metadata.get(name, {})}
        described[name] = {"artifacts": [artifact]}
    return {"artifacts": described}


@contextmanager
def _recorded(step: str) -> Iterator[None]:
    """Adds a line on this run of the step to the file that STEPS_FILE names, if it is set."""
    started, exit_code, line = time.monotonic(), 1, ""
    try:
        yield
        exit_code = 0
    except EvertuneError as error:
        exit_code, line = error.exit_code, redact(f"{type(error).__name__}: {error.line}")
        raise
    finally:
        if path := os.environ.get(STEPS_FILE):
            facts = {
                "step": step,
                "exit_code": exit_code,
                "error": line,
                "seconds": time.monotonic() - started,
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(facts) + "\n")


def _check_outputs(settings: StepConfig, result: Result) -> None:
    """Kubeflow accepts and caches a step that wrote nothing; we do not."""
    for name in options.fields_of(type(settings), options.OUTPUT_ARTIFACT):
        path: Path = getattr(settings, name)
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            raise AssertionError(f"{settings.step} ended without its output {name} at {path}")
    declared = set(options.fields_of(type(settings), options.OUTPUT_PARAMETER))
    assert declared == set(result.parameters), f"{settings.step} must return {sorted(declared)}"


def _add_flag(group: Any, config: type[StepConfig], name: str, meta: Mapping[str, Any]) -> None:
    declared = options.type_of(config, name)
    words = [meta["help"]]
    if meta["kind"] == options.OPTION:
        default = getattr(config, name)
        words += [f"One of: {', '.join(meta['choices'])}."] if meta["choices"] else []
        words.append(f"Default: {default!r}{' ' + meta['unit'] if meta['unit'] else ''}.")
    text = " ".join(words).replace("%", "%%")
    if declared is bool:
        # KFP passes `--flag true`, DVC `--flag` and `--no-flag`.
        group.add_argument(f"--{name}", nargs="?", const="true", metavar="BOOL", help=text)
        group.add_argument(f"--no-{name}", dest=name, action="store_const", const="false", help=argparse.SUPPRESS)
    else:
        group.add_argument(f"--{name}", metavar=declared.__name__.upper(), help=text)


def _read_identity(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}", where=where, remedy="run the step before it first"
        ) from error


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise Terminated("stopped by SIGTERM", remedy="run again to go on")


def _fail(step: str, error: EvertuneError) -> NoReturn:
    line = redact(f"evertune {step}: {type(error).__name__}: {error.line}")
    sys.stderr.write(line + "\n")
    if TERMINATION_LOG.exists() and os.access(TERMINATION_LOG, os.W_OK):
        TERMINATION_LOG.write_text(line)
    leave(error.exit_code)
