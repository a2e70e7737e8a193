"""Compiles the pipelines to Kubeflow's YAML, with the defaults of a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler

from pipelines import placement
from pipelines.graphs import pipelines
from pipelines.profiles import arguments


def compile_all(parameters: Mapping[str, Any], into: Path, names: Sequence[str] = ()) -> list[Path]:
    """Writes one YAML file for each pipeline.

    Args:
        parameters: What the run form shows as defaults (see `profiles.load`).
        into: Directory of the files; made when it does not exist.
        names: Which pipelines; all of them when empty.

    Returns:
        The files, in the order of `names`.
    """
    into.mkdir(parents=True, exist_ok=True)
    defaults = arguments(parameters) | placement.defaults()
    written = []
    made = pipelines()
    for name in names or made:
        pipeline = made[name]
        inputs = pipeline.component_spec.inputs or {}
        path = into / f"{name}.yaml"
        compiler.Compiler().compile(
            pipeline, str(path), pipeline_parameters={key: defaults[key] for key in inputs if key in defaults}
        )
        written.append(path)
    return written


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A compiled pipeline: what runs, and where (the `kubernetes` part of the platform specification, by step)."""
    pipeline, *platforms = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    executors = platforms[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platforms else {}
    return pipeline, {name.removeprefix("exec-"): where for name, where in executors.items()}
