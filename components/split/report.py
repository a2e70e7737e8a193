"""The report of `split`: sizes, balance, lengths and clusters of the three sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.shared import charts
from components.shared.distributions import Drift, by_length, by_name
from components.shared.report import Cell, Page
from components.split.balance import class_weights, single_labels
from components.split.config import Config
from components.split.draws import SPLITS, TRAIN
from components.split.falls import LEFT_OUT, Falls
from components.split.statistics import SplitStatistics, value_at

_NOTES: Final = {"train": "to learn from", "validation": "to choose the best model", "test": "to measure it"}
_MANY_UNKNOWN: Final = 0.05
_MOST_BARS: Final = 12
"""A column with more values has a table and no chart."""
_SIDE_BY_SIDE: Final = 4
_EXCERPT: Final = 160
_SHORT: Final = 14
"""Letters of a label that stands beside three others."""


def write_report(
    config: Config,
    numbers: Mapping[str, Any],
    splits: Mapping[str, SplitStatistics],
    dropped: Mapping[str, int],
    falls: Falls,
    variants: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    """Writes the HTML report.

    Args:
        config: The configuration.
        numbers: The content of statistics.json.
        splits: The numbers of each split, with the length of each text.
        dropped: Rows that `split` dropped, by reason.
        falls: How clusters fell.
        variants: For each way to make variants, texts and what was made of them.
    """
    page = Page("Train, validation and test sets", _subtitle(config))
    page.tiles(_tiles(numbers, falls))
    page.notice("No text and nothing like it lies in two sets: checked on the rows as they were written.", "good")
    page.figures(_charts(config, numbers, splits))
    _alike(page, numbers)
    _values(page, "Labels", "Rows of each label, and their share of the set.", _by_split(numbers, "labels"))
    _weights(page, config, numbers)
    for column in _meta_columns(numbers):
        by_split = {name: split["meta"].get(column, {}) for name, split in numbers["splits"].items()}
        _values(page, f"Column {column}", "Rows of each value, and their share of the set.", by_split)
    page.section("Lengths", "Characters of the texts.")
    page.table(
        ["set", "shortest", "median", "longest"],
        [[name, *split["characters"].values()] for name, split in numbers["splits"].items()],
    )
    _tokens(page, config, numbers)
    _clusters(page, falls)
    _made(page, numbers, variants)
    page.section(
        "Left out here",
        "Rows of the cleaned dataset that are in no set. No row leaves the test set, "
        "also when one of its duplicates turns out to have another label.",
    )
    page.table(["reason", "rows"], list(dropped.items()) or [["none", 0]])
    page.section("Copies in the source", "How often the kept texts are in the source: what a random split would leak.")
    page.table(["copies", "texts"], [[copies, texts] for copies, texts in numbers["copies"].items()])
    page.write(config.report)


def _subtitle(config: Config) -> str:
    parts = ["Sizes, balance, lengths and clusters of the sets."]
    parts += [f"Stratified by {config.stratify}."] if config.stratify else []
    parts += [f"Grouped by {config.group_column}."] if config.group_column else []
    parts += [f"Fold {config.fold} of {config.folds}."] if config.folds else []
    parts += [f"The test set is frozen: {config.frozen_test}."] if config.frozen_test else []
    return " ".join(parts)


def _tiles(numbers: Mapping[str, Any], falls: Falls) -> dict[str, tuple[str, str]]:
    tiles = {name: (f"{split['rows']:,} rows", _NOTES[name]) for name, split in numbers["splits"].items()}
    clusters = sum(counts["clusters"] for counts in falls.sizes.values())
    tiles["clusters"] = (f"{clusters:,}", "of two rows or more that are never parted")
    if made := sum(numbers["splits"][TRAIN]["made"].values()):
        tiles["made"] = (f"{made:,} rows", "of train are copies or variants of others")
    return tiles


def _charts(config: Config, numbers: Mapping[str, Any], splits: Mapping[str, SplitStatistics]) -> list[tuple[str, str]]:
    every = sum((split.lengths for split in splits.values()), Counter[int]())
    most = value_at(every, int(0.99 * (every.total() - 1)))
    lengths = {name: [min(length, most) for length in split.lengths] for name, split in splits.items()}
    rows = {name: list(split.lengths.values()) for name, split in splits.items()}
    chart = charts.histogram(lengths, x="characters", weights=rows)
    figures = [(chart, "Lengths of the texts; the longest 1 % stand in the last bar.")]
    columns = {column: f"column {column}" for column in _meta_columns(numbers)}
    by_column = {
        column: {name: s["meta"].get(column, {}) for name, s in numbers["splits"].items()} for column in columns
    }
    for name, by_split in {"label": _by_split(numbers, "labels"), **by_column}.items():
        known = _known(by_split)
        if 1 < len(known) <= _MOST_BARS:
            shares = {split: [_share(counts, value) for value in known] for split, counts in by_split.items()}
            chart = charts.bars(shares, known, axis="share of the set", horizontal=_need_room(known))
            figures.append((chart, f"Share of each {columns.get(name, name)}: {_expected(config)}."))
    return figures


def _expected(config: Config) -> str:
    """What the shares of the sets should look like."""
    if config.balance == "none":
        return "the sets should look alike"
    return f"validation and test should look alike; train is balanced ({config.balance})"


def _need_room(labels: Sequence[str]) -> bool:
    """Whether labels side by side would run into each other."""
    return len(labels) > _SIDE_BY_SIDE or max(map(len, labels)) > _SHORT


def _alike(page: Page, numbers: Mapping[str, Any]) -> None:
    """How far each other set is from the train set."""
    page.section(
        "Are the sets alike?",
        "Each set beside the train set: the population stability index (below 0.1 nothing differs, from 0.25 on much "
        "does) and the probability that chance alone makes such a difference (chi-square; for lengths, "
        "Kolmogorov-Smirnov).",
    )
    rows: list[list[Cell]] = []
    train = numbers["splits"][TRAIN]
    for name in SPLITS[1:]:
        other = numbers["splits"][name]
        found: dict[str, Drift] = {}
        if len(_known(_by_split(numbers, "labels"))) > 1:
            found["label"] = by_name(train["labels"], other["labels"])
        found["length"] = by_length(train["lengths"], other["lengths"])
        for column in _meta_columns(numbers):
            found[column] = by_name(train["meta"].get(column, {}), other["meta"].get(column, {}))
        rows += [[name, what, one.psi, one.statistic, one.p_value, one.verdict] for what, one in found.items()]
    page.table(["set", "distribution of", "PSI", "statistic", "p-value", "verdict"], rows)


def _values(page: Page, title: str, text: str, by_split: Mapping[str, Mapping[str, int]]) -> None:
    known = _known(by_split)
    if known == [""]:
        return
    page.section(title, text)
    page.table(
        ["value", *(word for name in by_split for word in (name, "share"))],
        [
            [value, *(cell for c in by_split.values() for cell in (c.get(value, 0), _share(c, value)))]
            for value in known
        ],
    )


def _weights(page: Page, config: Config, numbers: Mapping[str, Any]) -> None:
    labels = numbers["splits"][TRAIN]["labels"]
    if config.task == "multilabel_classification":
        labels = single_labels(labels)
    if len(labels) < 2:
        return
    page.text(
        f"Balance of the train set: {config.balance}. What train makes of “class_weights: balanced” stands below; "
        "weights near 1 change nothing."
    )
    page.table(["label", "weight"], list(class_weights(labels).items()))


def _tokens(page: Page, config: Config, numbers: Mapping[str, Any]) -> None:
    if "tokens" not in numbers:
        return
    page.section(
        "Tokens",
        f"Counted with {config.tokenizer}. Training on {config.max_tokens} tokens cuts the named share of texts and "
        "loses that share of all tokens with their ends; unknown tokens stand for what the vocabulary lacks.",
    )
    columns = {
        "tokens": "tokens",
        "median": "median of a text",
        "p95": "95 % have at most",
        "longest": "longest",
        "cut_share": "texts cut",
        "lost_share": "tokens lost",
        "unknown_share": "tokens unknown",
    }
    rows = [[split, *(found[name] for name in columns)] for split, found in numbers["tokens"].items()]
    page.table(["set", *columns.values()], rows)
    if (unknown := numbers["tokens"][TRAIN]["unknown_share"]) > _MANY_UNKNOWN:
        page.notice(
            f"The tokenizer does not know {unknown:.0%} of the tokens of the train set: a model reads nothing there. "
            "Choose a base model for the language of the texts, or train a vocabulary with "
            "“evertune datasets tokenizer”.",
            "bad",
        )


def _clusters(page: Page, falls: Falls) -> None:
    page.section(
        "Clusters of texts that are alike",
        "Each lies in one set. Where a later row ties clusters of two sets, the less protected side is left out.",
    )
    columns = ["clusters", *SPLITS, LEFT_OUT]
    page.table(
        ["rows in the cluster", *columns],
        [[size, *(counts[column] for column in columns)] for size, counts in falls.sizes.items()]
        or [["none", *[0] * 5]],
    )
    if shown := falls.shown():
        page.text("The first rows of the largest clusters:")
        page.table(["rows in the cluster", "set", "text"], shown)


def _made(page: Page, numbers: Mapping[str, Any], variants: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    made = numbers["splits"][TRAIN]["made"]
    if made:
        page.section("Made for training", "Rows of the train set that were made of others; their meta columns say how.")
        page.table(["way", "rows"], list(made.items()))
    if variants:
        page.text("The first variants: read whether they still mean what their label says.")
        rows = [
            [way, text[:_EXCERPT], variant[:_EXCERPT]]
            for way, shown in sorted(variants.items())
            for text, variant in shown
        ]
        page.table(["way", "text", "variant"], rows)


def _by_split(numbers: Mapping[str, Any], what: str) -> dict[str, Mapping[str, int]]:
    return {name: split[what] for name, split in numbers["splits"].items()}


def _known(by_split: Mapping[str, Mapping[str, int]]) -> list[str]:
    return sorted({value for counts in by_split.values() for value in counts})


def _meta_columns(numbers: Mapping[str, Any]) -> list[str]:
    """Columns that are counted in every split and say something about the source."""
    found = (set(split["meta"]) for split in numbers["splits"].values() if split["rows"])
    return sorted(set.intersection(*found) - {"origin", "augmentation"})


def _share(counts: Mapping[str, int], value: str) -> float:
    return counts.get(value, 0) / max(sum(counts.values()), 1)
