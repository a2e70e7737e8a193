"""Shards are cleaned by any number of processes, and once only: always the same bytes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.clean import cleaning, known_parts
from components.clean.config import Config
from components.clean.core import run
from components.shared import datasets
from components.shared.datasets import Dataset, DatasetWriter
from components.shared.errors import RetryError, UserError
from components.shared.files import files_under, staged_directory, tree_digest
from components.shared.objects import open_store
from components.shared.records import columns_of

TEXTS = [
    f"<p>text {number % 700} of {number % 900} &amp; others, mail{number}@example.org 好" for number in range(1000)
]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(datasets, "SHARD_ROWS", 64)
    monkeypatch.setattr(cleaning, "LEAST_ROWS", 100)


class Cleaner:
    """Writes texts as a raw dataset and cleans them."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def config(self, texts, **options) -> Config:
        with staged_directory(self.place / "raw") as directory:
            writer = DatasetWriter(directory, columns_of("classification"))
            for number, text in enumerate(texts):
                writer.write({"text": text, "label": "ab"[number % 2]})
            writer.finish()
        outputs = {name: self.place / name for name in ("cleaned", "findings", "report")}
        return Config(raw=self.place / "raw", task="classification", **outputs, **{"processes": 1, **options})

    def __call__(self, texts, **options) -> tuple[str, list[str]]:
        """The summary, and the digests of all outputs."""
        config = self.config(texts, **options)
        summary = run(config).summary
        return summary, [tree_digest(path) for path in (config.cleaned, config.findings, config.report)]


@pytest.fixture
def clean(tmp_path) -> Cleaner:
    return Cleaner(tmp_path)


def test_any_number_of_processes_gives_the_same_bytes(clean):
    _, alone = clean(TEXTS)
    assert len(Dataset(clean.place / "raw").manifest.splits["all"]) > 8
    assert clean(TEXTS, processes=3)[1] == alone


def test_little_memory_means_few_processes(clean):
    shards = Dataset(clean.config(TEXTS).raw).manifest.splits["all"]

    def processes(**options) -> int:
        return cleaning._processes(clean.config(TEXTS, **options), shards)

    assert processes(processes=4) == 4
    assert processes(processes=4, memory_mb=600) == 2
    assert processes(processes=100, memory_mb=10_000) == 1000 // 100
    assert processes(processes=0) == min(len(os.sched_getaffinity(0)), 2048 // cleaning.PROCESS_MB, 10)


def test_too_little_memory_is_told_before_the_work(clean, monkeypatch):
    monkeypatch.setattr(cleaning, "ROW_BYTES", 1 << 20)
    with pytest.raises(UserError, match=r"clean.memory_mb: 300 MB are too little for 1,000 rows. Give at least 1256"):
        run(clean.config(TEXTS, memory_mb=300))


def test_an_option_that_names_nothing_is_told_by_the_main_process(clean):
    with pytest.raises(UserError, match="languages"):
        run(clean.config(TEXTS, processes=2, languages="xx"))


def test_a_killed_process_is_told(clean, monkeypatch):
    config = clean.config(TEXTS, processes=2)
    original = cleaning.Progress.advance

    def kill(progress, *arguments):
        for line in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{line}/cmdline").read_bytes():
                os.kill(int(line), signal.SIGKILL)
        original(progress, *arguments)

    monkeypatch.setattr(cleaning.Progress, "advance", kill)
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


def test_another_version_of_a_library_names_another_part(clean, monkeypatch):
    store = str(clean.place / "store")
    clean(TEXTS, store=store)
    monkeypatch.setattr(known_parts, "version", lambda name: "0")
    assert "before" not in clean(TEXTS, store=store)[0]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "deleted", "no archive", "a file is missing"])
def test_damaged_parts_are_made_again(clean, damage):
    store = clean.place / "store"
    _, digests = clean(TEXTS, store=str(store))
    for path in files_under(store):
        data = path.read_bytes()
        middle = len(data) // 2
        damaged = {
            "truncated": data[:middle],
            "flipped": data[:300] + bytes([data[300] ^ 1]) + data[301:],
            "empty": b"",
            "no archive": b"x" * len(data),
            "a file is missing": data.replace(b"marks.parquet", b"parks.marquet"),
        }
        path.unlink() if damage == "deleted" else path.write_bytes(damaged[damage])
    summary, again = clean(TEXTS, store=str(store))
    assert "before" not in summary
    assert again == digests
    assert "before" in clean(TEXTS, store=str(store))[0]


def test_a_store_that_cannot_be_written_only_costs_time(clean, caplog):
    store = clean.place / "store"
    store.write_text("a file")
    _, digests = clean(TEXTS, store=str(store))
    assert "will be cleaned again next time" in caplog.text
    store.unlink()
    assert clean(TEXTS)[1] == digests


@pytest.mark.slow
def test_eight_shares_and_a_run_after_them_give_the_bytes_of_one_run(clean, tmp_path):
    _, alone = clean(TEXTS)
    store, shards = str(tmp_path / "store"), len(Dataset(tmp_path / "raw").manifest.splits["all"])
    assert shards >= 8

    def share(number: int) -> str:
        outputs = [f"--{name}={tmp_path / f'{name}-{number}'}" for name in ("cleaned", "findings", "report")]
        flags = [f"--raw={tmp_path / 'raw'}", "--task=classification", f"--store={store}", f"--share={number}/8"]
        command = [sys.executable, "-m", "components.clean", *flags, *outputs]
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(share, range(1, 9)))
    kept = [int(re.search(r"share ./8: (\d+) shards are in the store", one)[1]) for one in said]
    assert sum(kept) == shards
    assert min(kept) >= 1
    summary, together = clean(TEXTS, store=store)
    assert f"{shards} of {shards} shards were cleaned before" in summary
    assert together == alone


def test_the_output_of_a_share_is_no_dataset(clean):
    config = clean.config(TEXTS, store=str(clean.place / "store"), share="2/3")
    run(config)
    with pytest.raises(UserError, match="not a finished dataset"):
        Dataset(config.cleaned)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": "0/3"}, "'0/3' is not a share. Give one as 3/8"),
        ({"share": "4/3"}, "'4/3' is not a share"),
        ({"share": "1"}, "'1' is not a share"),
        ({"share": "1/2", "store": ""}, "no store to keep a share in"),
    ],
)
def test_a_share_that_cannot_be(clean, options, message):
    with pytest.raises(UserError, match=message):
        clean.config([], **{"store": "store", **options})


def test_parts_in_s3(clean, s3):
    _, digests = clean(TEXTS, store=s3)
    assert len(open_store(s3).keys("cleanings/")) == len(Dataset(clean.place / "raw").manifest.splits["all"])
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
