"""The commands of `evertune`: each module adds its parser with `add` and imports the heavy parts when it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Adds the option that chooses a profile of params.yaml."""
    parser.add_argument("--profile", default="reviews", help="profile of params.yaml (default: reviews)")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as text in aligned columns."""
    lines = [[str(cell) for cell in line] for line in (headers, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)
