"""Each revision has beside it what changed since the one before, and so does the report of the step."""

from __future__ import annotations

import json
import subprocess

import pytest

from components.shared.distributions import length_bins
from components.shared.sketches import Sketch
from components.version.core import run

pytestmark = pytest.mark.usefixtures("without_dvc")


@pytest.fixture
def revision(version_config, registry):
    """Versions texts with these rows of each label in train; gives the report and what lies beside."""

    def make(texts, labels, longer=0):
        config = version_config(texts)
        sketch = Sketch()
        for text in texts:
            sketch.add(text.encode().ljust(16), "train", "positive")
        lengths = length_bins(100 + longer + n % 50 for n in range(sum(labels.values())))
        train = {"rows": sum(labels.values()), "labels": labels, "lengths": lengths, "meta": {"site": {"x": 5}}}
        (config.card / "statistics.json").write_text(json.dumps({"splits": {"train": train}}))
        (config.card / "sample.json").write_text(json.dumps(sketch.to_json()))
        made = run(config).parameters["revision"]
        show = ["git", "show", f"{made}:datasets/reviews/drift.json"]
        shown = subprocess.run(show, cwd=registry, capture_output=True, text=True, check=False)
        return config.report.read_text(), json.loads(shown.stdout) if not shown.returncode else None

    return make


def test_what_changed_is_told_and_lies_beside_the_dataset(revision):
    report, facts = revision(["one", "two"], {"p": 300, "n": 300})
    assert facts is None
    assert "nothing before it" in report
    report, facts = revision(["one", "three", "four"], {"p": 500, "n": 100}, longer=200)
    assert facts["previous_revision"] == "reviews/v1"
    assert facts["texts"] == {"sampled": 4, "exact": True, "added": 2, "removed": 1, "moved": 0, "relabelled": 0}
    assert facts["labels"] == {"n": [300, 100], "p": [300, 500]}
    verdicts = {(one["split"], one["of"]): one["verdict"] for one in facts["distributions"]}
    assert verdicts["all", "label"] == verdicts["train", "length"] == "drift"
    assert verdicts["train", "site"] == "stable"
    assert "reviews/v2 beside reviews/v1" in report
    report, facts = revision(["one", "two"], {"p": 300, "n": 300})
    assert "This content was versioned before" in report


def test_a_revision_whose_forerunner_has_no_statistics_has_none(version_config, revision, registry):
    run(version_config(["one"]))
    report, facts = revision(["one", "two"], {"p": 3})
    assert facts is None
    assert "nothing before it" in report
