"""The data card: a README in the style of Hugging Face dataset cards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from components.shared.manifest import Manifest
from components.split.config import Config

TASK_CATEGORIES: Final = {
    "classification": "text-classification",
    "multilabel_classification": "text-classification",
    "causal_lm": "text-generation",
    "masked_lm": "fill-mask",
    "translation": "translation",
    "summarization": "summarization",
    "question_answering": "question-answering",
    "chat": "text-generation",
}
"""What the Hugging Face hub calls the tasks."""
_STRAY: Final = 0.01
"""Share of the rows up to which a language is not named."""
_CODE: Final = re.compile("[a-z]{2}")
_MOST_LABELS: Final = 20
"""Of more labels no columns are shown; statistics.json counts them all."""
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def data_card(config: Config, manifest: Manifest, numbers: Mapping[str, Any]) -> str:
    """The card of a split dataset.

    Args:
        config: The options of `split`.
        manifest: The dataset's manifest.
        numbers: The content of statistics.json.
    """
    return f"""\
---
{_front_matter(config, manifest, numbers)}
---

# Data card

A dataset for {config.task}, made by cleaning and splitting its source. Its digest is `{manifest.digest}`.

## Splits

{_splits(numbers)}

No text and nothing like it lies in two splits. {_how(config)}

## Columns

{_table(["column", "type"], [("id", "string"), *map(_column, manifest.columns.items())])}

## From the source to the dataset

Of {numbers["source_rows"]:,} rows of the source these were left out:

{_table(["reason", "rows"], numbers["dropped"].items())}

Texts that an operation changed:

{_table(["operation", "texts"], numbers["changed"].items())}

## Personal data

{_personal_data(numbers)}
"""


def _how(config: Config) -> str:
    """How the rows came into their splits, in words."""
    rest = f"not more than {config.train_rows:,} rows" if config.train_rows else "the rest"
    share = f"{config.validation_fraction:g} of the rows are for validation, {rest} to train on."
    if config.frozen_test:
        parts = [f"The test set is frozen: the rows with {config.frozen_test}, and no others; {share}"]
    elif config.folds:
        parts = [f"The test set is fold {config.fold} of {config.folds}; {share}"]
    else:
        decides = "The group" if config.group_column else "A hash of the text"
        kept = "so rows of the test set stay there when the source grows."
        parts = [f"{decides} decides on the split, {kept} {config.test_fraction:g} are for the test, {share}"]
    parts += [f"Rows with the same `{config.group_column}` are in one split."] if config.group_column else []
    parts += [f"The splits are stratified by {config.stratify}."] if config.stratify else []
    if config.augment or config.balance == "oversample":
        parts.append(
            "Rows of the train set whose meta column `augmentation` is not empty were made of the row that `origin` "
            "names; the other splits hold rows of the source only."
        )
    return " ".join(parts)


def _front_matter(config: Config, manifest: Manifest, numbers: Mapping[str, Any]) -> str:
    """YAML whose values are written as JSON, which is YAML too: so no label can break it."""
    rows = sum(split["rows"] for split in numbers["splits"].values())
    fields = {
        "language": _languages(numbers["languages"]),
        "task_categories": [TASK_CATEGORIES[config.task]],
        "size_categories": [next((name for limit, name in _SIZES if rows < limit), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"{name}-*.parquet"} for name in numbers["splits"]],
            }
        ],
        "dataset_info": {
            "features": [{"name": "id", "dtype": "string"}, *_features(manifest.columns)],
            "splits": [{"name": name, "num_examples": split["rows"]} for name, split in numbers["splits"].items()],
        },
    }
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())


def _languages(rows: Mapping[str, int]) -> list[str]:
    """The languages of the kept rows, the most frequent first, but for stray ones."""
    least = _STRAY * sum(rows.values())
    named = (name for name in sorted(rows, key=lambda name: (-rows[name], name)) if _CODE.fullmatch(name))
    return [name for name in named if rows[name] > least]


def _features(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, **_feature(kind)} for name, kind in columns.items()]


def _feature(kind: Any) -> dict[str, Any]:
    if isinstance(kind, Mapping):
        return {"struct": _features(kind)}
    if isinstance(kind, list):
        (inner,) = kind
        return {"list": _features(inner) if isinstance(inner, Mapping) else inner}
    return {"dtype": kind}


def _splits(numbers: Mapping[str, Any]) -> str:
    labels = sorted({label for split in numbers["splits"].values() for label in split["labels"]} - {""})
    labels = labels if len(labels) <= _MOST_LABELS else []
    rows = (
        (name, split["rows"], *(split["labels"].get(label, 0) for label in labels), split["characters"]["median"])
        for name, split in numbers["splits"].items()
    )
    return _table(["split", "rows", *labels, "median characters"], rows)


def _column(column: tuple[str, Any]) -> tuple[str, str]:
    name, kind = column
    if isinstance(kind, list):
        return name, f"list of {_column((name, kind[0]))[1]}"
    return name, ", ".join(f"{inner}: {of}" for inner, of in kind.items()) if isinstance(kind, Mapping) else kind


def _personal_data(numbers: Mapping[str, Any]) -> str:
    if "personal data" not in numbers["changed"]:
        return "Personal data was not searched for."
    found = numbers["personal_data"]
    listed = ", ".join(f"{count:,} `<{kind}>`" for kind, count in found.items()) or "nothing, for none was found"
    return f"Replaced by placeholders: {listed}.\nNames and other ways to identify a person are not searched for."


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines: list[list[object]] = [list(columns), *(list(row) for row in rows)]
    head, *body = (f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return "\n".join([head, "| --- " * len(lines[0]) + "|", *body])


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    for character in "\\|<>`*_[]":
        text = text.replace(character, f"\\{character}")
    return text
