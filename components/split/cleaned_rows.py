"""The rows that are split, with the hashes of their texts: those that `clean` computed, where it left them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from components.shared.canonical import sizes_of
from components.shared.datasets import ALL, Dataset
from components.shared.kept_texts import KEY_BYTES, read_kept_texts
from components.shared.records import text_key
from components.shared.texts import compared_text

if TYPE_CHECKING:
    import pyarrow as pa

_DECIDING: Final = ("label", "labels", "meta")
"""Columns that a split may depend on besides the text."""


class CleanedRows(Dataset):
    """The cleaned dataset.

    Args:
        directory: Its directory.
        findings: The findings of `clean`; without what it knows of the texts, they are read and hashed.
    """

    def __init__(self, directory: Path, findings: Path) -> None:
        super().__init__(directory)
        self._texts = read_kept_texts(findings, self.manifest.rows(ALL))

    @cached_property
    def keys(self) -> npt.NDArray[np.void]:
        """The hash of each row's text."""
        if self._texts is None:
            own = (text_key(compared_text(row)) for row in self.rows())
            return np.fromiter(own, f"S{KEY_BYTES}", self.manifest.rows(ALL)).view(f"V{KEY_BYTES}")
        keys, begin = np.empty(len(self._texts), f"V{KEY_BYTES}"), 0
        for chunk in self._texts["key"].chunks:
            end = begin + len(chunk)
            keys[begin:end] = np.frombuffer(chunk.buffers()[1], keys.dtype, len(chunk), chunk.offset * KEY_BYTES)
            begin = end
        self._texts = self._texts.drop_columns("key")
        return keys

    def deciding(self) -> Iterator[dict[str, Any]]:
        """The rows without their texts."""
        for table in self.tables(columns=[name for name in _DECIDING if name in self.columns]):
            yield from table.to_pylist()

    def numbers(self, ids: Collection[str]) -> Iterator[tuple[int, str]]:
        """The numbers of the rows that have certain ids, and these."""
        begin = 0
        for table in self.tables(columns=["id"]) if ids else ():
            yield from ((row, one) for row, one in enumerate(table["id"].to_pylist(), begin) if one in ids)
            begin += len(table)

    def sizes(self, begin: int, table: pa.Table) -> npt.NDArray[np.int64] | None:
        """Bytes of rows in canonical form, the first of which has the number `begin`; None where it is not known."""
        if self._texts is None:
            sizes = sizes_of(table, self.columns)
            return None if sizes is None else np.array(sizes, np.int64)
        return np.asarray(self._texts["size"].slice(begin, len(table)).to_numpy(), np.int64)
