"""Shards of the cleaned dataset are taken from the store where their rows come together again, with the same bytes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from components.clean import kept_shards
from components.clean.kept_shards import KeptShardsWriter
from components.shared import datasets
from components.shared.datasets import Dataset, DatasetWriter
from components.shared.files import staged_directory, tree_digest
from components.shared.objects import open_store
from tests.components.clean.cleaner import TEXTS

FEW = TEXTS[:500]
APPENDED = [*FEW, *(f"something else, number {number}" for number in range(10))]


@pytest.fixture
def written(monkeypatch):
    """The names of cleaned shards that are written."""
    names, original = [], datasets.write_shard

    def noted(table, path):
        if "cleaned" in str(path):
            names.append(path.name)
        return original(table, path)

    monkeypatch.setattr(datasets, "write_shard", noted)
    return names


def shards_of(cleaner):
    return sorted(path.name for path in (cleaner.place / "cleaned").glob("*.parquet"))


def test_only_shards_with_other_rows_are_written_again(cleaner, written):
    store = str(cleaner.place / "store")
    cleaner(FEW, store=store)
    assert written == (before := shards_of(cleaner))
    assert len(before) >= 3
    written.clear()
    _, digests = cleaner(APPENDED, store=store)
    now = shards_of(cleaner)
    assert written == now[len(before) - 1 :]
    assert cleaner(APPENDED)[1] == digests


def test_other_options_give_the_bytes_they_give_without_a_store(cleaner, written):
    store = str(cleaner.place / "store")
    cleaner(FEW, store=store)
    written.clear()
    _, digests = cleaner(FEW, store=store, personal_data=False)
    assert written == shards_of(cleaner), "all texts are others"
    written.clear()
    assert cleaner(FEW, personal_data=False)[1] == digests


def test_shards_in_s3(cleaner, s3, written):
    _, digests = cleaner(FEW, store=s3)
    keys = [key for key in open_store(s3).keys("cleanings/") if key.endswith(("/shard.parquet", "/shard.sha256"))]
    assert len(keys) == 2 * len(shards_of(cleaner))
    written.clear()
    assert cleaner(FEW, store=s3)[1] == digests
    assert written == []


class Writing:
    """Writes a dataset in one piece or in more."""

    def __init__(self, place, columns, rows):
        self.place, self.columns, self.rows = place, columns, rows

    def __call__(self, store="", pieces=1):
        """The digest of all files; with a store they are taken from it where they can be."""
        with staged_directory(self.place / "plain") as directory:
            writer = DatasetWriter(directory, self.columns)
            for row in self.rows:
                writer.write(row)
            writer.finish()
        table, ends = Dataset(self.place / "plain").table(), [len(self.rows) * n // pieces for n in range(pieces + 1)]
        with staged_directory(self.place / "cleaned") as directory:
            writer = KeptShardsWriter(directory, self.columns, store)
            for begin, end in pairwise(ends):
                writer.write_table(table.slice(begin, end - begin), [100] * (end - begin))
            writer.finish()
        digest = tree_digest(self.place / "cleaned")
        assert digest == tree_digest(self.place / "plain")
        return digest


@pytest.fixture
def writing(tmp_path, small_shards):
    """Writes 300 rows of all kinds of columns into a few shards."""
    columns = {"labels": ["string"], "answers": [{"text": "string", "start": "int64"}], "meta": {"a": "string"}}
    rows = [
        {
            "labels": ["a"] * (n % 3),
            "answers": [{"text": "b", "start": n}] * (n % 2),
            "meta": {"a": "c" * (n % 4) or None},
        }
        for n in range(300)
    ]
    return Writing(tmp_path, columns, rows)


@pytest.mark.parametrize("pieces", [1, 2, 7, 300])
def test_pieces_that_rows_come_in_do_not_change_their_file(writing, written, pieces):
    store = str(writing.place / "store")
    writing(store, pieces)
    written.clear()
    writing(store)
    assert written == []


def flipped(path: Path) -> None:
    path.write_bytes(bytes(byte ^ (place == 30) for place, byte in enumerate(path.read_bytes())))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flipped, truncated, emptied, Path.unlink])
@pytest.mark.parametrize("name", ["shard.parquet", "shard.sha256"])
def test_damaged_shards_are_written_again(writing, written, name, damage):
    store = writing.place / "store"
    writing(str(store))
    shards = list(written)
    assert len(shards) >= 3
    for path in store.rglob(name):
        damage(path)
    written.clear()
    writing(str(store))
    assert written == shards
    written.clear()
    writing(str(store))
    assert written == [], "they are mended"


def test_shards_under_the_names_of_others_are_written_again(writing, written):
    store = writing.place / "store"
    writing(str(store))
    one, other = sorted(path.parent for path in store.rglob("shard.sha256"))[:2]
    one.rename(store / "between")
    other.rename(one)
    (store / "between").rename(other)
    written.clear()
    writing(str(store))
    assert len(written) == 2


def test_what_decides_about_the_bytes_names_another_file(writing, written, monkeypatch):
    store, columns = str(writing.place / "store"), writing.columns
    turned = dict(reversed(columns.items()))  # the ids are the same
    for given, newly in ((columns, True), (columns, False), (turned, True), (turned, False)):
        written.clear()
        writing.columns = given
        writing(store)
        assert bool(written) == newly
    monkeypatch.setattr(kept_shards, "version", lambda name: "0")
    written.clear()
    writing(store)
    assert written


def test_a_store_that_cannot_be_written_costs_time_only(writing, caplog):
    (store := writing.place / "store").write_text("a file")
    writing(str(store))
    assert "will be written again next time" in caplog.text
