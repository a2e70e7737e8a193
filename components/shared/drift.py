"""What moved between two versions of a dataset, from the statistics that lie beside each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from components.shared.distributions import Drift, by_length, by_name

ALL_SPLITS: Final = "all"
MADE: Final = ("origin", "augmentation")
"""Meta columns that tell what a row was made of, and nothing of the source."""
Splits = Mapping[str, Mapping[str, Any]]


def drifts(old: Splits, new: Splits) -> list[dict[str, Any]]:
    """How far each distribution moved, in all splits together and in each.

    Args:
        old: The numbers of each split, as they stand in statistics.json.
        new: The same of the newer version.
    """
    found = []
    for split in (ALL_SPLITS, *new):
        for what, drift in _of_split(*(_numbers(splits, split) for splits in (old, new))):
            found.append({"split": split, "of": what, **asdict(drift), "verdict": drift.verdict})
    return found


def label_counts(splits: Splits) -> Counter[str]:
    """Rows of each label in all splits."""
    return sum((Counter(split.get("labels", {})) for split in splits.values()), Counter())


def _of_split(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Drift]]:
    if {*old["labels"], *new["labels"]} - {""}:
        yield "label", by_name(old["labels"], new["labels"])
    yield "length", by_length(old["lengths"], new["lengths"])
    for column in sorted((old["meta"].keys() & new["meta"].keys()) - {*MADE}):
        yield column, by_name(old["meta"][column], new["meta"][column])


def _numbers(splits: Splits, name: str) -> dict[str, Any]:
    """The numbers of a split, or those of all added up."""
    chosen = [split for split_name, split in splits.items() if name in (split_name, ALL_SPLITS)]
    meta: dict[str, Counter[str]] = {}
    for split in chosen:
        for column, counts in split.get("meta", {}).items():
            meta.setdefault(column, Counter()).update(counts)
    added = {what: Counter[str]() for what in ("labels", "lengths")}
    for split in chosen:
        for what, counts in added.items():
            counts.update(split.get(what, {}))
    return {**added, "meta": meta}
