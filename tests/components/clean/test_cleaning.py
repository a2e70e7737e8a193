"""Shards are cleaned by any number of processes, and once only: always the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest
from pyarrow import parquet as pq

from components.clean import cleaning, known_parts, line_counting, workers
from components.clean.core import run
from components.shared.datasets import Dataset
from components.shared.directory_store import DirectoryStore
from components.shared.errors import RetryError, Terminated, UserError
from components.shared.objects import open_store
from tests.components.clean.cleaner import TEXTS, Cleaner


@pytest.fixture(autouse=True)
def several_processes(monkeypatch, small_shards):
    monkeypatch.setattr(workers, "LEAST_ROWS", 100)


@pytest.fixture
def clean(cleaner) -> Cleaner:
    return cleaner


def test_any_number_of_processes_gives_the_same_bytes(clean):
    _, alone = clean(TEXTS)
    assert len(Dataset(clean.place / "raw").manifest.splits["all"]) > 8
    assert clean(TEXTS, processes=3)[1] == alone


def test_little_memory_means_few_processes(clean):
    shards = Dataset(clean.config(TEXTS).raw).manifest.splits["all"]

    def processes(**options) -> int:
        return workers.processes(clean.config(TEXTS, **options), shards)

    assert processes(processes=4) == 4
    assert processes(processes=4, memory_mb=600) == 2
    assert processes(processes=100, memory_mb=10_000) == 1000 // 100
    assert processes(processes=0) == min(len(os.sched_getaffinity(0)), 2048 // workers.PROCESS_MB, 10)


def test_too_little_memory_is_told_before_the_work(clean, monkeypatch):
    monkeypatch.setattr(cleaning, "ROW_BYTES", 1 << 20)
    with pytest.raises(UserError, match=r"clean.memory_mb: 300 MB are too little for 1,000 rows. Give at least 1256"):
        run(clean.config(TEXTS, memory_mb=300))


def test_an_option_that_names_nothing_is_told_by_the_main_process(clean):
    with pytest.raises(UserError, match="languages"):
        run(clean.config(TEXTS, processes=2, languages="xx"))


class Killed(ProcessPoolExecutor):
    """A pool in which the process that takes a piece of work is killed instead."""

    def submit(self, *_):
        return super().submit(signal.raise_signal, signal.SIGKILL)


def test_a_killed_process_is_told(clean, monkeypatch):
    config = clean.config(TEXTS, processes=2)
    monkeypatch.setattr(workers, "ProcessPoolExecutor", Killed)
    with pytest.raises(RetryError, match="a process that cleaned was killed"):
        run(config)
    assert not config.cleaned.exists()
    assert list(clean.place.glob(".*")) == []


def test_only_new_shards_are_cleaned_again(clean):
    appended = [f"something else, number {number}" for number in range(40)]
    store = str(clean.place / "store")
    assert "before" not in clean(TEXTS, store=store)[0]
    parts = len(Dataset(clean.place / "raw").manifest.splits["all"])
    summary, digests = clean([*TEXTS, *appended], store=store)
    now = len(Dataset(clean.place / "raw").manifest.splits["all"])
    assert f"{parts - 1} of {now} shards were cleaned before" in summary
    assert clean([*TEXTS, *appended])[1] == digests


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"near_duplicate_similarity": 0.7}, True),
        ({"exact_duplicates": False}, True),
        ({"min_chars": 5}, False),
        ({"personal_data_key": "published"}, False),
        ({"repeated_lines": 3}, True),  # there is none
    ],
)
def test_what_changes_a_part_names_another_one(clean, options, known):
    store = str(clean.place / "store")
    clean(TEXTS, store=store)
    summary, digests = clean(TEXTS, store=store, **options)
    assert ("were cleaned before" in summary) == known
    assert not known or clean(TEXTS, **options)[1] == digests


def test_removed_lines_name_another_part(clean):
    store, texts = str(clean.place / "store"), [f"{text}\nsubscribe to our newsletter" for text in TEXTS]
    clean(texts, store=store)
    assert "before" not in clean(texts, store=store, repeated_lines=100)[0]


LINED = [f"{text}\nsubscribe to our newsletter" for text in TEXTS[:300]]


def test_lines_are_counted_by_any_number_of_processes_and_once(clean, monkeypatch):
    store = str(clean.place / "store")
    _, alone = clean(LINED, repeated_lines=100)
    assert alone != clean(LINED)[1]
    assert clean(LINED, repeated_lines=100, processes=2, store=store)[1] == alone
    monkeypatch.setattr(line_counting, "count_lines", None)
    assert clean(LINED, repeated_lines=100, store=store)[1] == alone
    assert "before" not in clean(LINED, repeated_lines=len(LINED) + 1, store=store)[0], "other lines are removed: none"


def test_damaged_counts_of_lines_are_made_again(clean):
    store = clean.place / "store"
    _, alone = clean(LINED, repeated_lines=100, store=str(store))
    for path in store.rglob("lines.zip"):
        path.write_bytes(bytes(byte ^ (place == 100) for place, byte in enumerate(path.read_bytes())))
    assert clean(LINED, repeated_lines=100, store=str(store))[1] == alone


def test_another_version_of_a_library_names_another_part(clean, monkeypatch):
    store = str(clean.place / "store")
    clean(TEXTS, store=store)
    monkeypatch.setattr(known_parts, "version", lambda name: "0")
    assert "before" not in clean(TEXTS, store=store)[0]


@pytest.mark.parametrize("method", ["size", "upload"])
def test_a_run_that_is_stopped_while_it_waits_for_the_store_stops(clean, monkeypatch, method):
    def stopped(*arguments):
        raise Terminated("stopped by SIGTERM")

    monkeypatch.setattr(DirectoryStore, method, stopped)
    with pytest.raises(Terminated):
        run(clean.config(TEXTS[:40], store=str(clean.place / "store")))


def test_no_flipped_byte_of_an_archive_is_overlooked_or_ends_the_run(clean):
    config = clean.config(TEXTS[:40], store=str(clean.place / "store"))
    run(config)
    (path,) = (clean.place / "store").rglob("rows.zip")
    (shard,) = Dataset(config.raw).manifest.splits["all"]
    data, known, found = path.read_bytes(), known_parts.KnownParts(config), clean.place / "found"
    for place in (*range(60), *range(len(data) - 100, len(data))):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir()
        if known.find(shard, found, known_parts.ROWS):
            assert pq.read_table(found / "rows.parquet").num_rows == 40, place


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("found.zip", how) for how in ("truncated", "flipped", "empty", "deleted", "no archive", "missing")),
        *(("rows.zip", how) for how in ("flipped", "deleted")),
        *(("shingles", how) for how in ("truncated", "flipped", "deleted")),
    ],
)
def test_damaged_parts_are_made_again(clean, name, damage, caplog):
    store, few = clean.place / "store", TEXTS[:150] + TEXTS[500:650]  # nearly the same
    _, digests = clean(few, store=str(store))
    for path in store.rglob(name):
        data = path.read_bytes()
        damaged = {
            "truncated": data[: len(data) // 3],
            "flipped": bytes(byte ^ (place % 300 == 100) for place, byte in enumerate(data)),
            "empty": b"",
            "no archive": b"x" * len(data),
            "missing": data.replace(b".parquet", b".marquet"),
        }
        path.unlink() if damage == "deleted" else path.write_bytes(damaged[damage])
    summary, again = clean(few, store=str(store))
    assert "before" not in summary
    assert again == digests
    caplog.clear()
    assert "before" in clean(few, store=str(store))[0]
    assert "cleaned again" not in caplog.text, "it is mended"


@pytest.mark.parametrize("names", [("found.zip", "rows.zip", "shingles"), ("rows.zip",)])
def test_parts_under_the_names_of_others_are_made_again(clean, names):
    store = clean.place / "store"
    _, digests = clean(TEXTS, store=str(store))
    one, other = sorted(path.parent for path in store.rglob("rows.zip"))[:2]
    for name in names:
        (one / name).rename(store / "between")
        (other / name).rename(one / name)
        (store / "between").rename(other / name)
    assert clean(TEXTS, store=str(store))[1] == digests


def test_a_store_that_cannot_be_written_only_costs_time(clean, caplog):
    store = clean.place / "store"
    store.write_text("a file")
    _, digests = clean(TEXTS, store=str(store))
    assert "will be cleaned again next time" in caplog.text
    store.unlink()
    assert clean(TEXTS)[1] == digests


def test_parts_in_s3(clean, s3):
    _, digests = clean(TEXTS, store=s3)
    parts = len(Dataset(clean.place / "raw").manifest.splits["all"])
    kept = Counter(key.split("/")[2] for key in open_store(s3).keys("cleanings/"))
    shards = len(Dataset(clean.place / "cleaned").manifest.splits["all"])
    expected = {"found.zip": parts, "shingles": parts, "rows.zip": parts}
    assert kept == expected | {"shard.parquet": shards, "shard.sha256": shards}
    summary, again = clean(TEXTS, store=s3)
    assert "were cleaned before" in summary
    assert again == digests


def test_what_a_killed_run_left_is_removed(clean):
    config = clean.config(TEXTS)
    left = config.cleaned.with_name(".cleaned.scratch")
    (left / "part-00000").mkdir(parents=True)
    run(config)
    assert not left.exists()
    shutil.rmtree(config.cleaned)
