"""The main job on real reviews with the real pretrained model: source to promoted model, and again."""

import json

import pytest

from components.shared.manifest import damage, read_manifest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# The same on every machine with the pinned libraries; a change here is a change of everybody's data.
DATASET_DIGEST = "fca22917d0d486b8a59ef294e62a303cc12848f19d878b73a11e9d6d36437648"
DVC_MD5 = "41b32dd24c81732fec842edd569abe13.dir"


@pytest.fixture(scope="module")
def first(clone):
    clone.evertune("run")
    return json.loads((clone.path / ".evertune/last-run.json").read_text())


@pytest.fixture(scope="module")
def second(clone, first):
    clone.evertune("run")
    return json.loads((clone.path / ".evertune/last-run.json").read_text())


def test_the_dataset_has_the_bytes_it_has_everywhere(first):
    assert first["dataset_digest"] == DATASET_DIGEST
    assert first["dvc_md5"] == DVC_MD5
    assert first["dataset_revision"] == "reviews/v1"


def test_the_model_is_good_and_promoted_over_the_baseline(first):
    assert first["metrics"]["accuracy"] >= 0.78
    assert first["metrics"]["baseline_accuracy"] < 0.55
    assert first["decision"] == "promoted"
    assert "baseline" in first["reason"]


def test_the_summary_leads_to_report_and_model(clone, first):
    report = (clone.path / first["report"]).read_text()
    assert "<svg" in report
    assert "http://" not in report.replace("http://www.w3.org", "")
    assert (clone.path / first["model_dir"] / "model.safetensors").stat().st_size > 80_000_000
    assert set(first["seconds"]) == {
        "resolve", "ingest", "clean", "split", "version", "fetch", "train", "evaluate", "promote",
    }  # fmt: skip


def test_the_clone_stays_clean(clone, first):
    assert clone.status() == ""


def test_nothing_changed_nothing_paid(second, first):
    assert set(second["cached"]) >= {"ingest", "clean", "split", "version", "fetch", "train"}
    assert second["dataset_revision"] == first["dataset_revision"]
    assert second["decision"] == "kept"
    assert "already" in second["reason"]


def test_the_dataset_comes_back_from_its_registry_alone(clone, first, tmp_path):
    told = clone.evertune("datasets", "reproduce", "--into", str(tmp_path / "again"))
    assert first["dataset_digest"] in told.stdout
    (manifest,) = (tmp_path / "again").rglob("data/manifest.json")
    assert damage(manifest.parent, read_manifest(manifest.parent)) == []


def test_the_champion_predicts(clone, first):
    good = clone.evertune("predict", "A warm, funny and moving film.").stdout
    bad = clone.evertune("predict", "Dull, clumsy and far too long; a waste of time.").stdout
    assert good.startswith("positive")
    assert bad.startswith("negative")


def test_the_history_names_the_champion(clone, second):
    told = clone.evertune("models", "history").stdout
    assert len(told.splitlines()) == 2
    assert "promotion" in told
    assert "reviews/v1" in told
    shown = json.loads(clone.evertune("models", "show").stdout)
    assert shown["dataset_digest"] == DATASET_DIGEST


def test_rollback_needs_a_model_to_go_back_to(clone, second):
    assert "UserError" in clone.evertune("models", "rollback", "--reason", "test", code=2).stderr


def test_plain_dvc_repro_gives_the_same_revision_and_model(clone, second):
    """The checkpoints of the first run serve the second training, which has the same key."""
    clone("dvc", "repro", "--quiet")
    assert (clone.path / "version/revision").read_text() == second["dataset_revision"]
    model = "train/model/model.safetensors"
    assert (clone.path / model).read_bytes() == (clone.path / ".evertune/reviews" / model).read_bytes()
    assert json.loads((clone.path / "promote/decision.json").read_text())["promoted"] is False


def test_a_misspelt_option_is_found_before_anything_runs(clone, second):
    path = clone.path / "params.yaml"
    text = path.read_text()
    path.write_text(text.replace("  max_tokens:", "  max_token:"))
    try:
        told = clone.evertune("run", code=2)
        plain = clone("dvc", "repro", "resolve", code=255)
    finally:
        path.write_text(text)
    assert "unknown option 'max_token'. Use one of: max_tokens" in told.stderr
    assert "unknown option 'max_token'. Use one of: max_tokens" in plain.stderr
