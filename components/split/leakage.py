"""Proves, from what was written, that no text and nothing like it lies in two splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.records import text_key
from components.shared.texts import compared_text

_REMEDY = "this is a defect of `split`: report it, and do not use this dataset"


def check_no_leak(dataset: Dataset, clusters: Iterable[Sequence[str]]) -> None:
    """Raises UserError when two splits share a text (but for case and white space) or a cluster.

    Args:
        dataset: The split dataset.
        clusters: Lists of ids that must stay together; ids that are not in the dataset do not count.
    """
    of_text: dict[bytes, str] = {}
    of_id: dict[str, str] = {}
    for split in dataset.manifest.splits:
        for row in dataset.rows(split):
            of_id[row["id"]] = split
            text = compared_text(row)
            other = of_text.setdefault(text_key(text), split)
            if other != split:
                raise UserError(f"{split} and {other} share the text {text[:60]!r}", where="split", remedy=_REMEDY)
    for cluster in clusters:
        _check_cluster({of_id[row] for row in cluster if row in of_id}, cluster)


def _check_cluster(splits: set[str], cluster: Sequence[str]) -> None:
    if len(splits) > 1:
        raise UserError(
            f"{' and '.join(sorted(splits))} share a cluster, that of row {cluster[0]}", where="split", remedy=_REMEDY
        )


def check_labels(labels: Mapping[str, Mapping[str, int]]) -> None:
    """Raises UserError when a split lacks a label that another has.

    Args:
        labels: For each split, the rows of each label.
    """
    known = {label for counts in labels.values() for label in counts}
    for split, counts in labels.items():
        for label in sorted(known - counts.keys()):
            raise UserError(
                f"the {split} set has no row with the label {label!r}",
                where=f"split.{'train_rows' if split == 'train' else split + '_fraction'}",
                remedy="give more rows of it, or a larger share",
            )
