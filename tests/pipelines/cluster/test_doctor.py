"""`evertune doctor` finds each thing that would fail later, and says what to do."""

import os
from base64 import b64encode
from dataclasses import replace

import pytest
import yaml

from pipelines import placement
from pipelines.cluster import doctor
from pipelines.cluster.doctor import OK, UNKNOWN, WRONG, Cluster, examine

DIGEST = f"sha256:{'a' * 64}"
NAMESPACE = "/api/v1/namespaces/team-a"


@pytest.fixture
def cluster(kubeflow, s3, registry, tmp_path, monkeypatch):
    """A cluster in which all is well, for as much as can be served here."""
    address = os.environ["EVERTUNE_KFP_ENDPOINT"]
    host = address.removeprefix("http://")
    for path, answer in {
        f"/v2/evertune-train/manifests/{DIGEST}": {},
        NAMESPACE: {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        f"{NAMESPACE}/serviceaccounts/evertune": {"metadata": {}},
        f"{NAMESPACE}/secrets/evertune-s3": {
            "data": {
                key: b64encode(os.environ.get(key, "").encode()).decode() for key in placement.SECRETS[placement.S3]
            }
        },
        "/api/v1/nodes": {
            "items": [
                {
                    "metadata": {"labels": {"nvidia.com/gpu.product": "NVIDIA-L4"}},
                    "status": {"allocatable": {"nvidia.com/gpu": "2"}},
                }
            ]
        },
    }.items():
        kubeflow.others[path] = answer
    config = {
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "users": [{"name": "test", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return Cluster(
        endpoint="",
        namespace="team-a",
        service_account="evertune",
        store=s3,
        registry=str(registry),
        images=(f"{host}/evertune-train@{DIGEST}",),
        gpus=1,
    )


def states(cluster):
    return {one.check.partition(" ")[0]: (one.state, one.line) for one in examine(cluster)}


def test_where_all_is_well_every_check_says_so(cluster):
    found = states(cluster)
    assert {state for state, _ in found.values()} == {OK}, found
    assert "version 2.17.0" in found["kubeflow"][1]
    assert "restricted" in found["namespace"][1]


def test_the_namespace_of_the_environment_is_looked_at(cluster, monkeypatch):
    monkeypatch.setenv("EVERTUNE_KFP_NAMESPACE", "team-a")
    assert states(replace(cluster, namespace=""))["namespace"] == (OK, "team-a is there; Pod Security: restricted")


@pytest.mark.parametrize(
    ("check", "change", "line"),
    [
        ("kubeflow", {"endpoint": "http://127.0.0.1:9"}, "cannot be reached"),
        ("store", {"store": "s3://no-such-bucket/x"}, "no such bucket"),
        ("registry", {"registry": "/no/such/registry.git"}, "no git repository"),
        ("registry", {"registry": ".evertune/registry.git"}, "no pod can reach it. Give a --profile whose registry"),
        ("image", {"images": ("evertune-train:latest",)}, "is not named by registry and digest"),
        ("gpu", {"gpus": 4}, "has 4 nvidia.com/gpu (1 nodes match, at most 2 each)"),
        ("gpu", {"node_selector": {"nvidia.com/gpu.product": "H100"}}, "no node with nvidia.com/gpu.product=H100"),
        ("service", {"irsa": True}, "evertune has no IAM role"),
        ("service", {"service_account": "other"}, "there is no other among the serviceaccounts"),
        ("secrets", {"registry": "https://git.example/r.git"}, "there is no evertune-git among the secrets"),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(cluster, monkeypatch, check, change, line):
    monkeypatch.setattr("pipelines.cluster.connection.FIRST_PAUSE", 0.0)
    if check == "secrets":
        monkeypatch.setattr(doctor, "_registry", lambda registry: registry)
    state, told = states(replace(cluster, **change))[check]
    assert state == WRONG
    assert line in told
    assert "\n" not in told


def test_a_secret_without_its_keys_and_an_image_that_is_gone_are_told(cluster, kubeflow):
    kubeflow.others[f"{NAMESPACE}/secrets/evertune-s3"]["data"].pop("AWS_SECRET_ACCESS_KEY")
    del kubeflow.others[f"/v2/evertune-train/manifests/{DIGEST}"]
    found = states(cluster)
    assert "Secret evertune-s3: has no key AWS_SECRET_ACCESS_KEY" in found["secrets"][1]
    assert "HTTP 404" in found["image"][1]


def test_a_secret_with_other_keys_than_were_tried_is_told(cluster, kubeflow):
    kubeflow.others[f"{NAMESPACE}/secrets/evertune-s3"]["data"]["AWS_ACCESS_KEY_ID"] = b64encode(b"another").decode()
    assert "holds another AWS_ACCESS_KEY_ID than this environment" in states(cluster)["secrets"][1]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (None, "there is no evertune-pseudonyms among the secrets"),
        ("2025a=0123456789abcdef", "no key '2026a' in EVERTUNE_PSEUDONYM_KEYS of the Secret evertune-pseudonyms"),
        ("2026a=short", "the key '2026a' is shorter than 16 characters"),
    ],
)
def test_a_missing_key_of_placeholders_is_told(cluster, kubeflow, keys, told):
    if keys:
        kubeflow.others[f"{NAMESPACE}/secrets/evertune-pseudonyms"] = pseudonyms(keys)
    state, line = states(replace(cluster, personal_data_key="2026a"))["pseudonyms"]
    assert state == WRONG
    assert told in line
    assert "short" not in line.replace("shorter", "")


def test_a_key_of_placeholders_is_found_and_a_published_one_needs_no_secret(cluster, kubeflow):
    assert states(replace(cluster, personal_data_key="published"))["pseudonyms"][0] == OK
    kubeflow.others[f"{NAMESPACE}/secrets/evertune-pseudonyms"] = pseudonyms("2026a=0123456789abcdef,x=y")
    assert states(replace(cluster, personal_data_key="2026a"))["pseudonyms"] == (
        OK,
        "evertune-pseudonyms holds the key '2026a'",
    )


def pseudonyms(keys):
    return {"data": {"EVERTUNE_PSEUDONYM_KEYS": b64encode(keys.encode()).decode()}}


def test_a_node_that_takes_no_more_pods_has_no_gpu_for_us(cluster, kubeflow):
    kubeflow.others["/api/v1/nodes"]["items"][0]["spec"] = {"unschedulable": True}
    assert "(0 nodes match, at most 0 each)" in states(cluster)["gpu"][1]


def test_what_cannot_be_asked_is_not_guessed(cluster, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/no/such/file")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    found = states(cluster)
    assert {name for name, (state, _) in found.items() if state == UNKNOWN} == {
        "namespace",
        "service",
        "secrets",
        "gpu",
    }
    assert "the Kubernetes API cannot be asked" in found["gpu"][1]


def test_an_old_kubeflow_is_told(cluster, kubeflow, monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST", (3, 0))
    assert "version 2.17.0 is too old" in states(cluster)["kubeflow"][1]
