"""Versions and runs in a cluster: each made once, whatever fails on the way."""

import json
import subprocess
import sys

import pytest

from components.shared.errors import EvertuneError, RetryError, UserError
from pipelines import profiles
from pipelines.__main__ import main
from pipelines.cluster import connection as connections
from pipelines.cluster import runs
from pipelines.cluster.parameters import check, check_images
from pipelines.cluster.uploads import upload, version_name
from pipelines.compiler import compile_all, read
from tests.pipelines.cluster.kubeflow import FAULTS

GIVEN = {"registry": "https://git.example/registry.git"}
CANARY = "canary-secret-5d1e"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A compiled pipeline whose images are named by digest."""
    (path,) = compile_all(profiles.load("reviews"), tmp_path_factory.mktemp("compiled"), ["prepare_data"])
    path.write_text(path.read_text().replace(":latest", f"@sha256:{'0' * 64}"))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The compiled pipeline that trains."""
    (path,) = compile_all(profiles.load("reviews"), tmp_path_factory.mktemp("trained"), ["train_model"])
    return read(path)[0]


@pytest.fixture
def version(connection, compiled, monkeypatch):
    monkeypatch.setattr(connections, "FIRST_PAUSE", 0.01)
    return upload(connection, compiled)


def told(action, kind=UserError):
    with pytest.raises(kind) as error:
        action()
    return error.value.line


def test_the_same_content_is_uploaded_once(kubeflow, connection, compiled, version):
    assert version.new
    assert version.name == version_name(compiled)
    assert not upload(connection, compiled).new
    assert kubeflow.called("upload_version") == 1
    (pipeline,) = kubeflow.pipelines.values()
    assert (pipeline["display_name"], pipeline["tags"]) == ("prepare-data", {"made-by": "evertune"})
    assert pipeline["description"] == "Turns a source into a versioned dataset."


@pytest.mark.parametrize("how", [500, "drop", "lost"])
@pytest.mark.parametrize("call", ["POST .*/pipelines$", "POST .*/upload_version"])
def test_an_upload_whose_answer_is_lost_is_found_or_told(
    kubeflow, connection, compiled, monkeypatch, call, how, injected
):
    monkeypatch.setattr(connections, "FIRST_PAUSE", 0.01)
    kubeflow.fail(call, how)
    if how == "lost":
        upload(connection, compiled)
    else:
        told(lambda: upload(connection, compiled), RetryError)
        upload(connection, compiled)
    assert len(kubeflow.pipelines) == len(kubeflow.versions) == 1
    injected(f"Kubeflow: {FAULTS[how]} at an upload", 1, "one pipeline, one version")


@pytest.mark.parametrize("how", [500, "drop", "lost"])
def test_a_run_is_started_once_whatever_fails(kubeflow, connection, version, how, injected):
    kubeflow.fail("POST .*/runs", how, how)
    started = runs.submit(connection, version, GIVEN, experiment="evertune")
    assert list(kubeflow.runs) == [started.id]
    assert kubeflow.runs[started.id]["runtime_config"]["parameters"] == GIVEN
    injected(f"Kubeflow: {FAULTS[how]} at a submit, twice", 1, "one run")


def test_a_version_that_vanished_is_told(kubeflow, connection, version):
    kubeflow.versions.clear()
    assert "(HTTP 404): PipelineVersion" in told(lambda: runs.submit(connection, version, GIVEN, experiment="e"))


def task(name, state, pod=""):
    return {"display_name": name, "state": state, "child_tasks": [{"pod_name": pod}] if pod else []}


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["SUCCEEDED", "RUNNING", "SUCCEEDED"], "RUNNING"),
        (["SUCCEEDED", "FAILED", "RUNNING"], "FAILED"),
        (["SUCCEEDED", "SUCCEEDED"], "SUCCEEDED"),
    ],
)
def test_of_several_shares_the_worst_is_told(kubeflow, connection, version, states, told):
    started = runs.submit(connection, version, GIVEN, experiment="evertune")
    shares = [task("clean share", state) for state in states]
    details = {"task_details": [task("ingest", "SUCCEEDED"), *shares, task("shares", "RUNNING")]}
    kubeflow.runs[started.id]["run_details"] = details
    assert runs.get(connection, started.id).steps == {"ingest": "SUCCEEDED", "clean share": told}


def test_waiting_tells_each_change_and_how_it_ended(kubeflow, connection, version):
    started = runs.submit(connection, version, GIVEN, experiment="evertune")
    run, said = kubeflow.runs[started.id], []
    states = iter(["RUNNING", "RUNNING", "SUCCEEDED"])

    def move(call):
        if call.startswith("GET") and "/runs/" in call:
            run["state"] = next(states, run["state"])
            run["run_details"] = {"task_details": [task("resolve", run["state"]), task("resolve-driver", "SUCCEEDED")]}

    kubeflow.after = move
    ended = runs.wait(connection, started.id, seconds=30, every=0.01, tell=said.append)
    assert (ended.state, ended.steps) == ("SUCCEEDED", {"resolve": "SUCCEEDED"})
    assert said == ["run: RUNNING", "resolve: RUNNING"], "each state is told once"


def test_a_failed_run_names_its_step_and_says_where_to_look(kubeflow, connection, version):
    started = runs.submit(connection, version, GIVEN, experiment="evertune")
    kubeflow.runs[started.id] |= {
        "state": "FAILED",
        "error": {"message": "one step\nfailed"},
        "run_details": {"task_details": [task("resolve", "SUCCEEDED", "pod-1"), task("ingest", "FAILED", "pod-2")]},
    }
    line = told(lambda: runs.wait(connection, started.id, seconds=5, every=1, tell=print), EvertuneError)
    assert "the run ended as FAILED in ingest: one step failed" in line
    assert f"evertune logs {started.id} ingest" in line
    kubeflow.logs["pod-2"] = "12:00:00 ingest: no such file"
    assert runs.log(connection, started.id, "ingest") == "12:00:00 ingest: no such file"
    assert "kubectl logs pod-1" in told(lambda: runs.log(connection, started.id, "resolve"))
    assert "train has no pod" in told(lambda: runs.log(connection, started.id, "train"))


def test_waiting_has_an_end(kubeflow, connection, version):
    started = runs.submit(connection, version, GIVEN, experiment="evertune")
    line = told(lambda: runs.wait(connection, started.id, seconds=0.05, every=0.02, tell=lambda _: None), RetryError)
    assert "it goes on after 0.05 seconds" in line


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("sorce", "x", "prepare-data has no parameter 'sorce'. Did you mean source?"),
        (1, "x", "prepare-data has no parameter 1"),
        ("clean_max_chars", "many", "clean_max_chars: 'many' is not of type NUMBER_INTEGER. Give a whole number"),
        ("clean_max_chars", "1.5", "'1.5' is not of type NUMBER_INTEGER"),
        ("clean_max_chars", 0, "clean.max_chars: 0 is out of range"),
        ("clean_markup", "maybe", "'maybe' is not of type BOOLEAN. Give true or false"),
        ("split_test_fraction", "nan", "'nan' is not of type NUMBER_DOUBLE"),
        ("source", ["a"], "['a'] is not of type STRING"),
        ("registry", "https://me:word@git.example/r.git", "registry: the address holds a password"),
        ("source", "s3://b/k,https://me:word@web.example/x.csv", "source: an address holds a password"),
        ("task", "clasification", "task: 'clasification' is not known"),
        ("dataset", "Reviews", "dataset: 'Reviews' is not a name"),
        ("store", "/tmp/store", "store: '/tmp/store' is not in S3"),
        ("source", "", "source: '' is not a text"),
        ("registry", "git@git.example:r.git", "registry: 'git@git.example:r.git' is not an address for pods"),
        ("source", f"s3://bucket?key={CANARY}", "the value holds a secret, and parameters are public"),
    ],
)
def test_a_wrong_parameter_is_told_before_any_call(compiled, monkeypatch, name, value, line):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    said = told(lambda: check(read(compiled)[0], {**GIVEN, name: value}))
    assert line in said
    assert CANARY not in said


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("cpu", ["two", "0", "4Gi", ""], ["4", "3500m", "0.5"]),
        ("memory", ["lots", "16", "16GB", "0Gi"], ["16Gi", "1.5Gi", "500M"]),
        ("gpus", ["two", "-1", "1.5", ""], ["0", "8"]),
        ("gpu_resource", ["gpu", "nvidia.com/"], ["nvidia.com/mig-1g.10gb", "amd.com/gpu"]),
        ("node_selector", ['{"count": 1}'], ['{"nvidia.com/gpu.product": "NVIDIA-L4"}', "{}"]),
        ("tolerations", ["[1]", '[{"taint": "x"}]'], ["[]", '[{"key": "gpu", "operator": "Exists"}]']),
    ],
)
def test_what_kubernetes_would_refuse_after_hours_is_refused_at_once(trained, name, wrong, right):
    given = {"registry": "https://git.example/r.git", "checkpoints": "s3://b/c", "revision": "reviews/v1"}
    for value in wrong:
        assert f"train_{name}: " in told(lambda value=value: check(trained, {**given, f"train_{name}": value}))
    for value in right:
        check(trained, {**given, f"train_{name}": value})
    assert "is not in S3" in told(lambda: check(trained, {**given, "checkpoints": ".evertune/checkpoints"}))


def test_parameters_take_the_declared_types(compiled):
    given = {
        **GIVEN,
        "clean_max_chars": "50",
        "clean_markup": "false",
        "split_test_fraction": "0.25",
        "source": "s3://b/k",
    }
    found = check(read(compiled)[0], given)
    assert (found["clean_max_chars"], found["clean_markup"], found["split_test_fraction"]) == (50, False, 0.25)
    assert "registry must be given" in told(lambda: check(read(compiled)[0], {}))


def test_images_by_tag_are_refused(compiled):
    check_images(read(compiled)[0])
    spec = json.loads(json.dumps(read(compiled)[0]))
    spec["deploymentSpec"]["executors"]["exec-clean"]["container"]["image"] = "registry/evertune-clean:v1"
    line = told(lambda: check_images(spec))
    assert "registry/evertune-clean:v1: named by tag" in line
    assert "--allow-tags" in line


def evertune(capsys, *words, code=0):
    capsys.readouterr()
    try:
        main(words)
        ended = 0
    except SystemExit as end:
        ended = end.code or 0
    out, err = capsys.readouterr()
    assert ended == code, err
    return out, err


def test_the_commands_submit_show_and_wait(kubeflow, capsys, monkeypatch):
    for secret in ("AWS_SECRET_ACCESS_KEY", "EVERTUNE_GIT_PASSWORD", "HF_TOKEN", "EVERTUNE_KFP_TOKEN"):
        monkeypatch.setenv(secret, CANARY)
    kubeflow.token = CANARY
    given = ["--param", f"registry={GIVEN['registry']}"]
    _, err = evertune(capsys, "submit", "prepare_data", *given, code=2)
    assert "named by tag" in err
    out, _ = evertune(capsys, "submit", "prepare_data", *given, "--allow-tags", "--output", "json")
    run = json.loads(out)
    assert run["state"] == "PENDING"
    out, _ = evertune(capsys, "status")
    assert run["id"] in out
    for number in range(25):  # more than a page
        kubeflow.run({**kubeflow.runs[run["id"]], "display_name": f"run-{number}"})
    listed = json.loads(evertune(capsys, "status", "--last", "22", "--output", "json")[0])
    assert [one["name"] for one in listed] == [f"run-{number}" for number in range(24, 2, -1)]
    kubeflow.runs[run["id"]]["state"] = "FAILED"
    out, err = evertune(capsys, "wait", run["id"], code=1)
    assert "ended as FAILED" in err
    kubeflow.runs[run["id"]]["run_details"] = {"task_details": [task("ingest", "FAILED", "pod")]}
    kubeflow.logs["pod"] = f"it said {CANARY}"
    out, err = evertune(capsys, "logs", run["id"], "ingest")
    assert out == "it said ***\n"
    kubeflow.token = "renewed"
    _, err = evertune(capsys, "status", run["id"], code=2)
    assert "HTTP 401" in err
    kubeflow.token = CANARY
    _, err = evertune(capsys, "status", "no-such-run", code=2)
    assert err.startswith("evertune: UserError: ")
    sent = json.dumps([kubeflow.runs, kubeflow.pipelines, kubeflow.versions, kubeflow.experiments])
    assert CANARY not in sent + out + err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["status", "--last", "0"], "argument --last: 0 is out of range: give 1 or more"),
        (["wait", "run", "--every", "0.1"], "argument --every: 0.1 is out of range"),
        (["wait", "run", "--timeout", "nan"], "argument --timeout: nan is out of range"),
        (["wait", "run", "--timeout", "long"], "argument --timeout: invalid number value: 'long'"),
        (["doctor", "--gpus", "-1"], "argument --gpus: -1 is out of range"),
        (["doctor", "--node-selector", '{"gpu": 1}'], "is no mapping of texts. Give"),
        (["submit", "prepare_data", "--experiment", ""], "submit: experiment: '' is not a name"),
        (["submit", "prepare_data", "--service-account", "A b"], "submit: service_account: 'A b' is not a name"),
        (["compile", "--queue", "my queue"], "--queue: 'my queue' is not a name"),
        (["upload", "--priority", "x" * 64, "--allow-tags"], "--priority: 'xxx"),
        (["compile", "--into", f"{__file__}/below"], "Not a directory. Give another path"),
        (["compile", "--into", __file__], "File exists. Give another path"),
    ],
)
def test_a_wrong_option_is_told(capsys, words, line):
    _, err = evertune(capsys, *words, code=2)
    assert line in err.splitlines()[-1]


def test_a_bad_parameter_ends_before_anything_is_asked(kubeflow):
    command = [sys.executable, "-m", "pipelines", "submit", "retrain", "--allow-tags", "--param", "train_epochs=two"]
    done = subprocess.run(command, cwd=profiles.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--param: train_epochs: 'two' is not of type NUMBER_INTEGER" in done.stderr
    assert done.stderr.count("\n") == 1
    assert kubeflow.calls == []
