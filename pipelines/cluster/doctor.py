"""`evertune doctor`: finds what would fail later, before anything is submitted; each finding comes with its remedy.

What the Kubernetes API tells (Secrets, service account, GPU nodes) needs the right to ask it; where that is missing the
check says so instead of guessing.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from components.clean.placeholders import PUBLISHED, secret_key
from components.shared import git
from components.shared.commands import Deadline
from components.shared.errors import EvertuneError, UserError
from components.shared.objects import open_store
from pipelines import placement
from pipelines.cluster.address import NAMESPACE
from pipelines.cluster.connection import Connection, connect
from pipelines.profiles import LAPTOP

OK, WRONG, UNKNOWN = "ok", "wrong", "unknown"
OLDEST: Final = (2, 14)
"""Version of Kubeflow Pipelines from which on a run's values reach resources, tolerations and node selectors."""
NEEDED: Final = {
    placement.S3: ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    placement.GIT: placement.SECRETS["evertune-git"],
}
SECONDS: Final = 20.0
_MANIFESTS: Final = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_REFERENCE: Final = re.compile(r"(?P<registry>[^/]+)/(?P<name>.+)@(?P<digest>sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Finding:
    """What a check found: OK, WRONG or UNKNOWN, in one line, with a remedy."""

    check: str
    state: str
    line: str


@dataclass(frozen=True)
class Cluster:
    """What is looked at.

    Attributes:
        endpoint: Of Kubeflow Pipelines; empty looks for it.
        namespace: Of the runs; empty takes the one that the environment names.
        service_account: Of the pods.
        store: Object store of models and data.
        registry: The dataset registry.
        images: The images of the pipelines.
        irsa: Whether S3 is reached by a role of the service account.
        personal_data_key: Id of the secret key of `clean`; empty for none.
        gpus: How many GPUs a training asks for.
        gpu_resource: Name of their resource.
        node_selector: Labels of their nodes.
    """

    endpoint: str
    namespace: str
    service_account: str
    store: str
    registry: str
    images: tuple[str, ...]
    irsa: bool = False
    personal_data_key: str = ""
    gpus: int = 0
    gpu_resource: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] = field(default_factory=dict)


def examine(cluster: Cluster) -> Iterator[Finding]:
    """All findings, check by check."""
    checks: dict[str, Callable[[], str]] = {
        "kubeflow": lambda: _kubeflow(cluster),
        "store": lambda: _store(cluster.store),
        "registry": lambda: _registry(cluster.registry),
        **{f"image {one.partition('@')[0]}": lambda one=one: _image(one) for one in cluster.images},  # type: ignore[misc]
        "namespace": lambda: _namespace(cluster),
        "service account": lambda: _service_account(cluster),
        "secrets": lambda: _secrets(cluster),
        "pseudonyms": lambda: _pseudonyms(cluster),
        "gpu nodes": lambda: _gpus(cluster),
    }
    for name, check in checks.items():
        try:
            yield Finding(name, OK, check())
        except NotAllowed as error:
            yield Finding(name, UNKNOWN, error.line)
        except EvertuneError as error:
            yield Finding(name, WRONG, error.line)


class NotAllowed(UserError):
    """The Kubernetes API cannot be asked."""


def _kubeflow(cluster: Cluster) -> str:
    connection: Connection = connect(cluster.endpoint, cluster.namespace)
    tag = str(connection.health.get("tag_name", ""))
    numbers = re.match(r"v?(\d+)\.(\d+)", tag)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UserError(f"version {tag} is too old", where=connection.endpoint, remedy=f"upgrade to {oldest} or newer")
    calls = connection.runs
    connection.call(calls.run_service_list_runs, namespace=connection.namespace or None, page_size=1)
    return f"version {tag or 'not told'} at {connection.endpoint}, and you may list runs"


def _store(uri: str) -> str:
    """Writes, reads and deletes an object with the credentials of this process."""
    store, key = open_store(uri, Deadline(SECONDS)), f"doctor/{os.getpid()}"
    store.put(key, b"evertune doctor")
    if store.get(key) != b"evertune doctor":
        raise UserError("it gives back other bytes than were written", where=uri, remedy="check what stands before S3")
    store.delete(key)
    return f"{store.uri} can be written, read and deleted from"


def _registry(registry: str) -> str:
    """Tries a push without making it."""
    git.check_url(registry)
    if registry.startswith(LAPTOP):
        raise UserError("no pod can reach it", where=registry, remedy="give a --profile whose registry is a git URL")
    deadline = Deadline(SECONDS)
    with tempfile.TemporaryDirectory(prefix="evertune-doctor-") as place:
        here = Path(place)
        git.checked(["init", "--quiet", "--initial-branch=main", "."], here, deadline)
        git.checked(["commit", "--quiet", "--allow-empty", "--message", "doctor"], here, deadline)
        git.checked(
            ["push", "--dry-run", "--quiet", registry, "HEAD:refs/heads/evertune-doctor"], here, deadline, registry
        )
    return f"{registry} would take a push"


def _image(reference: str) -> str:
    """Asks the image's registry for its manifest; a name without a digest is refused."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise UserError("is not named by registry and digest", where=reference, remedy="run `make push REGISTRY=...`")
    registry = match["registry"]
    scheme = "http" if registry.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    url = f"{scheme}://{registry}/v2/{match['name']}/manifests/{match['digest']}"
    request = urllib.request.Request(url, headers={"Accept": _MANIFESTS}, method="HEAD")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310 - http(s) by construction
            return f"{match['digest'][:19]}… is there"
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise NotAllowed(
                f"{registry} asks for a password that this check does not have",
                remedy=f"make sure of the Secret {placement.PULL_SECRET} and upload with --pull-secret",
            ) from None
        raise UserError(f"HTTP {error.code}", where=reference, remedy="push the image again") from None
    except OSError as error:
        raise UserError(f"cannot be reached ({error})", where=registry, remedy="check the registry's name") from None


def _namespace(cluster: Cluster) -> str:
    name = _name_of(cluster)
    labels = kubernetes(f"/api/v1/namespaces/{name}")["metadata"].get("labels", {})
    level = labels.get("pod-security.kubernetes.io/enforce", "not set")
    return f"{name} is there; Pod Security: {level}"


def _service_account(cluster: Cluster) -> str:
    name = cluster.service_account or "default"
    path = f"/api/v1/namespaces/{_name_of(cluster)}/serviceaccounts/{name}"
    annotations = kubernetes(path)["metadata"].get("annotations", {})
    role = annotations.get("eks.amazonaws.com/role-arn")
    if cluster.irsa and not role:
        raise UserError(f"{name} has no IAM role", remedy="add k8s/components/irsa with your role")
    return f"{name} is there{f', with the role {role}' if role else ''}"


def _secrets(cluster: Cluster) -> str:
    found = []
    for name, keys in NEEDED.items():
        if (name == placement.S3 and cluster.irsa) or (
            name == placement.GIT and not cluster.registry.startswith("http")
        ):
            continue
        held = kubernetes(f"/api/v1/namespaces/{_name_of(cluster)}/secrets/{name}").get("data", {})
        if missing := [key for key in keys if not held.get(key)]:
            raise UserError(f"has no key {', '.join(missing)}", where=f"Secret {name}", remedy="add it")
        if other := [key for key in keys if os.environ.get(key, "").encode() not in (b"", b64decode(held[key]))]:
            raise UserError(
                f"holds another {', '.join(other)} than this environment, with which the checks above were made",
                where=f"Secret {name}",
                remedy="correct one of them",
            )
        found.append(name)
    return f"{', '.join(found) or 'none'} needed, with the right keys"


def _pseudonyms(cluster: Cluster) -> str:
    """Whether the Secret, which is optional otherwise, holds the key that `clean` is to use."""
    key, name = cluster.personal_data_key, placement.PSEUDONYMS
    if key in ("", PUBLISHED):
        return "no secret key asked for"
    held = kubernetes(f"/api/v1/namespaces/{_name_of(cluster)}/secrets/{name}").get("data", {})
    (variable,) = placement.SECRETS[name]
    secret_key(key, b64decode(held.get(variable, "")).decode(errors="replace"), f"{variable} of the Secret {name}")
    return f"{name} holds the key {key!r}"


def _gpus(cluster: Cluster) -> str:
    if not cluster.gpus:
        return "none asked for"
    free, seen = [], 0
    for node in kubernetes("/api/v1/nodes")["items"]:
        labels = node["metadata"].get("labels", {})
        if not node.get("spec", {}).get("unschedulable") and all(
            labels.get(key) == value for key, value in cluster.node_selector.items()
        ):
            seen += 1
            free.append(int(node["status"].get("allocatable", {}).get(cluster.gpu_resource, 0)))
    if max(free, default=0) < cluster.gpus:
        wanted = " ".join(f"{key}={value}" for key, value in cluster.node_selector.items()) or "any label"
        raise UserError(
            f"no node with {wanted} has {cluster.gpus} {cluster.gpu_resource} ({seen} nodes match, at most "
            f"{max(free, default=0)} each)",
            remedy="ask for fewer, correct the node selector, or add nodes and the device plugin",
        )
    return f"{sum(one >= cluster.gpus for one in free)} nodes have {cluster.gpus} {cluster.gpu_resource}"


def _name_of(cluster: Cluster) -> str:
    return cluster.namespace or os.environ.get(NAMESPACE) or "kubeflow"


def kubernetes(path: str) -> dict[str, Any]:
    """What the Kubernetes API answers to GET, with the credentials of the pod or the kubeconfig.

    Raises:
        NotAllowed: if it cannot be asked.
        UserError: if there is no such thing.
    """
    from kubernetes import client, config
    from urllib3.exceptions import HTTPError

    try:
        kubeconfig = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
        if kubeconfig.exists():
            config.load_kube_config(config_file=str(kubeconfig))
        else:
            config.load_incluster_config()
        api = client.ApiClient()
        answer = api.call_api(
            path, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=SECONDS
        )
        return dict(json.loads(answer[0].data))
    except client.ApiException as error:
        if error.status == 404:
            kind, name = path.split("/")[-2:]
            raise UserError(f"there is no {name} among the {kind}", remedy="apply an overlay of k8s/") from None
        raise NotAllowed(
            f"the Kubernetes API answers HTTP {error.status} to {path}", remedy="ask who may read it, or check there"
        ) from None
    except (config.ConfigException, HTTPError, OSError, ValueError) as error:
        raise NotAllowed(
            f"the Kubernetes API cannot be asked ({type(error).__name__})",
            remedy="set KUBECONFIG, or run this in a pod",
        ) from None
