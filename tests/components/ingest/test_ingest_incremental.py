"""Only new and changed files are read again, and the bytes are those of a full read."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from components.ingest import core
from components.ingest.config import Config
from components.resolve.source import pin_sources
from components.shared import datasets
from components.shared.directory_store import DirectoryStore
from components.shared.files import tree_digest
from components.shared.objects import open_store
from components.shared.references import pin_local


@pytest.fixture
def folder(tmp_path) -> Path:
    """A source of ten files, one with a record that is rejected."""
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.csv").write_text(f"text,label\nbad {number},0\ngood {number},1\n")
    (folder / "3.csv").write_text("text,label\nbad 3,0\nx,nan\ngood 3,1\nskip,2\n")
    return folder


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(datasets, "SHARD_ROWS", 8)


def many_rows(folder: Path) -> None:
    """Gives the files 300 rows together, in shards that begin in one and end in another."""
    for path in folder.iterdir():
        path.write_text("text,label\n" + "".join(f"{path.stem} {number},{number % 2}\n" for number in range(30)))


class Reader:
    """Reads the folder with a store, and without one to compare; tells which files were read."""

    def __init__(self, folder: Path, place: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.place, self.store = folder, place, store
        self.read: list[str] = []
        self.pin = lambda: str(pin_local(str(folder), "source"))
        original = core.read_records

        def noted(path, name, reading):
            self.read.append(name)
            return original(path, name, reading)

        monkeypatch.setattr(core, "read_records", noted)

    def __call__(self, **options) -> list[str]:
        reference = self.pin()
        for store in ("", self.store):
            self.read.clear()
            settings = {"task": "classification", "max_reject_share": 0.5, "label_map": "0=neg,1=pos,2=odd", **options}
            outputs = {name: self.place / f"{name}{bool(store)}" for name in ("raw", "evaluation_texts", "rejects")}
            core.run(Config(source_reference=reference, store=store, **outputs, **settings))
        for kind in ("raw", "rejects"):
            assert tree_digest(self.place / f"{kind}True") == tree_digest(self.place / f"{kind}False"), kind
        return self.read


@pytest.fixture
def read(folder, tmp_path, monkeypatch) -> Reader:
    return Reader(folder, tmp_path, str(tmp_path / "store"), monkeypatch)


def test_only_new_and_changed_files_are_read_again(read, folder):
    assert len(read()) == 10
    assert read() == []
    (folder / "5.csv").write_text("text,label\nother,0\n")
    (folder / "new.csv").write_text("text,label\nnew,1\n")
    (folder / "7.csv").unlink()
    assert read() == ["5.csv", "new.csv"]
    assert read() == []
    (folder / "8.csv").touch()
    assert read() == [], "the content counts, not the time"


def test_options_that_change_rows_are_part_of_what_is_known(read):
    read()
    assert len(read(encoding="utf-8")) == 10
    assert len(read(label_map="0=a,1=b,2=c")) == 10
    assert len(read(meta_columns="file")) == 10
    assert read(max_source_gb=1.0) == []


RECORDS = {
    "causal_lm": {"text": "one text of many \x01"},
    "multilabel_classification": {"text": "one text", "labels": ["a", "b"]},
    "question_answering": {"question": "who", "context": "it is me", "answers": [{"text": "me", "start": 6}]},
    "chat": {"messages": [{"role": "user", "content": "well"}, {"role": "assistant", "content": "yes"}]},
}


@pytest.mark.parametrize("task", RECORDS)
def test_rows_of_all_kinds_are_taken_over_as_they_were(read, folder, task):
    for number, path in enumerate(folder.iterdir()):
        path.unlink()
        rows = [RECORDS[task], {**RECORDS[task], "n": number}]
        path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"task": task, "label_map": ""}
    assert len(read(**options)) == 10
    assert read(**options) == []


def test_a_character_that_is_rare_in_json_is_taken_over(read, folder):
    (folder / "0.csv").write_text("text,label\n" + "\n".join(f"bad \x01{n},{n % 2}" for n in range(50)) + "\n")
    assert len(read()) == 10
    assert read() == []


def test_in_s3(folder, tmp_path, monkeypatch, s3):
    read = Reader(folder, tmp_path, s3, monkeypatch)
    assert len(read()) == 10
    assert read() == []


@pytest.mark.parametrize("kept", ["*.parquet", "found.json"])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: data.replace(b"b", b"x")])
def test_what_is_damaged_is_read_again(read, tmp_path, kept, damage):
    read()
    for path in (tmp_path / "store").rglob(kept):
        path.write_bytes(damage(path.read_bytes()))
    assert len(read()) == 10
    assert read() == []


@pytest.mark.parametrize("kept", ["*.parquet", "found.json"])
def test_what_is_kept_of_others_is_read_again(read, tmp_path, kept, small_shards):
    read()
    places = sorted((tmp_path / "store").rglob(kept))
    found = [path.read_bytes() for path in places]
    for path, other in zip(places, [*found[1:], found[0]], strict=True):
        path.write_bytes(other)
    assert len(read()) == 10
    assert read() == []


def test_a_lost_shard_costs_the_files_in_it_only(read, tmp_path, folder, small_shards):
    many_rows(folder)
    read()
    (first, *others) = sorted((tmp_path / "store").rglob("*.parquet"))
    assert len(others) > 20
    first.unlink()
    assert len(read()) in (1, 2)
    assert first.exists()


def test_shards_are_written_again_only_where_rows_changed(read, folder, small_shards, monkeypatch):
    many_rows(folder)
    written = []
    original = datasets.write_shard
    monkeypatch.setattr(datasets, "write_shard", lambda table, path: written.append(path) or original(table, path))

    def read_with_store():
        read()
        return sum("rawTrue" in str(path) for path in written), written.clear()

    read_with_store()
    assert read_with_store()[0] == 0
    (folder / "99.csv").write_text("text,label\nappended,0\n")
    assert read_with_store()[0] in (1, 2)
    assert read_with_store()[0] == 0
    (folder / "4.csv").write_text("text,label\nfew rows,0\nare left,1\n")
    (folder / "0.csv").unlink()
    assert read_with_store()[0] <= 5
    assert read_with_store()[0] == 0


def test_a_killed_run_leaves_what_the_next_one_can_use(read, folder, tmp_path, small_shards, monkeypatch):
    many_rows(folder)
    with monkeypatch.context() as patch:
        puts = []
        original = DirectoryStore.put

        def killed(self, key, data):
            puts.append(key)
            if len(puts) == 6:
                raise KeyboardInterrupt
            original(self, key, data)

        patch.setattr(DirectoryStore, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            read()
    assert not list(tmp_path.glob(".*"))
    assert len(read()) == 5
    assert read() == []


def test_sources_with_weights_are_taken_over_as_they_were(read, folder, small_shards):
    many_rows(folder)
    read.pin = lambda: pin_sources(f"3={folder}/1.csv,1={folder}/2.csv", {})
    assert read() == ["1.csv", "2.csv"]
    assert read() == []


def test_garbage_collection_may_take_it_away(read, tmp_path):
    from components.shared import garbage

    read()
    store = open_store(str(tmp_path / "store"))
    assert list(garbage.kept_work(store, 3600.0)) == []
    (found,) = garbage.kept_work(store, 0.0)
    assert (found.kind, found.delete()) == ("readings", True)
    assert store.keys("readings/") == []
    assert len(read()) == 10


def test_half_of_it_is_nothing(read, tmp_path):
    read()
    for path in (tmp_path / "store").rglob("found.json"):
        path.unlink()
    assert len(read()) == 10


def test_a_store_that_fails_costs_time_and_nothing_else(read, monkeypatch, caplog, s3):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    read.store = s3
    with caplog.at_level(logging.WARNING):
        assert len(read()) == 10
    assert "will be read again next time" in caplog.text


def test_a_file_with_very_many_rejects_is_not_kept(read, folder, monkeypatch):
    monkeypatch.setattr("components.ingest.known_files.KEPT_REJECTS", 0)
    read()
    assert read() == ["3.csv"]


def test_objects_in_s3_are_not_even_downloaded(folder, tmp_path, monkeypatch, s3):
    from components.shared import s3_source

    store = open_store(s3)
    for path in sorted(folder.iterdir()):
        store.upload(path, f"data/{path.name}")
    downloads = []
    original = s3_source._download
    monkeypatch.setattr(s3_source, "_download", lambda *words: downloads.append(words[1].name) or original(*words))

    def read():
        downloads.clear()
        reference = str(s3_source.pin_s3(f"{s3}/data", "source"))
        outputs = {name: tmp_path / name for name in ("raw", "evaluation_texts", "rejects")}
        core.run(Config(source_reference=reference, store=s3, task="classification", max_reject_share=0.5, **outputs))
        return list(downloads)

    assert len(read()) == 10
    store.put("data/5.csv", b"text,label\nnew,1\n")
    assert read() == ["5.csv"]
