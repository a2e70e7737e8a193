"""Compiles the pipelines to Kubeflow's YAML, with the defaults of a profile."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict
from kfp.compiler.pipeline_spec_builder import extract_comments_from_pipeline_spec
from kfp.dsl.base_component import BaseComponent

from pipelines import placement
from pipelines.flow import ONE_POD, Shares
from pipelines.graphs import pipelines
from pipelines.profiles import arguments


def compile_all(
    parameters: Mapping[str, Any], into: Path, names: Sequence[str] = (), shares: Shares = ONE_POD
) -> list[Path]:
    """Writes one YAML file for each pipeline.

    Args:
        parameters: What the run form shows as defaults (see `profiles.load`).
        into: Directory of the files; made when it does not exist.
        names: Which pipelines; all of them when empty.
        shares: Over how many pods `clean` is fanned out.

    Returns:
        The files, in the order of `names`.
    """
    into.mkdir(parents=True, exist_ok=True)
    defaults = arguments(parameters) | placement.defaults()
    written = []
    made = pipelines(shares)
    for name in names or made:
        path = into / f"{name}.yaml"
        path.write_text(_yaml(made[name], defaults), encoding="utf-8")
        written.append(path)
    return written


def _yaml(pipeline: BaseComponent, defaults: Mapping[str, Any]) -> str:
    """What `kfp.compiler` would write, with the parameters in the order in which people want to read them.

    PyYAML's emitter in C takes a quarter off the whole command.
    """
    documents = [MessageToDict(pipeline.pipeline_spec), MessageToDict(pipeline.platform_spec)]
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]
    for name in parameters.keys() & defaults.keys():
        parameters[name]["defaultValue"] = defaults[name]
    documents = json.loads(json.dumps(documents, sort_keys=True))  # a message of protobuf has no order
    comments: str = extract_comments_from_pipeline_spec(documents[0], pipeline.description)
    given = documents[0]["root"]["inputDefinitions"]
    order = sorted(pipeline.component_spec.inputs, key=defaults.__contains__)
    given["parameters"] = {name: given["parameters"][name] for name in order}
    return comments + yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A compiled pipeline: what runs, and where (the `kubernetes` part of the platform specification, by step)."""
    pipeline, *platforms = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    executors = platforms[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platforms else {}
    return pipeline, {name.removeprefix("exec-"): where for name, where in executors.items()}
