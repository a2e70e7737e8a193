"""Looking at dataset revisions and champions: show, diff and pull."""

import json
from contextlib import contextmanager

import pytest

from components.shared import champions
from components.shared.champions import Champion
from components.shared.models import model_digest, upload_model
from components.shared.objects import open_store
from components.version.core import run as version
from pipelines.__main__ import main
from pipelines.commands import dataset_diff, dataset_vocabulary, datasets, models

pytestmark = pytest.mark.usefixtures("without_dvc")


@pytest.fixture
def told(monkeypatch, capsys):
    """Runs a command on a store and a registry; gives exit code, output and error."""

    def run(store, registry, *words):
        @contextmanager
        def local_store(profile):
            yield open_store(store), {"registry": str(registry), "model_name": "reviews"}

        for module in (datasets, dataset_diff, dataset_vocabulary):
            monkeypatch.setattr(module, "local_store", local_store)
        monkeypatch.setattr(models, "local_store", local_store)
        try:
            main(words)
            code = 0
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_revisions_are_shown_and_compared(version_config, told):
    first, second = version_config(("good", "bad")), version_config(("good", "bad", "new"))
    digests = []
    for config in (first, second):
        version(config)
    for number in (1, 2):
        code, out, _ = told(first.store, first.registry, "datasets", "show", f"reviews/v{number}")
        assert code == 0
        digests.append(out.split("digest   ")[1][:64])
    assert "train       3" in out
    code, out, err = told(first.store, first.registry, "datasets", "diff", "reviews/v1", "reviews/v2")
    assert code == 0, err
    lines = {line.split()[0]: line.split()[1:3] for line in out.partition("\n\n")[0].splitlines()}
    assert lines["train"] == ["2", "3"]
    assert "1 of 1" in next(line for line in out.splitlines() if line.startswith("test"))
    assert ["added", "train", "1"] in [line.split() for line in out.splitlines()]
    assert ["added", "train", "new"] in [line.split() for line in out.splitlines()]
    asked = ("datasets", "diff", "reviews/v1", "reviews/v2", "--output", "json")
    facts = json.loads(told(first.store, first.registry, *asked)[1])
    assert facts["changes"] == {"added": {"train": 1}, "moved": {}, "relabelled": {}, "removed": {}}
    assert facts["unchanged"] == 4
    assert {one["of"] for one in facts["distributions"]} == {"label", "length"}
    shown = json.loads(told(first.store, first.registry, "datasets", "show", "reviews/v2", "--output", "json")[1])
    assert (shown["digest"], shown["splits"]["train"]) == (digests[1], {"rows": 3, "shards": 1})
    listed = json.loads(told(first.store, first.registry, "datasets", "list", "--output", "json")[1])
    assert {one["revision"]: one["digest"] for one in listed} == {"reviews/v1": digests[0], "reviews/v2": digests[1]}
    _, out, _ = told(first.store, first.registry, "datasets", "diff", "reviews/v1", "reviews/v1")
    assert out == f"the same content: {digests[0]}\n"
    code, _, err = told(first.store, first.registry, "datasets", "show", "reviews/v9")
    assert code == 2
    assert "no revision reviews/v9" in err


def test_a_vocabulary_is_trained_on_a_revision(version_config, told, tmp_path):
    config = version_config([f"a text with number {n}" for n in range(50)])
    version(config)
    into = str(tmp_path / "t")
    asked = ("datasets", "tokenizer", "reviews/v1", "--kind", "wordpiece", "--size", "300", "--into", into)
    code, out, err = told(config.store, config.registry, *asked)
    assert code == 0, err
    assert "tokens of kind wordpiece" in out
    vocabulary = json.loads((tmp_path / "t" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "number" in vocabulary
    assert "positive" not in vocabulary


@pytest.fixture
def champions_of_two(tmp_path):
    """A store with two champions."""
    store, before = open_store(str(tmp_path / "store")), None
    for number in (1, 2):
        directory = tmp_path / f"model-{number}"
        directory.mkdir()
        (directory / "model.safetensors").write_text(str(number))
        record = Champion(
            model_name="reviews", digest=upload_model(store, directory), kind="promotion", reason="better",
            metrics={"accuracy": number / 4}, dataset="reviews", dataset_revision=f"reviews/v{number}",
            dataset_digest="ab", lineage={"seed": 17}, time="2026-01-01T00:00:00Z",
        )  # fmt: skip
        before = champions.append(store, "reviews", record, before)
    return store


def test_champions_are_compared_and_pulled(tmp_path, told, champions_of_two):
    store = champions_of_two
    _, out, _ = told(store.uri, "", "models", "diff", "1", "2")
    shown = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}
    assert shown["metrics.accuracy"] == ["0.25", "0.5"]
    assert set(shown) == {"digest", "dataset_revision", "metrics.accuracy"}
    into = tmp_path / "here" / "model"
    assert told(store.uri, "", "models", "pull", "1", "--into", str(into))[0] == 0
    assert model_digest(into) == model_digest(tmp_path / "model-1")
    code, _, err = told(store.uri, "", "models", "pull", "--into", str(into))
    assert (code, "it is there already" in err) == (2, True)
    for number in ("7", "0"):
        code, _, err = told(store.uri, "", "models", "show", number)
        assert (code, f"no record {number} among 2" in err) == (2, True)


def test_before_the_first_promotion_the_remedy_is_to_run(tmp_path, told):
    code, _, err = told(str(tmp_path / "empty"), "", "models", "show")
    assert (code, "champions of reviews: no model is promoted yet. Run `make run` first" in err) == (2, True)


def test_what_machines_are_told_of_champions(tmp_path, told, champions_of_two):
    store = champions_of_two.uri
    ask = lambda *words: json.loads(told(store, "", "models", *words, "--output", "json")[1])  # noqa: E731
    assert [one["metrics"]["accuracy"] for one in ask("history")] == [0.25, 0.5]
    assert ask("show", "1") == ask("history")[0]
    assert ask("diff", "1", "2")["metrics.accuracy"] == [0.25, 0.5]
    into = tmp_path / "pulled"
    assert ask("pull", "1", "--into", str(into))["directory"] == str(into)
    assert ask("rollback", "--reason", "worse in use")["reason"].endswith("worse in use")
