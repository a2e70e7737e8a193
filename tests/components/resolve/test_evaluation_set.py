"""The evaluation set is pinned like a source, and its files are found before anything else is done."""

from __future__ import annotations

import pytest

from components.ingest.config import Config as IngestConfig
from components.ingest.core import run as ingest
from components.resolve.core import run
from components.resolve.source import pin_evaluation_set
from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.objects import open_store
from components.shared.references import pin_local


@pytest.fixture
def texts(tmp_path, source):
    """The texts that `ingest` reads of a reference."""

    def read(reference):
        outputs = {name: tmp_path / f"of-{name}" for name in ("raw", "evaluation_texts", "rejects")}
        pins = {"source_reference": str(pin_local(str(source), "source")), "evaluation_reference": reference}
        ingest(IngestConfig(**pins, task="classification", **outputs))
        return [row["text"] for row in Dataset(outputs["evaluation_texts"]).rows()]

    return read


def test_a_folder_that_changes(config, tmp_path):
    (tmp_path / "exams").mkdir()
    (tmp_path / "exams" / "test.txt").write_text("a question\n")
    settings = config(evaluation_set=f"{tmp_path}/exams", parameters="ingest.evaluation_files=*.txt")
    first = run(settings).parameters["evaluation_reference"]
    assert first.startswith(f"{tmp_path}/exams#sha256=")
    (tmp_path / "exams" / "test.txt").write_text("another question\n")
    assert run(settings).parameters["evaluation_reference"] != first


def test_an_object_in_s3_that_changes(texts, s3):
    store = open_store(s3)
    store.put("exams/test.jsonl", b'{"text": "a question"}\n')
    reference = pin_evaluation_set(f"{s3}/exams", {"evaluation_files": "test*"})
    assert texts(reference) == ["a question"]
    assert pin_evaluation_set(f"{s3}/exams", {}) == reference
    store.put("exams/test.jsonl", b'{"text": "another question"}\n')
    with pytest.raises(UserError, match="is not what it was when it was resolved"):
        texts(reference)
    assert texts(pin_evaluation_set(f"{s3}/exams", {})) == ["another question"]


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        ("none.txt", {}, "evaluation_set: no such file or directory: none.txt"),
        ("gs://bucket/x", {}, "evaluation_set: 'gs://bucket/x' is not a source"),
        ("{place}", {"evaluation_files": "tset-*"}, "matches 'tset-*'. Correct it or ingest.evaluation_files"),
        ("2={place},1={place}", {}, "evaluation_set: '2="),
        ("https://me:secret@example.org/test.csv", {}, "the address holds a password"),
    ],
)
def test_what_is_not_there_is_told_in_a_line(tmp_path, given, options, told):
    (tmp_path / "exams").mkdir()
    (tmp_path / "exams" / "test.txt").write_text("a question\n")
    with pytest.raises(UserError) as caught:
        pin_evaluation_set(given.format(place=tmp_path / "exams"), options)
    assert told in caught.value.line
