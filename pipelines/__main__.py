"""The command line of Evertune: `evertune <command>`, or `python -m pipelines <command>`."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from typing import NoReturn

from components.shared.bounded import leave
from components.shared.errors import EvertuneError, UserError, of_storage
from components.shared.secrets import redact
from pipelines.commands import (
    compile_pipelines,
    datasets,
    doctor,
    gc,
    models,
    predict,
    run,
    run_containers,
    runs,
    schedule,
    store,
    submit,
    train_status,
    upload,
)
from pipelines.reproduce import StepFailed

COMMANDS = (
    *(run, run_containers, predict, datasets, models, train_status, gc, compile_pipelines, store),
    *(upload, submit, runs, schedule, doctor),
)
_PATHS = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="evertune", description="Keeps a fine-tuned language model fresh.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command; errors are one line, with the exit codes of the steps."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except StepFailed as error:
        sys.exit(error.exit_code)
    except EvertuneError as error:
        _fail(error)
    except OSError as error:
        told = of_storage(error) or _of_path(error)
        if told is None:
            raise
        _fail(told)
    except KeyboardInterrupt:
        sys.exit(130)


def _of_path(error: OSError) -> EvertuneError | None:
    """What a path that cannot be used means to people; None for other failures."""
    if error.filename and error.errno in _PATHS:
        return UserError(error.strerror or "cannot be used", where=str(error.filename), remedy="give another path")
    return None


def _fail(error: EvertuneError) -> NoReturn:
    kind = next(one for one in type(error).__mro__ if one.__module__ == EvertuneError.__module__)
    print(redact(f"evertune: {kind.__name__}: {error.line}"), file=sys.stderr)
    leave(error.exit_code)


if __name__ == "__main__":
    main()
