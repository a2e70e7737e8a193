"""`clean` over several pods: the graph is what the golden text says, and each pod is placed as its needs say."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.shared.errors import UserError
from pipelines import placement, profiles
from pipelines.compiler import compile_all, read
from pipelines.flow import Shares

GOLDEN = Path(__file__).with_name("golden") / "fan_out.yaml"
PODS = Shares(8, at_once=4)


@pytest.fixture(scope="module")
def fanned(tmp_path_factory):
    written = compile_all(profiles.load("reviews"), tmp_path_factory.mktemp("fanned"), shares=PODS)
    return {path.stem: read(path) for path in written}


def loop_of(spec):
    """The task that fans out, and the one inside of it."""
    ((name, loop),) = (
        (name, task) for name, task in spec["root"]["dag"]["tasks"].items() if "parameterIterator" in task
    )
    ((inner, share),) = spec["components"][loop["componentRef"]["name"]]["dag"]["tasks"].items()
    return name, loop, inner, share


def shape(spec, platform):
    """What is added for the shares, and what `clean` waits for."""
    name, loop, inner, share = loop_of(spec)
    container = spec["deploymentSpec"]["executors"][f"exec-{inner}"]["container"]
    where = platform[inner]
    return {
        name: {key: loop[key] for key in ("dependentTasks", "iteratorPolicy", "parameterIterator", "taskInfo")},
        inner: {
            "artifacts": share["inputs"]["artifacts"],
            "share": share["inputs"]["parameters"]["share"],
            "image": container["image"],
            "resources": {key: one for key, one in container["resources"].items() if key.startswith("resource")},
            "retry": share["retryPolicy"],
            "caching": share["cachingOptions"],
            "name": share["taskInfo"]["name"],
            "where": {key: one for key, one in where.items() if key not in ("configMapAsEnv", "secretAsEnv")},
            "secrets": {one["secretName"]: one["optional"] for one in where["secretAsEnv"]},
        },
        "clean": {"after": spec["root"]["dag"]["tasks"]["clean"]["dependentTasks"]},
    }


@pytest.mark.parametrize("name", ["prepare_data", "retrain"])
def test_the_fanned_out_graph_is_the_golden_one(fanned, name):
    told = yaml.safe_dump(shape(*fanned[name]), width=120)
    assert told == GOLDEN.read_text(), f"if the change is meant, write it to {GOLDEN}"


def test_all_but_the_shares_is_the_graph_of_one_pod(fanned, tmp_path):
    for path in compile_all(profiles.load("reviews"), tmp_path):
        alone, platform = read(path)
        spec, where = fanned[path.stem]
        assert spec["root"]["inputDefinitions"] == alone["root"]["inputDefinitions"]
        added = set(spec["root"]["dag"]["tasks"]) - set(alone["root"]["dag"]["tasks"])
        assert len(added) == (0 if path.stem == "train_model" else 1)
        for step, task in alone["root"]["dag"]["tasks"].items():
            found = spec["root"]["dag"]["tasks"][step]
            after = [one for one in found.get("dependentTasks", ()) if one not in added]
            assert {**found, "dependentTasks": after} == {**task, "dependentTasks": task.get("dependentTasks", [])}
            assert where[step] == platform[step]


def test_a_share_gets_all_that_the_whole_step_gets(fanned):
    """What cleans differently would not find its parts again."""
    spec, platform = fanned["retrain"]
    _, loop, inner, share = loop_of(spec)
    whole = spec["root"]["dag"]["tasks"]["clean"]
    outer = loop["inputs"]["parameters"]
    for name, source in whole["inputs"]["parameters"].items():
        if name != "share":
            passed = share["inputs"]["parameters"][name]["componentInputParameter"]
            assert outer[passed] == source, name
    executors = spec["deploymentSpec"]["executors"]
    for key in ("image", "command", "args", "env"):
        assert executors[f"exec-{inner}"]["container"][key] == executors["exec-clean"]["container"][key]
    for key in ("configMapAsEnv", "secretAsEnv", "securityContext", "configMapAsVolume"):
        assert platform[inner][key] == platform["clean"][key]


def test_compiling_twice_gives_the_same_bytes(tmp_path):
    parameters = profiles.load("zh")
    first, _, second = (
        [path.read_bytes() for path in compile_all(parameters, tmp_path / name, ["retrain"], shares)]
        for name, shares in (("a", PODS), ("b", Shares()), ("c", PODS))
    )
    assert first == second


@pytest.mark.parametrize("shares", [{"number": 0}, {"number": 1001}, {"number": -3}, {"at_once": -1}])
def test_a_number_of_shares_that_cannot_be(shares):
    with pytest.raises(UserError, match=r"--shares.*is not between"):
        Shares(**shares)


def test_the_command_compiles_shares(tmp_path):
    command = [sys.executable, "-m", "pipelines", "compile", "--into", str(tmp_path), "--shares", "3", "--queue", "q"]
    subprocess.run(command, cwd=profiles.ROOT, check=True, capture_output=True)
    spec, platform = read(tmp_path / "prepare_data.yaml")
    _, loop, inner, _ = loop_of(spec)
    assert loop["parameterIterator"]["items"]["raw"] == '["1/3", "2/3", "3/3"]'
    assert "iteratorPolicy" not in loop, "no limit"
    assert platform[inner]["podMetadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"


def test_a_share_needs_less_than_the_whole():
    whole = placement.STEPS["clean"]
    assert placement.SHARE.secrets == whole.secrets
    assert int(placement.SHARE.cpu[0]) < int(whole.cpu[0])
