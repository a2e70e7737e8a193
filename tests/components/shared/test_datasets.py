"""Datasets: content decides on ids, digest and shard boundaries; what is not whole is refused."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from components.shared import datasets
from components.shared.datasets import Dataset, DatasetWriter, row_id
from components.shared.errors import UserError
from components.shared.files import staged_directory, tree_digest
from components.shared.manifest import damage
from components.shared.records import columns_of
from components.shared.shard_files import StoredRows

COLUMNS = columns_of("classification", ["site"])


def row(number, text=None):
    return {"text": text or f"text {number} 好😀", "label": "ab"[number % 2], "meta": {"site": "x"}}


def write(directory, rows, columns=COLUMNS, splits=("all",)):
    with staged_directory(directory) as staged:
        writer = DatasetWriter(staged, columns, splits)
        for one in rows:
            writer.write(one, splits[0])
        writer.finish()
    return Dataset(directory)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(datasets, "SHARD_ROWS", 16)


def test_rows_come_back_in_order_with_their_ids(tmp_path):
    rows = [row(number) for number in range(2500)]
    dataset = write(tmp_path / "d", rows)
    found = list(dataset.rows())
    assert [{name: one[name] for name in COLUMNS} for one in found] == rows
    assert found[7]["id"] == row_id(rows[7], COLUMNS)
    assert dataset.table().num_rows == dataset.manifest.rows("all") == 2500


def test_columns_keep_their_order(tmp_path):
    dataset = write(tmp_path / "d", [row(1)])
    assert list(dataset.columns) == ["text", "label", "meta"]
    assert parquet.read_schema(tmp_path / "d" / "all-00000.parquet").names == ["id", "text", "label", "meta"]


def test_same_rows_same_bytes(tmp_path, small_shards):
    rows = [row(number) for number in range(200)]
    write(tmp_path / "a", rows)
    write(tmp_path / "b", rows)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) > 5
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_id_is_a_hash_of_the_content():
    assert row_id(row(1), COLUMNS) == "bc128ec92abdcee0fddd3282cd0a88f3"
    assert row_id(row(1), COLUMNS) != row_id({**row(1), "label": "a"}, COLUMNS)
    assert row_id(dict(reversed(row(1).items())), COLUMNS) == row_id(row(1), COLUMNS)


def test_appended_rows_change_two_shards_at_most(tmp_path, small_shards):
    rows = [row(number) for number in range(400)]
    before = write(tmp_path / "a", rows).manifest.splits["all"]
    after = write(tmp_path / "b", [*rows, row(1000)]).manifest.splits["all"]
    assert len(before) > 10
    assert len(set(after) - set(before)) <= 2


def test_an_edited_row_changes_few_shards(tmp_path, small_shards):
    rows = [row(number) for number in range(400)]
    before = write(tmp_path / "a", rows).manifest.splits["all"]
    rows[200] = row(200, "edited")
    digests = {shard.rows_digest for shard in write(tmp_path / "b", rows).manifest.splits["all"]}
    assert len({shard.rows_digest for shard in before} - digests) <= 2


def test_tables_make_the_same_files_as_rows(tmp_path, small_shards):
    rows = [row(number, "long " * (number % 70)) for number in range(300)]
    write(tmp_path / "a", rows)
    table = Dataset(tmp_path / "a").table()
    with staged_directory(tmp_path / "b") as staged:
        writer = DatasetWriter(staged, COLUMNS)
        for begin in range(0, 300, 41):
            sizes = [len(datasets.canonical_form(COLUMNS)(one)) for one in rows[begin : begin + 41]]
            writer.write_table(table.slice(begin, 41), sizes)
        writer.finish()
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) > 5
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.sets(st.integers(1, 119), max_size=8),
    chosen=st.lists(st.integers(0, 9), max_size=12),
    size=st.sampled_from([400, 1 << 20]),
)
def test_stored_rows_make_the_same_files_as_rows(tmp_path_factory, cuts, chosen, size):
    """Pieces of a dataset, in another order, more than once or not at all, with new rows between some of them."""
    place = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    rows = [row(number) for number in range(120)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "SHARD_ROWS", 16)
        patch.setattr(datasets, "SHARD_BYTES", size)
        stored = StoredWriter(place / "before", rows)
        pieces = list(itertools.pairwise([0, *sorted(cuts), 120]))
        expected = []
        with staged_directory(place / "stored") as staged:
            writer = DatasetWriter(staged, COLUMNS)
            for number in chosen or range(10):
                if number < len(pieces):
                    expected += rows[slice(*pieces[number])]
                    for part in stored.parts(*pieces[number]):
                        writer.write_stored(part)
                elif chosen:
                    expected.append(row(1000 + number))
                    writer.write(expected[-1])
            writer.finish()
        write(place / "rows", expected)
    assert tree_digest(place / "stored") == tree_digest(place / "rows")


class StoredWriter(DatasetWriter):
    """A dataset of rows that tells where each of them lies."""

    def __init__(self, directory, rows):
        directory.mkdir()
        super().__init__(directory, COLUMNS)
        self.shards = []
        for one in rows:
            self.write(one)
        self.finish()

    def shard_written(self, shard, *, ends):
        self.shards.append((shard, ends))

    def parts(self, begin, end):
        at = 0
        for shard, ends in self.shards:
            first, last = max(begin - at, 0), min(end - at, shard.rows)
            if first < last:
                yield StoredRows(self.directory / shard.file, shard.sha256, shard.rows, ends, first, last)
            at += shard.rows


def test_lists_in_tables_make_the_same_files_as_in_rows(tmp_path):
    columns = {"labels": ["string"], "answers": [{"text": "string", "start": "int64"}]}
    rows = [{"labels": ["a"] * (n % 3), "answers": [{"text": "b", "start": n}] * (n % 2)} for n in range(20)]
    for name in "ab":
        with staged_directory(tmp_path / name) as staged:
            writer = DatasetWriter(staged, columns)
            if name == "a":
                for one in rows:
                    writer.write(one)
            else:
                table = next(Dataset(tmp_path / "a").tables())
                writer.write_table(table, [len(datasets.canonical_form(columns)(one)) for one in rows])
            writer.finish()
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_large_rows_end_a_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "SHARD_BYTES", 1000)
    shards = write(tmp_path / "d", [row(number, "x" * 300) for number in range(20)]).manifest.splits["all"]
    assert max(shard.rows for shard in shards) <= 4


def test_digest_does_not_depend_on_shards(tmp_path, monkeypatch):
    rows = [row(number) for number in range(100)]
    first = write(tmp_path / "a", rows)
    monkeypatch.setattr(datasets, "SHARD_ROWS", 4)
    second = write(tmp_path / "b", rows)
    assert second.manifest.digest == first.manifest.digest == second.recomputed_digest()
    assert second.manifest.splits != first.manifest.splits


def test_digest_depends_on_order_split_and_schema(tmp_path):
    rows = [row(1), row(2)]
    flat = [{"text": one["text"], "label": one["label"]} for one in rows]
    digests = {
        write(tmp_path / "a", rows).manifest.digest,
        write(tmp_path / "b", rows[::-1]).manifest.digest,
        write(tmp_path / "c", rows, splits=("train", "test")).manifest.digest,
        write(tmp_path / "d", rows, splits=("test", "train")).manifest.digest,
        write(tmp_path / "e", flat, columns_of("classification")).manifest.digest,
    }
    assert len(digests) == 5


def test_empty_split_can_be_read(tmp_path):
    dataset = write(tmp_path / "d", [row(1)], splits=("train", "test"))
    assert list(dataset.rows("test")) == []
    assert dataset.table("test").column_names == ["id", "text", "label", "meta"]


def test_directory_that_is_not_finished_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    DatasetWriter(tmp_path / "d", COLUMNS).write(row(1))
    with pytest.raises(UserError, match="not a finished dataset"):
        Dataset(tmp_path / "d")


def test_nan_is_no_value():
    with pytest.raises(ValueError, match="not JSON compliant"):
        row_id({"text": float("nan")}, {"text": "float64"})


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_any_text_comes_back(tmp_path, texts):
    dataset = write(tmp_path / "d", [row(number) | {"text": text} for number, text in enumerate(texts)])
    assert [one["text"] for one in dataset.rows()] == texts
    assert dataset.recomputed_digest() == dataset.manifest.digest


def test_damage_is_found(tmp_path, small_shards):
    dataset = write(tmp_path / "d", [row(number) for number in range(200)])
    assert damage(dataset.directory, dataset.manifest) == []
    first, second, *_ = sorted(dataset.directory.glob("*.parquet"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    second.unlink()
    (dataset.directory / "more.parquet").write_bytes(b"x")
    assert damage(dataset.directory, dataset.manifest) == [
        f"{second.name}: missing",
        "more.parquet: not in the manifest",
        f"{first.name}: content differs from the manifest",
    ]
