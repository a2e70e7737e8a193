"""`evertune doctor`: what would fail later, found before anything is submitted."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from pipelines.commands import add_connection, at_least, emit, table
from pipelines.commands.upload import add_source

if TYPE_CHECKING:
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("doctor", help="check endpoint, Secrets, S3, registry, images and GPUs of a cluster")
    parser.add_argument("--service-account", default="evertune", help="of the pods (default: evertune)")
    parser.add_argument("--irsa", action="store_true", help="S3 is reached by a role of the service account")
    parser.add_argument("--gpus", type=at_least(0), default=0, help="GPUs that a training will ask for (default: 0)")
    parser.add_argument("--gpu-resource", default="nvidia.com/gpu", help="their resource (default: nvidia.com/gpu)")
    parser.add_argument("--node-selector", default="{}", metavar="JSON", help="labels of the nodes to train on")
    add_source(parser)
    add_connection(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints a line for each check; fails if one found something wrong."""
    from components.shared.errors import UserError
    from components.shared.secrets import load_secrets, redact
    from pipelines import profiles
    from pipelines.cluster import doctor

    load_secrets()
    parameters = profiles.load(arguments.profile)
    cluster = doctor.Cluster(
        endpoint=arguments.endpoint,
        namespace=arguments.namespace,
        service_account=arguments.service_account,
        store=parameters["store"],
        registry=parameters["registry"],
        images=_images(arguments),
        irsa=arguments.irsa,
        personal_data_key=parameters["clean"]["personal_data_key"],
        gpus=arguments.gpus,
        gpu_resource=arguments.gpu_resource,
        node_selector=_selector(arguments.node_selector),
    )
    found = [dataclasses.replace(one, line=redact(one.line)) for one in doctor.examine(cluster)]
    rows = [(one.state, one.check, one.line) for one in found]
    emit(arguments, [dataclasses.asdict(one) for one in found], table(("", "check", ""), rows))
    if wrong := [one.check for one in found if one.state == doctor.WRONG]:
        raise UserError(f"{', '.join(wrong)}", where="doctor", remedy="see the lines above")


def _images(arguments: argparse.Namespace) -> tuple[str, ...]:
    from components.images import IMAGES, image
    from pipelines import images

    images.use(arguments.images or (images.RECORD if images.RECORD.exists() else None))
    return tuple(sorted({image(step) for step in IMAGES})) if not arguments.allow_tags else ()


def _selector(text: str) -> dict[str, Any]:
    from components.shared.errors import UserError

    try:
        labels = json.loads(text)
    except ValueError:
        labels = None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise UserError(f"{text!r} is no mapping of texts", where="--node-selector", remedy='give {"label": "value"}')
    return labels
