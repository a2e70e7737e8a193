"""Where and how Kubeflow runs each step: the one file that says so.

Resources, GPUs, tolerations, timeouts, retries, credentials, labels and caching of all steps are in the tables below.
What the person who starts a run may choose are parameters of the pipeline (`choices`); what a cluster fixes for all
runs comes from variables when the pipeline is compiled (`evertune compile --queue ...`); what is secret or differs
from cluster to cluster comes from Secrets and a ConfigMap with fixed names, all optional, that the pods read.

Kubeflow 2.17 fills a run's values into resources only if they are texts: a number would silently become nothing.
It has no field for a PriorityClass or for ephemeral storage; `/tmp` is a volume of a limited size instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kfp import dsl, kubernetes

from components.images import image
from components.shared.errors import UserError
from pipelines.steps import share_of

NEVER_CACHED: Final = ("resolve", "promote")
"""Steps that look at what moves: the source, the base model, the champion."""
USER: Final = 10001
"""User and group of all containers."""
SETTINGS: Final = "evertune-settings"
"""The ConfigMap with what is not secret; each of its keys becomes the variable of the same name."""
SETTINGS_KEYS: Final = (
    *("AWS_ENDPOINT_URL", "AWS_REGION", "EVERTUNE_S3_SSE", "EVERTUNE_S3_KMS_KEY", "EVERTUNE_GIT_AUTHOR"),
    *("HF_ENDPOINT", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("AWS_CA_BUNDLE", "GIT_SSL_CAINFO", "SSL_CERT_FILE"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"),
    *("WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_PROJECT", "WANDB_MODE"),
)
CA: Final = "evertune-ca"
"""The ConfigMap with certificates, mounted at CA_PATH for the variables above to name."""
CA_PATH: Final = "/etc/evertune/ca"
SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "evertune-s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "evertune-git": ("EVERTUNE_GIT_USERNAME", "EVERTUNE_GIT_PASSWORD"),
    "evertune-hub": ("HF_TOKEN",),
    "evertune-pseudonyms": ("EVERTUNE_PSEUDONYM_KEYS",),
    "evertune-tracking": (
        *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
        "WANDB_API_KEY",
    ),
}
"""Name of each Secret, and its keys; each becomes the variable of that name. With IRSA there is no `evertune-s3`."""
S3, GIT, HUB, PSEUDONYMS, TRACKING = SECRETS
PULL_SECRET: Final = "evertune-registry"  # noqa: S105 - a name
"""The Secret with which images are pulled, when EVERTUNE_PULL_SECRET asks for one."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a step needs.

    Attributes:
        cpu: Requested and allowed CPUs.
        memory: Requested and allowed memory.
        scratch: Size of /tmp.
        hours: Longest time of one try.
        retries: Tries after the first.
        secrets: Names of the Secrets it may see.
        shared_memory: Size of /dev/shm; empty leaves the 64 MiB of the container runtime.
        lasting: Whether evicting it costs hours.
    """

    cpu: tuple[str, str]
    memory: tuple[str, str]
    scratch: str
    hours: float
    retries: int
    secrets: tuple[str, ...] = ()
    shared_memory: str = ""
    lasting: bool = False


STEPS: Final[Mapping[str, Needs]] = {
    "resolve": Needs(
        cpu=("250m", "1"), memory=("512Mi", "1Gi"), scratch="10Gi", hours=1, retries=3, secrets=(S3, GIT, HUB)
    ),
    "ingest": Needs(cpu=("1", "2"), memory=("1Gi", "4Gi"), scratch="80Gi", hours=6, retries=3, secrets=(S3, GIT, HUB)),
    "clean": Needs(cpu=("2", "4"), memory=("3Gi", "8Gi"), scratch="40Gi", hours=6, retries=1, secrets=(S3, PSEUDONYMS)),
    "split": Needs(cpu=("1", "2"), memory=("2Gi", "8Gi"), scratch="20Gi", hours=6, retries=1, secrets=(S3,)),
    "version": Needs(cpu=("1", "2"), memory=("1Gi", "4Gi"), scratch="40Gi", hours=6, retries=3, secrets=(S3, GIT)),
    "fetch": Needs(cpu=("1", "2"), memory=("1Gi", "4Gi"), scratch="40Gi", hours=6, retries=3, secrets=(S3, GIT)),
    "train": Needs(
        cpu=("4", "4"),
        memory=("8Gi", "8Gi"),
        scratch="40Gi",
        hours=72,
        retries=5,
        secrets=(S3, HUB, TRACKING),
        shared_memory="2Gi",
        lasting=True,
    ),
    "evaluate": Needs(cpu=("2", "4"), memory=("4Gi", "8Gi"), scratch="40Gi", hours=12, retries=2, secrets=(S3, HUB)),
    "promote": Needs(cpu=("1", "1"), memory=("1Gi", "4Gi"), scratch="20Gi", hours=1, retries=3, secrets=(S3,)),
}
SHARE: Final = Needs(
    cpu=("1", "2"), memory=("1Gi", "3Gi"), scratch="20Gi", hours=6, retries=3, secrets=STEPS["clean"].secrets
)
"""What a share of `clean` needs, of which there are many: it takes a shard at a time, and goes on where it was."""
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
BACKOFF: Final = {"backoff_duration": "30s", "backoff_factor": 2.0, "backoff_max_duration": "600s"}


@dataclass(frozen=True)
class Choice:
    """A parameter of the pipeline that decides where a step runs.

    Attributes:
        default: Its value unless the run says otherwise.
        meaning: What it is, for the person who starts the run.
        right: Whether Kubernetes takes a value. It would say so only when the pod starts, hours into a run.
    """

    default: str | dict[str, str] | list[dict[str, str]]
    meaning: str
    right: Callable[[Any], bool]


def _written_as(pattern: str) -> Callable[[Any], bool]:
    return lambda value: bool(re.fullmatch(pattern, value))


def _are_labels(value: Any) -> bool:
    return all(isinstance(one, str) for one in value.values())


def _are_tolerations(value: Any) -> bool:
    known = {"key", "operator", "value", "effect", "tolerationSeconds"}
    return all(isinstance(one, dict) and one.keys() <= known for one in value)


_TOLERATIONS: Final = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
TRAIN_CHOICES: Final[Mapping[str, Choice]] = {
    "cpu": Choice(
        STEPS["train"].cpu[0],
        "CPUs of the training, requested and allowed, such as 4 or 3500m.",
        _written_as(r"(?=.*[1-9])(\d+|\d+\.\d+|\d+m)"),
    ),
    "memory": Choice(
        STEPS["train"].memory[0],
        "Memory of the training, requested and allowed, such as 16Gi.",
        _written_as(r"[1-9]\d*(\.\d+)?([KMGT]i|[kMGT])"),
    ),
    "gpus": Choice("0", "Number of GPUs, as a text; 0 trains on CPUs.", _written_as(r"\d{1,3}")),
    "gpu_resource": Choice(
        "nvidia.com/gpu",
        "The GPU's resource name, such as nvidia.com/mig-1g.10gb.",
        _written_as(r"[a-z0-9.-]+/[A-Za-z0-9._-]+"),
    ),
    "node_selector": Choice(
        {}, 'Labels of the nodes to train on, such as {"nvidia.com/gpu.product": "NVIDIA-L4"}.', _are_labels
    ),
    "tolerations": Choice(
        _TOLERATIONS, "Taints that the training tolerates, as Kubernetes writes them.", _are_tolerations
    ),
}


def choices(step: str) -> Mapping[str, Choice]:
    """What the person who starts a run chooses for a step; the pipeline's parameters are `<step>_<name>`."""
    return TRAIN_CHOICES if step == "train" else {}


def check_choice(step: str, name: str, value: Any, where: str) -> None:
    """Raises UserError for a value that Kubernetes would not take."""
    choice = choices(step)[name]
    if not choice.right(value):
        raise UserError(f"{value!r} is nothing that Kubernetes takes", where=where, remedy=f"give: {choice.meaning}")


def defaults() -> dict[str, Any]:
    """The default of each parameter that places a step."""
    return {f"{step}_{name}": choice.default for step in STEPS for name, choice in choices(step).items()}


def use(queue: str = "", priority: str = "", pull_secret: bool = False) -> None:
    """Sets what this cluster fixes for all runs; to be called before the pipelines are imported.

    Args:
        queue: Kueue's LocalQueue that admits the pods.
        priority: Kueue's WorkloadPriorityClass of the pods.
        pull_secret: Whether images are pulled with PULL_SECRET.

    Raises:
        UserError: if a name cannot be a label, with which no pod would start.
    """
    for flag, name in (("--queue", queue), ("--priority", priority)):
        if name and not _LABEL.fullmatch(name):
            raise UserError(f"{name!r} is not a name", where=flag, remedy="use letters, digits, -, _ and ., at most 63")
    for name, value in (
        ("EVERTUNE_QUEUE", queue),
        ("EVERTUNE_PRIORITY", priority),
        ("EVERTUNE_PULL_SECRET", PULL_SECRET if pull_secret else ""),
    ):
        if value:
            os.environ[name] = value


def place(task: dsl.PipelineTask, step: str, chosen: Mapping[str, Any], *, share: bool = False) -> dsl.PipelineTask:
    """Sets everything that this module decides on a task.

    Args:
        task: The task.
        step: The step it runs.
        chosen: The pipeline's parameters that place it, by the names of `choices`.
        share: Whether it does a share of the step.
    """
    needs = SHARE if share else STEPS[step]
    task.set_display_name(share_of(step) if share else step)
    task.set_caching_options(step not in NEVER_CACHED)
    task.set_env_variable("EVERTUNE_IMAGE", image(step))  # for the lineage of what the step makes
    task.set_retry(needs.retries, **BACKOFF)
    _set_resources(task, needs, chosen)
    _set_volumes(task, needs)
    _set_environment(task, needs)
    _set_metadata(task, step, needs)
    kubernetes.set_timeout(task, int(needs.hours * 3600))
    kubernetes.set_image_pull_policy(task, "IfNotPresent")  # a digest cannot change, and a cluster may be offline
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    if pull_secret := os.environ.get("EVERTUNE_PULL_SECRET"):
        kubernetes.set_image_pull_secrets(task, [pull_secret])
    return task


def _set_resources(task: dsl.PipelineTask, needs: Needs, chosen: Mapping[str, Any]) -> None:
    cpu = (chosen["cpu"],) * 2 if "cpu" in chosen else needs.cpu
    memory = (chosen["memory"],) * 2 if "memory" in chosen else needs.memory
    task.set_cpu_request(cpu[0]).set_cpu_limit(cpu[1])
    task.set_memory_request(memory[0]).set_memory_limit(memory[1])
    if "gpus" in chosen:
        task.set_accelerator_type(chosen["gpu_resource"]).set_accelerator_limit(chosen["gpus"])
        kubernetes.add_node_selector_json(task, chosen["node_selector"])
        kubernetes.add_toleration_json(task, chosen["tolerations"])


def _set_volumes(task: dsl.PipelineTask, needs: Needs) -> None:
    kubernetes.empty_dir_mount(task, "scratch", "/tmp", size_limit=needs.scratch)  # noqa: S108 - of the container
    if needs.shared_memory:
        kubernetes.empty_dir_mount(task, "shm", "/dev/shm", medium="Memory", size_limit=needs.shared_memory)  # noqa: S108
    kubernetes.use_config_map_as_volume(task, CA, CA_PATH, optional=True)


def _set_environment(task: dsl.PipelineTask, needs: Needs) -> None:
    kubernetes.use_config_map_as_env(task, SETTINGS, {key: key for key in SETTINGS_KEYS}, optional=True)
    for secret in needs.secrets:
        kubernetes.use_secret_as_env(task, secret, {key: key for key in SECRETS[secret]}, optional=True)


def _set_metadata(task: dsl.PipelineTask, step: str, needs: Needs) -> None:
    labels = {
        "app.kubernetes.io/name": "evertune",
        "app.kubernetes.io/component": step,
        "app.kubernetes.io/part-of": "evertune",
        "app.kubernetes.io/managed-by": "kubeflow-pipelines",
        "kueue.x-k8s.io/queue-name": os.environ.get("EVERTUNE_QUEUE", ""),
        "kueue.x-k8s.io/priority-class": os.environ.get("EVERTUNE_PRIORITY", ""),
    }
    for key, value in labels.items():
        if value:
            kubernetes.add_pod_label(task, key, value)
    kubernetes.add_pod_annotation(
        task, "cluster-autoscaler.kubernetes.io/safe-to-evict", str(not needs.lasting).lower()
    )
