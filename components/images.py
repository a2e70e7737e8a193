"""Which image each step runs in, and the container specification all steps share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from kfp import dsl

IMAGES: Final = {
    "resolve": "ingest",
    "ingest": "ingest",
    "clean": "clean",
    "split": "clean",
    "version": "version",
    "fetch": "version",
    "train": "train",
    "evaluate": "evaluate",
    "promote": "evaluate",
}
"""Image family of each step; steps share one only where their dependencies are the same."""


def image(step: str) -> str:
    """The image reference of a step.

    By digest where the JSON file named by EVERTUNE_IMAGES maps the family to a reference, by tag otherwise.
    """
    family = IMAGES[step]
    recorded = os.environ.get("EVERTUNE_IMAGES")
    if recorded:
        return str(json.loads(Path(recorded).read_text(encoding="utf-8"))[family])
    return f"evertune-{family}:latest"


def container(step: str, **flags: Any) -> dsl.ContainerSpec:
    """The container of a step: `python -m components.<step>` with one flag for each argument."""
    arguments = []
    for name, value in flags.items():
        arguments += [f"--{name}", value]
    return dsl.ContainerSpec(
        image=image(step),
        command=["python", "-m", f"components.{step}"],
        args=[
            *arguments,
            "--executor_input",
            dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
            "--executor_output",
            dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER,
        ],
    )
