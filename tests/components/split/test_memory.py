"""Memory: what is too much is told before the work, and what counts rows holds few bytes for each of them."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.split import memory
from components.split.assignment import Assignment
from components.split.config import Config
from components.split.draws import SPLITS
from components.split.falls import LEFT_OUT, Falls
from components.split.leakage import among, check_no_leak
from components.split.statistics import value_at
from components.split.ties import Ties

ROWS = [(f"text number {number}", "ab"[number % 2], f"author {number}") for number in range(300)]
MIB = 1 << 20


@pytest.mark.parametrize(
    ("constant", "size", "options"),
    [
        ("ROW_BYTES", MIB, {}),
        ("SINGLE_ROW_BYTES", MIB, {"stratify": "label"}),
        ("SINGLE_ROW_BYTES", MIB, {"balance": "oversample"}),
        ("GROUP_BYTES", MIB, {"group_column": "author"}),
        ("CLUSTER_BYTES", 3 * MIB, {}),
    ],
)
def test_too_little_memory_is_told_before_the_work(divided, tmp_path, monkeypatch, constant, size, options):
    for name in ("ROW_BYTES", "SINGLE_ROW_BYTES", "GROUP_BYTES", "CLUSTER_BYTES", "SHARDS"):
        monkeypatch.setattr(memory, name, 0)
    monkeypatch.setattr(memory, constant, size)
    clusters = [[ROWS[0][0], ROWS[2][0]]] if constant == "CLUSTER_BYTES" else []
    least = memory.PROCESS_MB + (3 * 74 if clusters else 300)  # the file has two ids of 32 digits, quotes and brackets
    told = rf"^split.memory_mb: {least - 1} MB are too little for 300 rows. Give at least {least}, and a machine"
    with pytest.raises(UserError, match=told):
        divided(ROWS, clusters, meta=["author"], memory_mb=least - 1, **options)
    assert not (tmp_path / "splits").exists()
    assert divided(ROWS, clusters, meta=["author"], memory_mb=least, **options).rows["train"]


def test_long_texts_need_more_memory(tmp_path, write_rows):
    least = []
    for length in (10, 10_000):
        write_rows(tmp_path / str(length), {"all": [(f"{n:0{length}}", "a") for n in range(100)]})
        config = Config(
            task="classification", **dict.fromkeys(("cleaned", "findings", "splits", "card", "report"), tmp_path)
        )
        least.append(memory.needed(config, Dataset(tmp_path / str(length)), tmp_path / "none"))
    assert least[1] - least[0] > 100 * 9_900 * memory.SHARDS


def test_the_proof_that_nothing_leaks_holds_few_bytes_for_each_row(tmp_path, write_rows):
    peaks = []
    for count in (4_000, 16_000):
        texts = iter(range(count))
        parts = {name: [(f"the text {next(texts)} of all", "a") for _ in range(count // 4)] for name in SPLITS[1:]}
        write_rows(tmp_path / str(count), {"train": [(f"the text {n} of all", "a") for n in texts], **parts})
        dataset = Dataset(tmp_path / str(count))
        tracemalloc.start()
        check_no_leak(dataset, [])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 40 * 12_000  # 11 when this was written, 93 with sets of numbers


NUMBERS = st.lists(st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1)), max_size=8)


@given(NUMBERS, NUMBERS)
def test_numbers_are_found_among_others(some, others):
    found = among(np.array(some, np.int64), np.sort(np.array(others, np.int64)))
    assert found.tolist() == [one in others for one in some]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9))
def test_a_value_is_told_by_its_place(values):
    assert [value_at(Counter(values), place) for place in range(len(values))] == sorted(values)
    assert value_at({}, 0) == 0


@given(st.lists(st.lists(st.integers(0, 30), max_size=2), min_size=1, max_size=31), st.integers(0, 12))
def test_falls_count_what_each_row_says(ties, most):
    keys = np.arange(2 * len(ties), dtype=np.uint64).view("V16")
    config = Config(
        task="classification", train_rows=most, **dict.fromkeys(("cleaned", "findings", "splits", "card", "report"))
    )
    alike = {row: [one for one in earlier if one < row] for row, earlier in enumerate(ties)}
    assignment = Assignment(config, keys, Ties({row: earlier for row, earlier in alike.items() if earlier}))
    assignment.cap_train()
    falls = Falls(assignment)
    of_cluster = Counter(assignment.cluster.tolist())
    sizes = [of_cluster[cluster] for cluster in assignment.cluster.tolist()]
    for place in (*SPLITS, LEFT_OUT):
        rows = [
            n
            for n, size in enumerate(sizes)
            if size > 1 and (falls.place(n) == place or (place == LEFT_OUT and assignment.reasons[n]))
        ]
        assert sum(counts[place] for counts in falls.sizes.values()) == len(rows)
        assert falls.sizes.get("2", Counter())[place] == sum(sizes[n] == 2 for n in rows)
    assert sum(counts["clusters"] for counts in falls.sizes.values()) == sum(size > 1 for size in of_cluster.values())
