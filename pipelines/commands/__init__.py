"""The commands of `evertune`: each module adds its parser with `add` and imports the heavy parts when it runs."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.cluster.connection import Connection

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Adds the option that chooses a profile of params.yaml."""
    parser.add_argument("--profile", default="reviews", help="profile of params.yaml (default: reviews)")


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which cluster, and how to tell what came of it."""
    group = parser.add_argument_group("cluster")
    group.add_argument("--endpoint", default="", help="address of Kubeflow Pipelines (default: EVERTUNE_KFP_ENDPOINT)")
    group.add_argument("--namespace", default="", help="namespace of the runs (default: EVERTUNE_KFP_NAMESPACE)")
    add_output(group)


def add_output(parser: argparse._ActionsContainer) -> None:
    """Adds the option that says for whom a command prints; `emit` obeys it."""
    parser.add_argument("--output", choices=("table", "json"), default="table", help="for people or machines")


def at_least(least: int, kind: Callable[[str], float] = int) -> Callable[[str], Any]:
    """The type of an option that takes numbers from `least` on."""

    def number(text: str) -> float:
        value = kind(text)
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is out of range: give {least} or more")
        return value

    number.__name__ = "number"  # what argparse calls a text that is none
    return number


def connected(arguments: argparse.Namespace) -> Connection:
    """The connection that the options ask for."""
    from pipelines.cluster.connection import connect

    return connect(arguments.endpoint, arguments.namespace)


def emit(arguments: argparse.Namespace, facts: Any, text: str) -> None:
    """Prints what came of a command: its facts as JSON with --output json, else the text."""
    print(json.dumps(facts, indent=1, ensure_ascii=False, default=str) if arguments.output == "json" else text)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as text in aligned columns."""
    lines = [[str(cell) for cell in line] for line in (headers, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)
