"""What changed since the revision before, from the statistics of both: facts and a page beside the new one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from components.shared import registry
from components.shared.commands import Deadline
from components.shared.drift import drifts, label_counts
from components.shared.errors import UserError
from components.shared.files import write_atomically
from components.shared.report import Cell, Page
from components.shared.sketches import compared

FACTS: Final = "drift.json"
PAGE: Final = "drift.html"
_STATISTICS: Final = "statistics.json"
_SAMPLE: Final = "sample.json"


def facts_since(earlier: str, revision: str, clone: Path, card: Path, deadline: Deadline) -> dict[str, Any] | None:
    """The facts; None where one of the two has no statistics to compare.

    Args:
        earlier: The revision before.
        revision: The new one.
        clone: A clone of the registry.
        card: What lies beside the new one.
        deadline: For git.
    """
    with suppress(UserError, ValueError, OSError, KeyError, TypeError):
        old, old_sample = (
            json.loads(registry.committed(clone, earlier, name, deadline)) for name in (_STATISTICS, _SAMPLE)
        )
        new, new_sample = (json.loads((card / name).read_bytes()) for name in (_STATISTICS, _SAMPLE))
        sides = [{name: split["rows"] for name, split in one["splits"].items()} for one in (old, new)]
        return {
            "previous_revision": earlier,
            "revision": revision,
            "rows": {name: [side.get(name, 0) for side in sides] for name in sides[1]},
            "labels": _pairs(*(label_counts(one["splits"]) for one in (old, new))),
            "texts": compared(old_sample, new_sample),
            "distributions": drifts(old["splits"], new["splits"]),
        }
    return None


def write_beside(place: Path, facts: Mapping[str, Any]) -> None:
    """Writes the facts and the page into the directory of the dataset."""
    write_atomically(place / FACTS, (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode())
    _page(facts).write(place / PAGE)


def write_report(path: Path, revision: str, place: Path, known: bool) -> None:
    """Writes the report of the step: the page of a new revision, or why there is none.

    Args:
        path: The file.
        revision: The revision that this content has.
        place: The directory of the dataset in the clone.
        known: Whether the revision was there before.
    """
    if not known and (place / PAGE).is_file():
        write_atomically(path, (place / PAGE).read_bytes())
        return
    page = Page(revision)
    page.notice("This content was versioned before." if known else "There is nothing before it to compare with.")
    page.write(path)


def _page(facts: Mapping[str, Any]) -> Page:
    page = Page(
        f"{facts['revision']} beside {facts['previous_revision']}", "What changed since the revision before this one."
    )
    page.tiles(_tiles(facts))
    moved = [one for one in facts["distributions"] if one["verdict"] != "stable"]
    page.notice(
        f"{len(moved)} of {len(facts['distributions'])} distributions drifted."
        if moved
        else "No distribution drifted.",
        "bad" if moved else "good",
    )
    page.section(
        "Distributions",
        "The population stability index: below 0.1 nothing moved, from 0.25 on much did. The p-value says how likely "
        "chance alone makes such a difference: chi-square, for lengths Kolmogorov-Smirnov.",
    )
    columns = ("split", "of", "psi", "statistic", "p_value", "verdict")
    page.table(
        ["split", "distribution of", "PSI", "statistic", "p-value", "verdict"],
        [[one[column] for column in columns] for one in facts["distributions"]],
    )
    for title, what in (("Rows", "rows"), ("Labels", "labels")):
        if facts[what].keys() - {""}:
            page.section(title)
            rows: list[list[Cell]] = [[name, *pair, pair[1] - pair[0]] for name, pair in facts[what].items()]
            page.table([what, facts["previous_revision"], facts["revision"], "change"], rows)
    return page


def _tiles(facts: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    old, new = (sum(pair[side] for pair in facts["rows"].values()) for side in (0, 1))
    texts = facts["texts"]
    note = "counted" if texts["exact"] else f"estimated from {texts['sampled']:,} texts"
    shares = {kind: texts[kind] / max(texts["sampled"], 1) for kind in ("added", "removed", "moved", "relabelled")}
    tiles = {"Rows": (f"{new:,}", f"{old:,} before")}
    for kind, share in shares.items():
        value = f"{texts[kind]:,}" if texts["exact"] else f"{share:.1%}"
        tiles[f"Texts {kind}"] = (value, f"of all texts of both, {note}" if not texts["exact"] else note)
    return tiles


def _pairs(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, list[int]]:
    return {name: [old.get(name, 0), new.get(name, 0)] for name in sorted({*old, *new})}
