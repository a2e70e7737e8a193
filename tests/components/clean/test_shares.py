"""The shards are cleaned by many processes, each a share; one goes on with what all need and writes the same bytes."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from components.clean import known_parts, line_counting, stored_parts
from components.clean.core import run
from components.clean.signatures import SignatureIndex
from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.objects import open_store
from tests.components.clean.cleaner import TEXTS

KILLED = """
import os, signal, sys
from components.clean import known_parts
from components.clean.config import Config
from components.shared.entry import main
from components.shared.s3_store import S3Store
left, upload = int(sys.argv.pop(1)), S3Store.upload
def killed(store, path, key):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    upload(store, path, key)
S3Store.upload = killed
main(Config, "")
"""


def flags(cleaner, store, share):
    place, name = cleaner.place, share.replace("/", "-")
    outputs = [f"--{output}={place / f'{output}-{name}'}" for output in ("cleaned", "findings", "report")]
    return [f"--raw={place / 'raw'}", "--task=classification", f"--store={store}", f"--share={share}", *outputs]


def clean_share(cleaner, store, share):
    """Cleans a share in a process of its own; gives the number of its shards."""
    command = [sys.executable, "-m", "components.clean", *flags(cleaner, store, share)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return int(re.search(rf"share {share}: (\d+) shards are in the store", said)[1])


def clean_share_here(cleaner, store, share):
    """Cleans a share in this process; gives the number of its shards."""
    said = run(cleaner.config(TEXTS[:600], store=store, share=share)).summary
    return int(re.search(rf"share {share}: (\d+) shards are in the store", said)[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "at_once", "work"), [(8, 1, clean_share_here), (3, 2, clean_share), (1, 1, clean_share_here)]
)
def test_any_number_of_shares_gives_the_bytes_of_one_machine(cleaner, s3, count, at_once, work):
    _, alone = cleaner(TEXTS[:600])
    shards = len(Dataset(cleaner.place / "raw").manifest.splits["all"])
    assert shards >= 8
    names = [f"{number}/{count}" for number in range(1, count + 1)]
    random.Random(count).shuffle(names)
    with ThreadPoolExecutor(at_once) as pool:
        kept = list(pool.map(lambda share: work(cleaner, s3, share), names))
    assert (sum(kept), min(kept) >= 1) == (shards, True)
    summary, together = cleaner(TEXTS[:600], store=s3)
    assert f"{shards} of {shards} shards were cleaned before" in summary
    assert together == alone
    counts = json.loads((cleaner.place / "findings" / "counts.json").read_text())
    assert counts["dropped"] == {"exact duplicate": 250, "near-duplicate": 100}


@pytest.mark.slow
def test_a_share_that_was_killed_goes_on(cleaner, s3):
    _, alone = cleaner(TEXTS[:600])
    shards = len(Dataset(cleaner.place / "raw").manifest.splits["all"])
    for uploads in (1, 5):  # of three for each shard
        command = [sys.executable, "-c", KILLED, str(uploads), *flags(cleaner, s3, "1/1")]
        assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    kept = Counter(key.split("/")[2] for key in open_store(s3).keys("cleanings/"))
    assert kept["shingles"] > kept["found.zip"] >= 1, "a part was left half-kept"
    assert clean_share(cleaner, s3, "1/1") == shards
    summary, together = cleaner(TEXTS[:600], store=s3)
    assert f"{shards} of {shards} shards were cleaned before" in summary
    assert together == alone


def test_a_share_that_is_missing_costs_time_only(cleaner):
    store = str(cleaner.place / "store")
    _, alone = cleaner(TEXTS[:300])
    run(cleaner.config(TEXTS[:300], store=store, share="2/3"))
    summary, together = cleaner(TEXTS[:300], store=store)
    assert re.search(r"[1-9] of \d+ shards were cleaned before", summary)
    assert together == alone


def test_shares_count_the_lines_of_each_shard_once(cleaner, monkeypatch):
    texts = [f"{text}\nsubscribe to our newsletter" for text in TEXTS[:300]]
    counted, count = [], line_counting.count_lines
    monkeypatch.setattr(line_counting, "count_lines", lambda texts: counted.append(None) or count(texts))
    _, alone = cleaner(texts, repeated_lines=100)
    shards = len(counted)
    assert shards == len(Dataset(cleaner.place / "raw").manifest.splits["all"]) >= 3
    store = str(cleaner.place / "store")
    for share in ("3/3", "1/3", "2/3"):
        run(cleaner.config(texts, repeated_lines=100, store=store, share=share))
    summary, together = cleaner(texts, repeated_lines=100, store=store)
    assert f"{shards} of {shards} shards were cleaned before" in summary
    assert together == alone
    assert len(counted) == 2 * shards


def test_a_share_counts_the_lines_of_its_own_shards_first(cleaner):
    config = cleaner.config([], store="store", share="2/3")
    assert config.share_of("abcdefgh") == "beh"
    assert config.by_share("abcdefgh") == list("behcfadg")
    assert cleaner.config([]).by_share("abc") == list("abc")


def test_a_share_leaves_nothing_on_its_machine(cleaner, monkeypatch):
    """Its scratch directory holds one part at a time, however many shards it has."""
    config = cleaner.config(TEXTS[:300], store=str(cleaner.place / "store"), share="1/1")
    most, keep = [], known_parts.KnownParts.keep

    def watched(known, shard, part):
        most.append(sum(any(place.iterdir()) for place in part.parent.glob("part-*") if place.is_dir()))
        keep(known, shard, part)

    monkeypatch.setattr(known_parts.KnownParts, "keep", watched)
    run(config)
    assert len(most) >= 3
    assert set(most) == {1}


def test_the_output_of_a_share_is_no_dataset(cleaner):
    config = cleaner.config(TEXTS, store=str(cleaner.place / "store"), share="2/3")
    run(config)
    with pytest.raises(UserError, match="not a finished dataset"):
        Dataset(config.cleaned)


def test_a_share_that_cannot_be_kept_fails(cleaner):
    store = cleaner.place / "store"
    store.write_text("a file")
    with pytest.raises(OSError, match="store"):
        run(cleaner.config(TEXTS[:100], store=str(store), share="1/2"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": "0/3"}, "'0/3' is not a share. Give one as 3/8"),
        ({"share": "4/3"}, "'4/3' is not a share"),
        ({"share": "1"}, "'1' is not a share"),
        ({"share": "1/2", "store": ""}, "no store to keep a share in"),
    ],
)
def test_a_share_that_cannot_be(cleaner, options, message):
    with pytest.raises(UserError, match=message):
        cleaner.config([], **{"store": "store", **options})


class Meter:
    """An object store that counts the bytes read from it, by the name of the object."""

    def __init__(self, store):
        self.store, self.read, self.events = store, Counter(), []

    def __getattr__(self, name):
        return getattr(self.store, name)

    def download(self, key, path):
        self.events.append(key.split("/")[-1])
        self.read[self.events[-1]] += self.store.size(key)
        self.store.download(key, path)

    def get_range(self, key, begin, size):
        self.events.append(key.split("/")[-1])
        self.read[self.events[-1]] += size
        return self.store.get_range(key, begin, size)


def letters(number):
    """A text of which few pieces stand in any other."""
    words = random.Random(number)
    return " ".join("".join(words.choices("abcdefghijklmnop", k=6)) for _ in range(200))


@pytest.fixture
def metered(cleaner, s3, monkeypatch):
    """Cleans 300 long texts, of which a few are nearly the same, into the store and from it; gives what was read."""
    texts = [letters(number) for number in range(300)]
    for number in (50, 120, 290):
        texts[number] = texts[number - 45] + " and more"
    _, alone = cleaner(texts)
    cleaner(texts, store=s3)
    meter = Meter(open_store(s3))
    stored = Counter()
    for entry in meter.entries("cleanings/"):
        stored[entry.key.split("/")[-1]] += entry.size
    monkeypatch.setattr(known_parts, "open_store", lambda uri: meter)

    def again():
        assert cleaner(texts, store=s3)[1] == alone
        return meter, stored

    return again


def reads_what_it_needs(meter, stored):
    """Whether all signs were read before anything else, then shingles of a few texts, then the rows, each once."""
    parts = meter.events.count("found.zip")
    in_order = meter.events == sorted(meter.events, key=["found.zip", "shingles", "rows.zip"].index)
    whole = all(meter.read[name] == stored[name] for name in ("found.zip", "rows.zip"))
    return in_order and whole and parts > 1 and 0 < meter.read["shingles"] <= stored["shingles"] / 300 * 6 * 1.1


def test_of_the_shingles_those_of_candidates_are_read_only(metered):
    meter, stored = metered()
    assert reads_what_it_needs(meter, stored), (meter.read, stored)
    assert meter.read["shingles"] < stored["shingles"] / 20


def test_reading_all_shingles_would_be_noticed(metered, monkeypatch):
    fetch = SignatureIndex.fetch
    monkeypatch.setattr(SignatureIndex, "fetch", lambda index, rows: fetch(index, np.arange(len(index.sizes))))
    assert not reads_what_it_needs(*metered())


def test_reading_what_lies_between_would_be_noticed(metered, monkeypatch):
    monkeypatch.setattr(stored_parts, "GAP", 1 << 30)
    assert not reads_what_it_needs(*metered())
