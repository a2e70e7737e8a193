"""Compiles the pipelines to Kubeflow's YAML, with the defaults of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import compiler

from pipelines.graphs import PIPELINES
from pipelines.profiles import arguments


def compile_all(parameters: Mapping[str, Any], into: Path) -> list[Path]:
    """Writes one YAML file for each pipeline.

    Args:
        parameters: What the run form shows as defaults (see `profiles.load`).
        into: Directory of the files; made when it does not exist.

    Returns:
        The files, in the order of `graphs.PIPELINES`.
    """
    into.mkdir(parents=True, exist_ok=True)
    defaults = arguments(parameters)
    written = []
    for name, pipeline in PIPELINES.items():
        inputs = pipeline.component_spec.inputs or {}
        path = into / f"{name}.yaml"
        compiler.Compiler().compile(
            pipeline, str(path), pipeline_parameters={key: defaults[key] for key in inputs if key in defaults}
        )
        written.append(path)
    return written
