"""dvc.yaml and the compiled `retrain` pipeline are the same graph, and the graph is what the golden text says."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml

from components.shared import options
from pipelines import placement, profiles
from pipelines.compiler import compile_all, read
from pipelines.steps import STEPS, config_of

ROOT = profiles.ROOT
GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    return {path.stem: read(path)[0] for path in compile_all(profiles.load("reviews"), folder)}


def kubeflow_edges(spec):
    edges = set()
    for step, task in spec["root"]["dag"]["tasks"].items():
        inputs = task["inputs"]
        for name, source in inputs.get("artifacts", {}).items():
            made = source["taskOutputArtifact"]
            edges.add((made["producerTask"], made["outputArtifactKey"], step, name))
        for name, source in inputs.get("parameters", {}).items():
            if made := source.get("taskOutputParameter"):
                edges.add((made["producerTask"], made["outputParameterKey"], step, name))
    return edges


def flags_of(stage):
    command = stage["cmd"] if isinstance(stage["cmd"], str) else stage["cmd"][-1]
    words = shlex.split(command)
    return {word.removeprefix("--"): value for word, value in itertools.pairwise(words) if "--" in word}


def dvc_edges(stages):
    made = {}
    for step, stage in stages.items():
        for name, value in flags_of(stage).items():
            if value in stage["outs"]:
                made[value] = (step, name)
    edges = set()
    for step, stage in stages.items():
        for name, value in flags_of(stage).items():
            if (source := made.get(value.removeprefix("@"))) and source[0] != step:
                edges.add((*source, step, name))
    return edges


def stages():
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_dvc_and_retrain_have_the_same_steps_and_edges(compiled):
    assert set(stages()) == set(compiled["retrain"]["root"]["dag"]["tasks"]) == set(STEPS)
    assert dvc_edges(stages()) == kubeflow_edges(compiled["retrain"])


@pytest.mark.parametrize("step", STEPS)
def test_stage_gives_every_flag_and_depends_on_all_it_reads(step):
    stage = stages()[step]
    given = set(flags_of(stage))
    wired = {n for n, f in options.fields_of(config_of(step)).items() if f.metadata["kind"] != options.OPTION}
    assert given == wired
    for name, value in flags_of(stage).items():
        kind = options.fields_of(config_of(step))[name].metadata["kind"]
        if kind in (options.OUTPUT_ARTIFACT, options.OUTPUT_PARAMETER):
            assert value in stage["outs"]
        elif kind == options.INPUT_ARTIFACT or value.startswith(("@resolve", "@version")):
            assert value.removeprefix("@") in stage["deps"]


@pytest.mark.parametrize("step", [step for step in STEPS if step != "resolve"])
def test_stage_reruns_when_its_code_or_options_change(step):
    stage = stages()[step]
    assert {f"components/{step}", "components/shared"} <= set(stage["deps"])
    assert stage["params"] == [step]
    assert f"${{{step}}}" in stage["cmd"]


def test_from_version_to_fetch_only_parameters_pass(compiled):
    for spec in (compiled["retrain"], compiled["train_model"]):
        assert "artifacts" not in spec["root"]["dag"]["tasks"]["fetch"]["inputs"]


def test_what_looks_at_moving_things_is_never_cached(compiled):
    for spec in compiled.values():
        cached = {
            step for step, task in spec["root"]["dag"]["tasks"].items() if task["cachingOptions"].get("enableCache")
        }
        assert cached == set(spec["root"]["dag"]["tasks"]) - {"resolve", "promote"}


def test_compiling_twice_gives_the_same_bytes(tmp_path):
    parameters = profiles.load("zh")
    first = [path.read_bytes() for path in compile_all(parameters, tmp_path / "a")]
    second = [path.read_bytes() for path in compile_all(parameters, tmp_path / "b")]
    assert first == second


def test_defaults_of_the_run_form_are_those_of_the_profile(compiled, tmp_path):
    def default(spec, name):
        return spec["root"]["inputDefinitions"]["parameters"][name].get("defaultValue")

    zh = read(compile_all(profiles.load("zh"), tmp_path)[2])[0]
    assert default(compiled["retrain"], "ingest_where") == "source=rotten_tomatoes"
    assert default(zh, "ingest_where") == ""
    assert default(zh, "ingest_label_column") == "file"
    assert default(compiled["retrain"], "registry") is None, "a cluster cannot reach a place on this machine"


@pytest.mark.parametrize("name", ["prepare_data", "train_model", "retrain"])
def test_resolve_is_told_what_all_steps_are_given(compiled, name):
    """It finds what is wrong before hours of work; where a step runs is checked by the client only."""
    root = compiled[name]["root"]
    told = root["dag"]["tasks"]["resolve"]["inputs"]["parameters"]["parameters"]["runtimeValue"]["constant"]
    given = {re.sub(rf"^({'|'.join(STEPS)})_", r"\1.", one) for one in root["inputDefinitions"]["parameters"]}
    placed = {name.replace("_", ".", 1) for name in placement.defaults()}
    assert {line.partition("=")[0] for line in told.splitlines()} == given - placed - {"revision"}


def test_parameters_without_a_default_stand_first_and_options_of_steps_last(compiled):
    for spec in compiled.values():
        parameters = spec["root"]["inputDefinitions"]["parameters"]
        with_default = ["defaultValue" in one for one in parameters.values()]
        of_a_step = [name.partition("_")[0] in STEPS for name in parameters]
        assert with_default == sorted(with_default)
        assert of_a_step == sorted(of_a_step)


def test_each_parameter_of_the_run_form_is_described(compiled):
    for spec in compiled.values():
        for name, parameter in spec["root"]["inputDefinitions"]["parameters"].items():
            assert parameter.get("description"), name


def shape(spec):
    lines = [f"pipeline {spec['pipelineInfo']['name']}"]
    for name, parameter in sorted(spec["root"]["inputDefinitions"]["parameters"].items()):
        default = f" = {parameter['defaultValue']!r}" if "defaultValue" in parameter else ""
        lines.append(f"  parameter {name}: {parameter['parameterType']}{default}")
    for step, task in sorted(spec["root"]["dag"]["tasks"].items()):
        executor = spec["deploymentSpec"]["executors"][
            spec["components"][task["componentRef"]["name"]]["executorLabel"]
        ]
        after = ", ".join(task.get("dependentTasks", []))
        lines.append(f"  task {step} [{executor['container']['image']}] after {after or 'nothing'}")
    lines += [f"  edge {a}.{b} -> {c}.{d}" for a, b, c, d in sorted(kubeflow_edges(spec))]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["prepare_data", "train_model", "retrain"])
def test_graph_has_the_golden_shape(compiled, name, monkeypatch):
    golden = GOLDEN / f"{name}.txt"
    assert shape(compiled[name]) == golden.read_text(), f"if the change is meant, write it to {golden}"


def test_no_place_of_this_machine_in_compiled_yaml(compiled):
    for spec in compiled.values():
        assert not re.search(r"\.evertune|/home/|/root/", yaml.safe_dump(spec))
