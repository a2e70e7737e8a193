"""Writes docs/reference/guarantees.md from a run of the tests; EVERTUNE_SOAK=1 injects more than CI does.

EVERTUNE_SOAK=1 EVERTUNE_GUARANTEES=build/injections.jsonl python -m pytest
python docs/guarantees.py build/injections.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("reference") / "guarantees.md"
HEAD = """# What was tried to break

Each row is a kind of fault that tests inject, how often one run does, what comes of it, and the test that proves it.
Nothing is lost and nothing is silently wrong: a test that finds otherwise fails, and its faults are not counted here.

Generated from a run of the tests by `make guarantees`, which injects more than CI does.
In all: {kinds} kinds of fault, {count} injections.

| fault | injections | outcome | test |
|---|---|---|---|
"""


def page(lines: list[str]) -> str:
    """The page from the lines that tests wrote, one JSON object each."""
    counts: dict[tuple[str, str, str], int] = {}
    for line in lines:
        one = json.loads(line)
        key = (one["kind"], one["outcome"], one["test"])
        counts[key] = counts.get(key, 0) + one["count"]
    rows = [f"| {kind} | {count} | {outcome} | `{test}` |" for (kind, outcome, test), count in sorted(counts.items())]
    kinds = len({kind for kind, _, _ in counts})
    return HEAD.format(kinds=kinds, count=sum(counts.values())) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()), encoding="utf-8")
