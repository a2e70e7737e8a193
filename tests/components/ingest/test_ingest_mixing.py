"""Several sources: one after another, or mixed by weight without repeating a row."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from components.resolve.source import pin_sources
from components.shared.errors import UserError
from components.shared.references import each_source, split_sources


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Sources `a.csv` of 200 rows and `b.csv` of 60; `more` appends to them."""
    monkeypatch.chdir(tmp_path)

    def more(name, begin, end):
        path = tmp_path / f"{name}.csv"
        head = "" if path.exists() else "text,label\n"
        with path.open("a") as file:
            file.write(head + "".join(f"{name} {number},{number % 2}\n" for number in range(begin, end)))

    more("a", 0, 200)
    more("b", 0, 60)
    return more


def texts(ingest, sources):
    return [row["text"] for row in ingest.reference(pin_sources(sources, {})).rows]


def shares(texts):
    return Counter(text[0] for text in texts)


def test_sources_without_weights_follow_each_other(ingest, files):
    assert shares(texts(ingest, "a.csv,b.csv")) == {"a": 200, "b": 60}
    assert texts(ingest, "b.csv, a.csv")[0] == "b 0"


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ("1=a.csv,1=b.csv", {"a": 60, "b": 60}),
        ("3=a.csv,1=b.csv", {"a": 180, "b": 60}),
        ("0.9=a.csv,0.1=b.csv", {"a": 200, "b": 22}),
        ("5=a.csv", {"a": 200}),
    ],
)
def test_weights_give_the_largest_dataset_with_these_shares(ingest, files, sources, expected):
    rows = texts(ingest, sources)
    assert shares(rows) == expected
    assert len(set(rows)) == len(rows)
    assert texts(ingest, sources) == rows


def test_a_source_that_has_no_row_to_mix_is_named(ingest, files):
    Path("empty.csv").write_text("text,label\n")
    with pytest.raises(UserError, match=r"source: empty\.csv has no row to mix with others"):
        texts(ingest, "2=a.csv,1=empty.csv")


def test_rows_that_are_all_the_same_count_each(ingest, files):
    Path("same.csv").write_text("text,label\n" + "s 0,pos\n" * 500)
    assert shares(texts(ingest, "2=a.csv,1=same.csv")) == {"a": 200, "s": 100}


def test_rows_that_were_taken_stay_when_all_sources_grow(ingest, files):
    before = set(texts(ingest, "1=a.csv,1=b.csv"))
    files("a", 200, 400)
    files("b", 60, 120)
    after = set(texts(ingest, "1=a.csv,1=b.csv"))
    assert len(after) == 240
    assert len(before - after) <= 20, "what is chosen depends on the row, not on its place"


def test_the_name_of_the_source_can_be_kept(ingest, files):
    rows = ingest.reference(pin_sources("a.csv,b.csv", {}), meta_columns="source").rows
    assert Counter(row["meta"]["source"] for row in rows) == {"a.csv": 200, "b.csv": 60}


def test_each_source_is_pinned(files):
    pinned = split_sources(pin_sources("2=a.csv,1=b.csv", {}), "source")
    assert [(weight, reference.partition("#")[0]) for weight, reference in pinned] == [(2, "a.csv"), (1, "b.csv")]
    assert pin_sources("", {}) == ""


@pytest.mark.parametrize("sources", ["1=a.csv,b.csv", "0=a.csv,1=b.csv", "0=a.csv"])
def test_a_weight_for_all_or_none(files, sources):
    with pytest.raises(UserError, match="lacks a weight"):
        pin_sources(sources, {})


def test_a_source_that_is_wrong_is_named(ingest, files):
    with pytest.raises(UserError, match=r"no such file or directory: c\.csv"):
        pin_sources("a.csv,c.csv", {})


def test_changing_each_address_keeps_weights():
    assert each_source("2=a,0.5=b", str.upper) == "2=A,0.5=B"
    assert each_source("a=1.csv", str.upper) == "A=1.CSV"
