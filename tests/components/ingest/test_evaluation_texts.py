"""The texts of an evaluation set, whatever it is: all of them, or one line that says why not."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from components.ingest.config import Config
from components.ingest.core import run
from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.references import pin_local

CHAT = [{"role": "user", "content": "one"}]


@pytest.fixture
def read(tmp_path):
    """Reads a source of two rows, and files as evaluation set: gives its texts."""
    (tmp_path / "source.csv").write_text("text,label\ngood,pos\nbad,neg\n")

    def texts(reference, **options):
        outputs = {name: tmp_path / name for name in ("raw", "evaluation_texts", "rejects")}
        source = str(pin_local(str(tmp_path / "source.csv"), "source"))
        run(
            Config(source_reference=source, evaluation_reference=reference, task="classification", **outputs, **options)
        )
        assert [row["text"] for row in Dataset(outputs["raw"]).rows()] == ["good", "bad"]
        return [row["text"] for row in Dataset(outputs["evaluation_texts"]).rows()]

    return texts


@pytest.fixture
def exams(tmp_path):
    place = tmp_path / "exams"
    (place / "more").mkdir(parents=True)
    (place / "a.jsonl").write_text(json.dumps({"id": "i", "label": "l", "messages": CHAT}) + "\n")
    (place / "b.csv").write_text('question,label,answer\n"two, with comma",l,three\n')
    (place / "more" / "c.txt").write_text("four\n\n")
    return place


def test_all_texts_of_all_columns_but_what_names_a_row(read, exams):
    reference = str(pin_local(str(exams), "evaluation_set"))
    assert read(reference) == ["one", "two, with comma", "three", "four"]
    assert read(reference, evaluation_files="*.txt", files="*.csv") == ["four"]


def test_a_dataset_of_ours_and_archives(read, exams, tmp_path):
    assert read(str(pin_local(str(exams / "b.csv"), "x"))) == ["two, with comma", "three"]
    (tmp_path / "evaluation_texts").rename(tmp_path / "ours")
    assert read(str(pin_local(str(tmp_path / "ours"), "x")), evaluation_files="*.parquet") == [
        "two, with comma",
        "three",
    ]
    assert read(f"{pin_local(str(exams / 'more'), 'x')},{pin_local(str(exams / 'b.csv'), 'x')}")[0] == "four"


def test_broken_characters_are_replaced(read, tmp_path):
    texts = pa.array([b"one \xff"], pa.binary()).view(pa.string())
    parquet.write_table(pa.table({"text": texts}), tmp_path / "broken.parquet")
    assert read(str(pin_local(str(tmp_path / "broken.parquet"), "x"))) == ["one ?"]


def test_none_gives_a_dataset_without_rows(read):
    assert read("") == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", "{broken\n", r"a\.jsonl: line 1: the evaluation set cannot be read"),
        ("a.jsonl", '{"text": "\\udcff"}\n', "lone surrogate"),
        ("a.csv", "text,,text,\na,b,c,d\n", "the column 'text' is there twice"),
        ("a.csv", "text\n\n", "holds no text"),
        ("a.doc", "x", "not a known format"),
        ("a.parquet", "x", "cannot be read"),
        ("a.zip", "x", "cannot be unpacked"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_nothing_is_written(read, tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=told):
        read(str(pin_local(str(tmp_path / name), "x")))
    assert not (tmp_path / "evaluation_texts").exists()
    assert not (tmp_path / "raw").exists(), "it is read before the sources"


def test_another_content_than_the_pinned_one_is_refused(read, exams):
    reference = str(pin_local(str(exams), "x"))
    (exams / "b.csv").write_text("question\nanother\n")
    with pytest.raises(UserError, match=r"ingest\.evaluation_reference: .*is not what it was when it was resolved"):
        read(reference)
