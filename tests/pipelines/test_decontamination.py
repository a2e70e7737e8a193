"""A revision of the dataset registry as evaluation set: what overlaps its test split is dropped, and nothing else."""

from __future__ import annotations

import json
import subprocess

import pytest

from components.clean.config import Config as CleanConfig
from components.clean.core import run as clean
from components.ingest.config import Config as IngestConfig
from components.ingest.core import run as ingest
from components.resolve.source import pin_evaluation_set, pin_sources
from components.shared.datasets import DatasetWriter
from components.shared.errors import UserError
from components.version.core import run as version

COMMON = "nobody has ever asked so many questions of so few people in so short a time"
"""Of the train split."""
QUESTION = "which of the seven old mills beside the river was the first to be rebuilt after the flood"
CLEAN = [f"row {number} says {number * number} things about nothing else" for number in range(20)]
PLANTED = [f"it was asked {QUESTION}!", f"{QUESTION.upper()}, they said"]


@pytest.fixture
def exams(version_config, s3, quick_add, tmp_path):
    """Versions a dataset with this question in its test split, in a registry whose data lies in S3."""

    def make(number, question):
        (tmp_path / f"exam-{number}").mkdir()
        writer = DatasetWriter(tmp_path / f"exam-{number}", {"text": "string"}, ("train", "validation", "test"))
        for split, text in (("train", COMMON), ("validation", "a text of validation"), ("test", question)):
            writer.write({"text": text}, split)
        writer.finish()
        config = version_config(splits=tmp_path / f"exam-{number}", store=s3, dataset="exams")
        version(config)
        return config.registry

    return make


@pytest.fixture
def flow(tmp_path, s3):
    """Pins an evaluation set; ingests and cleans rows with it: gives the summary, the dropped texts and the report."""
    rows = [*CLEAN, *PLANTED, f"{COMMON}, it is said"]
    (tmp_path / "rows.txt").write_text("\n".join(rows) + "\n")

    def pinned(address, files="test-*"):
        return pin_evaluation_set(address, {"evaluation_files": files})

    def cleaned(reference):
        outputs = {name: tmp_path / name for name in ("raw", "evaluation_texts", "rejects")}
        pins = {"source_reference": pin_sources(str(tmp_path / "rows.txt"), {}), "evaluation_reference": reference}
        ingest(IngestConfig(**pins, task="causal_lm", evaluation_files="test-*", **outputs))
        given = {name: outputs[name] for name in ("raw", "evaluation_texts")}
        made = {name: tmp_path / name for name in ("cleaned", "findings", "report")}
        result = clean(CleanConfig(**given, task="causal_lm", store=str(tmp_path / "kept"), **made))
        dropped = [json.loads(line) for line in (made["findings"] / "dropped.jsonl").read_text().splitlines()]
        return result.summary, {row["text"]: row["reason"] for row in dropped}, made["report"].read_text()

    return pinned, cleaned


def test_what_overlaps_the_test_split_of_a_revision_is_dropped(exams, flow):
    pinned, cleaned = flow
    address = f"dvc+{exams(1, QUESTION)}//datasets/exams/data"
    reference = pinned(f"{address}@exams/v1")
    assert reference.startswith(f"{address}#commit=")
    _, dropped, report = cleaned(reference)
    assert dropped == dict.fromkeys(PLANTED, "overlaps the evaluation set"), "not what the train split has"
    assert "since they overlap one of its 1 texts: 2" in report
    assert "1 of 1 shards were cleaned before" in cleaned(reference)[0]
    summary, dropped, _ = cleaned("")
    assert dropped == {}, "with another evaluation set nothing is taken from what was cleaned before"
    assert "cleaned before" not in summary
    with pytest.raises(UserError, match=r"matches 'tset-\*'\. Correct it or ingest\.evaluation_files"):
        pinned(f"{address}@exams/v1", "tset-*")
    with pytest.raises(UserError, match=r"evaluation_set: .* has no revision 'exams/v9'"):
        pinned(f"{address}@exams/v9")
    with pytest.raises(UserError, match=r"evaluation_set: .* has no datasets/exam/data"):
        pinned(f"{address.replace('exams/data', 'exam/data')}@exams/v1")


def test_a_tag_that_moves_is_resolved_anew_and_never_followed(exams, flow):
    pinned, cleaned = flow
    registry = exams(1, QUESTION)
    address = f"dvc+{registry}//datasets/exams/data@exams/v1"
    first = pinned(address)
    exams(2, "another question that is asked of nobody here at all")
    assert pinned(address) == first
    moved = ["git", "--git-dir", registry, "tag", "--force", "exams/v1", "exams/v2"]
    subprocess.run(moved, check=True, capture_output=True)
    second = pinned(address)
    assert second != first
    assert cleaned(second)[1] == {}
    assert set(cleaned(first)[1]) == set(PLANTED), "the commit is what counts"
