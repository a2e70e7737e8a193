"""Uploads compiled pipelines: a version is named by its content, so that the same content is uploaded once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.shared.errors import RetryError, UserError
from pipelines.cluster.connection import Conflict, Connection
from pipelines.compiler import read

TAGS: Final = {"made-by": "evertune"}
"""Tags of pipelines and versions, by which people find them in Kubeflow."""


@dataclass(frozen=True)
class Version:
    """A version of a pipeline that the cluster has.

    Attributes:
        pipeline: Name of the pipeline.
        name: Name of the version, which tells its content.
        pipeline_id: How Kubeflow knows the pipeline.
        version_id: How Kubeflow knows the version.
        new: Whether it was uploaded just now.
    """

    pipeline: str
    name: str
    pipeline_id: str
    version_id: str
    new: bool = False


def version_name(compiled: Path) -> str:
    """The name of the version that a compiled pipeline is."""
    digest = hashlib.sha256(compiled.read_bytes()).hexdigest()[:12]
    return f"{read(compiled)[0]['pipelineInfo']['name']}-{digest}"


def upload(connection: Connection, compiled: Path) -> Version:
    """Uploads a compiled pipeline unless the cluster has this very version.

    Raises:
        UserError: if the cluster refuses.
        RetryError: if it fails.
    """
    info = read(compiled)[0]["pipelineInfo"]
    pipeline, name = info["name"], version_name(compiled)
    pipeline_id = _pipeline(connection, pipeline, info.get("description", ""))
    if found := find(connection, pipeline, pipeline_id, name):
        return found
    try:
        made = connection.call(
            connection.uploads.upload_pipeline_version,
            str(compiled),
            repeat=False,
            name=name,
            display_name=name,
            pipelineid=pipeline_id,
            description=info.get("description", ""),
            tags=json.dumps(TAGS),
        )
        return Version(pipeline, name, pipeline_id, made.pipeline_version_id, new=True)
    except (Conflict, RetryError):  # another was first, or the answer was lost
        if found := find(connection, pipeline, pipeline_id, name):
            return found
        raise


def find(connection: Connection, pipeline: str, pipeline_id: str, name: str) -> Version | None:
    """The version of a pipeline that has this name, if there is one."""
    calls = connection.pipelines
    found = connection.named(
        calls.pipeline_service_list_pipeline_versions, "pipeline_versions", name, pipeline_id=pipeline_id
    )
    return Version(pipeline, name, pipeline_id, found[0].pipeline_version_id) if found else None


def pipeline_id(connection: Connection, name: str) -> str:
    """How the cluster knows a pipeline; empty if it does not."""
    calls = connection.pipelines
    found = connection.named(
        calls.pipeline_service_list_pipelines, "pipelines", name, namespace=connection.namespace or None
    )
    if len(found) > 1:
        raise UserError(f"{len(found)} pipelines are named {name}", where=connection.endpoint, remedy="delete one")
    return str(found[0].pipeline_id) if found else ""


def _pipeline(connection: Connection, name: str, description: str) -> str:
    import kfp_server_api as api

    if known := pipeline_id(connection, name):
        return known
    wanted: Any = api.V2beta1Pipeline(
        name=name, display_name=name, description=description, namespace=connection.namespace or None, tags=TAGS
    )
    try:
        made = connection.call(connection.pipelines.pipeline_service_create_pipeline, wanted, repeat=False)
        return str(made.pipeline_id)
    except (Conflict, RetryError):
        if known := pipeline_id(connection, name):
            return known
        raise
