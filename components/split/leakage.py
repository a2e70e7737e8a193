"""Proves, from what was written, that no text and nothing like it lies in two splits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from components.shared.datasets import Dataset, row_id
from components.shared.errors import UserError
from components.shared.manifest import Columns
from components.shared.records import text_key
from components.shared.texts import COMPARED, compared_text, compared_texts
from components.split.draws import TEST, TRAIN
from components.split.enlarged import ORIGIN, source_of, way_of

if TYPE_CHECKING:
    import pyarrow as pa

BEGINNING: Final = 64
"""Bytes of folded texts that are compared at first."""
_REMEDY: Final = "this is a defect of `split`: report it, and do not use this dataset"
Row = Mapping[str, Any]
Hashes = npt.NDArray[np.int64]
_LOWER: Final = bytes(range(256)).lower()
_SPACES: Final = bytes(code for code in range(128) if chr(code).isspace())


def check_no_leak(
    dataset: Dataset,
    clusters: Collection[Sequence[str]],
    group: Callable[[Row], bytes] | None = None,
    source: Columns | None = None,
) -> None:
    """Raises UserError when two splits share a text (but for case and white space), a cluster or a group.

    Args:
        dataset: The split dataset.
        clusters: Lists of ids that must stay together; ids that are not in the dataset do not count.
        group: The identity of a row's group, empty when it has none; None if there are no groups.
        source: The schema that the ids of the clusters are of, if it is not the dataset's own.
    """
    of_id = dict.fromkeys(chain.from_iterable(clusters), "")
    simple = not group and ORIGIN not in (dataset.columns.get("meta") or {}) and source in (None, dataset.columns)
    if not simple or not _quickly_checked(dataset, of_id):
        _check_all_rows(dataset, of_id, group, source or dataset.columns)
    for cluster in clusters:
        splits = {of_id[one] for one in cluster} - {""}
        if len(splits) > 1:
            raise _shared(sorted(splits), f"a cluster, that of row {cluster[0]}")


def _quickly_checked(dataset: Dataset, of_id: dict[str, str]) -> bool:
    """Whether no two splits share a text; False if they may, which the check of all rows will tell.

    The train set comes last: of its texts only those are looked at as a whole that begin like one of another split,
    and nothing of it is kept.

    Args:
        dataset: The split dataset.
        of_id: Takes the splits of the ids that are in it.
    """
    columns = ["id", *(name for name in COMPARED if name in dataset.columns)]
    begun, seen = np.empty(0, np.int64), np.empty(0, np.int64)
    for split in _train_last(dataset):
        begun_here, seen_here = [begun], [seen]
        for table in dataset.tables(split, columns):
            _place(table["id"].to_pylist(), split, of_id)
            texts = compared_texts(table)
            begins = _hashes(beginnings(texts), len(texts))
            if split == TRAIN:
                texts = texts.filter(among(begins, begun))
            hashes = _hashes(map(folded, texts.to_pylist()), len(texts))
            if among(hashes, seen).any():
                return False
            begun_here.append(begins)
            seen_here.append(hashes)
        if split != TRAIN:
            begun, seen = _sorted(begun_here), _sorted(seen_here)
    return True


def _train_last(dataset: Dataset) -> list[str]:
    return sorted(dataset.manifest.splits, key=lambda split: split == TRAIN)


def _place(ids: Iterable[str], split: str, of_id: dict[str, str]) -> None:
    for one in ids:
        if one in of_id:
            of_id[one] = split


def _hashes(texts: Iterable[bytes], count: int) -> Hashes:
    return np.fromiter(map(hash, texts), np.int64, count)


def _sorted(parts: Sequence[Hashes]) -> Hashes:
    together: Hashes = np.concatenate(parts)
    together.sort()
    return together


def among(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which of some hashes are among others, which are ascending."""
    if not len(known):
        return np.zeros(len(hashes), bool)
    found: npt.NDArray[np.bool_] = known.take(np.searchsorted(known, hashes), mode="clip") == hashes
    return found


def beginnings(texts: pa.ChunkedArray) -> Iterator[bytes]:
    """The beginnings of texts in their folded form: the same for texts that have the same one."""
    from pyarrow import compute

    for place, head in enumerate(compute.utf8_slice_codeunits(texts, 0, 4 * BEGINNING).to_pylist()):
        begin = folded(head)
        if len(begin) < BEGINNING <= len(head):  # white space for the most part
            begin = folded(texts[place].as_py())
        yield begin[:BEGINNING]


def folded(text: str) -> bytes:
    """The same for texts that have the same `text_key`; some that differ in where there are spaces are the same too."""
    if text.isascii():
        return text.encode().translate(_LOWER, _SPACES)
    return "".join(text.casefold().split()).encode()


def _check_all_rows(
    dataset: Dataset, of_id: dict[str, str], group: Callable[[Row], bytes] | None, source: Columns
) -> None:
    """Looks at the rows one by one, at the train set last: what is in it need not be kept."""
    seen: dict[bytes, str] = {}
    for split in _train_last(dataset):
        last = ""
        for row in dataset.rows(split):
            if way_of(row):
                _check_made(row, split, last)
            else:
                last = row["id"]
                own = last if source == dataset.columns else row_id(source_of(row, source), source)
                _place({last, own}, split, of_id)
            text = compared_text(row)
            _check_one_side(seen, text_key(text), split, f"the text {text[:60]!r}")
            if of_group := group(row) if group else b"":
                _check_one_side(seen, of_group, split, f"the group {of_group.decode()}")


def _check_one_side(seen: dict[bytes, str], key: bytes, split: str, what: str) -> None:
    other = seen.get(key, split) if split == TRAIN else seen.setdefault(key, split)
    if other != split:
        raise _shared(sorted([split, other]), what)


def _check_made(row: Row, split: str, last: str) -> None:
    """Raises UserError for a made row that does not stand behind the train row that it was made of."""
    if split != TRAIN or row["meta"][ORIGIN] != last:
        raise UserError(
            f"row {row['id']} of {split} was made by {way_of(row)}, which is for train rows only",
            where="split",
            remedy=_REMEDY,
        )


def _shared(splits: Sequence[str], what: str) -> UserError:
    return UserError(f"{' and '.join(splits)} share {what}", where="split", remedy=_REMEDY)


def check_rows(rows: Mapping[str, int], frozen_test: str) -> None:
    """Raises UserError when a split has no row.

    Args:
        rows: Rows of each split.
        frozen_test: The option of that name.
    """
    if frozen_test and not rows[TEST]:
        raise UserError(f"no row has {frozen_test}", where="split.frozen_test", remedy="correct the pattern")
    for split, number in rows.items():
        if not number:
            raise UserError(
                f"the {split} set has no row", where=_share_of(split), remedy="give more texts, or a larger share"
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
                where=_share_of(split),
                remedy="give more rows of it, or a larger share",
            )


def _share_of(split: str) -> str:
    """The option that decides how many rows a split has."""
    return "split.train_rows" if split == TRAIN else f"split.{split}_fraction"
