"""Where each step runs: the platform part of the compiled pipelines is what the golden text says."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.shared.options import OPTION, fields_of
from pipelines import placement, profiles
from pipelines.compiler import compile_all, read
from pipelines.steps import STEPS, config_of

GOLDEN = Path(__file__).with_name("golden") / "placement.yaml"
CANARY = "canary-7f3a-of-a-secret"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for keys in placement.SECRETS.values():
            for key in keys:
                patch.setenv(key, CANARY)
        written = compile_all(profiles.load("reviews"), tmp_path_factory.mktemp("compiled"))
    return {path.stem: (path.read_text(), *read(path)) for path in written}


def placed(spec, platform):
    """Where each step of a compiled pipeline runs, without what all steps share word by word."""
    steps = {}
    for step, task in spec["root"]["dag"]["tasks"].items():
        container = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
        where = dict(platform[step])
        settings = where.pop("configMapAsEnv")[0]
        where["secrets"] = {one["secretName"]: len(one["keyToEnv"]) for one in where.pop("secretAsEnv", ())}
        where["settings"] = {settings["configMapName"]: len(settings["keyToEnv"])}
        steps[step] = {
            "caching": task["cachingOptions"].get("enableCache", False),
            "resources": {key: value for key, value in container["resources"].items() if key.startswith("resource")}
            | {key: value for key, value in container["resources"].items() if key == "accelerator"},
            "retry": task["retryPolicy"],
            "where": where,
        }
    return yaml.safe_dump(steps, width=120)


def test_placement_of_retrain_is_the_golden_one(compiled):
    _, spec, platform = compiled["retrain"]
    assert placed(spec, platform) == GOLDEN.read_text(), f"if the change is meant, write it to {GOLDEN}"


@pytest.mark.parametrize("name", ["prepare_data", "train_model"])
def test_a_step_is_placed_alike_in_all_pipelines(compiled, name):
    _, spec, platform = compiled[name]
    whole = yaml.safe_load(GOLDEN.read_text())
    assert yaml.safe_load(placed(spec, platform)) == {step: whole[step] for step in platform}


def test_a_step_sees_only_the_secrets_that_it_uses(compiled):
    _, _, platform = compiled["retrain"]
    seen = {step: {one["secretName"] for one in where.get("secretAsEnv", ())} for step, where in platform.items()}
    assert {step for step, names in seen.items() if placement.GIT in names} == {"resolve", "ingest", "version", "fetch"}
    assert {step for step, names in seen.items() if placement.HUB in names} == {
        "resolve",
        "ingest",
        "train",
        "evaluate",
    }
    assert seen["clean"] == {placement.S3, placement.PSEUDONYMS}
    assert seen["split"] == {placement.S3}
    for where in platform.values():
        assert all(one["optional"] for one in (*where.get("secretAsEnv", ()), *where["configMapAsEnv"]))


def test_a_step_that_takes_files_from_s3_can_reach_it():
    """An option that names a file takes one in S3 too, which a cluster's pods read with this Secret."""
    steps = {step for step in STEPS if any(f.metadata["file"] for f in fields_of(config_of(step), OPTION).values())}
    assert steps == {"clean", "split"}
    for step in steps:
        assert placement.S3 in placement.STEPS[step].secrets


def test_what_fills_resources_is_a_text(compiled):
    """Kubeflow 2.17 reads a number there as an empty text: the GPUs would silently be none."""
    _, spec, _ = compiled["retrain"]
    given = spec["root"]["inputDefinitions"]["parameters"]
    resources = spec["deploymentSpec"]["executors"]["exec-train"]["container"]["resources"]
    texts = [value for key, value in resources.items() if key.startswith("resource")]
    texts += [resources["accelerator"]["resourceCount"], resources["accelerator"]["resourceType"]]
    assert len(texts) == 6
    for text in texts:
        name = text.removeprefix("{{$.inputs.parameters['pipelinechannel--").removesuffix("']}}")
        assert given[name]["parameterType"] == "STRING", name
        assert given[name]["defaultValue"]


def test_no_choice_is_named_like_an_option():
    for step in STEPS:
        assert not set(placement.choices(step)) & set(fields_of(config_of(step), OPTION))


def test_every_step_has_its_needs():
    assert set(placement.STEPS) == set(STEPS)


def test_the_form_of_a_run_can_be_sent_as_it_is(tmp_path):
    """Kubeflow sorts it by name and shows no description: names speak, and defaults work where a profile is whole."""
    written = compile_all(profiles.load("cluster"), tmp_path)
    forms = {path.stem: read(path)[0] for path in written}
    empty = {
        name: [key for key, one in spec["root"]["inputDefinitions"]["parameters"].items() if "defaultValue" not in one]
        for name, spec in forms.items()
    }
    assert empty == {"prepare_data": [], "train_model": ["revision"], "retrain": []}
    for spec in forms.values():
        assert spec["pipelineInfo"]["description"].endswith(".")
        for name, one in spec["root"]["inputDefinitions"]["parameters"].items():
            assert name in profiles.SHARED or name == "revision" or name.split("_")[0] in STEPS
            assert one["description"].endswith(".")
            value, kind = one.get("defaultValue", ""), one["parameterType"]
            types = {"STRING": str, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}
            assert isinstance(value, types.get(kind, (int, float))), name


def test_no_secret_value_is_in_what_is_compiled(compiled):
    for text, _, _ in compiled.values():
        assert CANARY not in text
        assert "AWS_SECRET_ACCESS_KEY" in text, "its name is there, its value is not"


def test_a_cluster_fixes_queue_priority_and_pull_secret(tmp_path):
    flags = ["--queue", "gpu-queue", "--priority", "low", "--pull-secret"]
    command = [sys.executable, "-m", "pipelines", "compile", "--into", str(tmp_path), *flags]
    subprocess.run(command, cwd=profiles.ROOT, check=True, capture_output=True)
    for where in read(tmp_path / "retrain.yaml")[1].values():
        labels = where["podMetadata"]["labels"]
        assert labels["kueue.x-k8s.io/queue-name"] == "gpu-queue"
        assert labels["kueue.x-k8s.io/priority-class"] == "low"
        assert [one["secretName"] for one in where["imagePullSecret"]] == [placement.PULL_SECRET]
