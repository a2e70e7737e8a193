"""The report of `split`: sizes, balance and lengths of the three sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from components.shared import charts
from components.shared.report import Page
from components.split.statistics import SplitStatistics

_NOTES: Final = {"train": "to learn from", "validation": "to choose the best model", "test": "to measure it"}


def write_report(
    path: Path, numbers: Mapping[str, Any], splits: Mapping[str, SplitStatistics], dropped: Mapping[str, int]
) -> None:
    """Writes the HTML report.

    Args:
        path: The file.
        numbers: The content of statistics.json.
        splits: The numbers of each split, with the length of each text.
        dropped: Rows that `split` dropped, by reason.
    """
    page = Page("Train, validation and test sets", "Sizes, balance and lengths of the sets.")
    page.tiles({name: (f"{split['rows']:,} rows", _NOTES[name]) for name, split in numbers["splits"].items()})
    page.notice("No text and nothing like it lies in two sets: checked on the rows as they were written.", "good")
    page.figures(_charts(numbers, splits))
    page.section("Labels", "Rows of each label, and their share of the set.")
    page.table(["label", *(word for name in splits for word in (name, "share"))], _labels(numbers))
    page.section("Lengths", "Characters of the texts.")
    page.table(
        ["set", "shortest", "median", "longest"],
        [[name, *split["characters"].values()] for name, split in numbers["splits"].items()],
    )
    page.section("Left out here", "Rows of the cleaned dataset that are in no set.")
    page.table(["reason", "rows"], list(dropped.items()) or [["none", 0]])
    page.section("Copies in the source", "How often the kept texts are in the source: what a random split would leak.")
    page.table(["copies", "texts"], [[copies, texts] for copies, texts in numbers["copies"].items()])
    page.write(path)


def _charts(numbers: Mapping[str, Any], splits: Mapping[str, SplitStatistics]) -> list[tuple[str, str]]:
    labels = _known_labels(numbers)
    shares = {
        name: [split["labels"].get(label, 0) / max(split["rows"], 1) for label in labels]
        for name, split in numbers["splits"].items()
    }
    every = sorted(length for split in splits.values() for length in split.lengths)
    limit = every[int(0.99 * (len(every) - 1))]
    lengths = {name: [min(length, limit) for length in split.lengths] for name, split in splits.items()}
    return [
        (charts.bars(shares, labels, axis="share of the set"), "Share of each label: the sets should look alike."),
        (charts.histogram(lengths, x="characters"), "Lengths of the texts; the longest 1 % stand in the last bar."),
    ]


def _labels(numbers: Mapping[str, Any]) -> list[list[Any]]:
    splits = numbers["splits"].values()
    return [
        [label, *(cell for s in splits for cell in (s["labels"].get(label, 0), s["labels"].get(label, 0) / s["rows"]))]
        for label in _known_labels(numbers)
    ]


def _known_labels(numbers: Mapping[str, Any]) -> list[str]:
    return sorted({label for split in numbers["splits"].values() for label in split["labels"]})
