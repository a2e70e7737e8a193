"""What Kubeflow does with each step besides running it: caching, and where it runs."""

from __future__ import annotations

from kfp import dsl

from components.images import image

NEVER_CACHED = ("resolve", "promote")
"""Steps that look at what moves: the source, the base model, the champion."""


def place(task: dsl.PipelineTask, step: str) -> dsl.PipelineTask:
    """Sets caching of a task that runs `step`, the name people see, and the image that lineages name."""
    task.set_display_name(step)
    task.set_caching_options(step not in NEVER_CACHED)
    task.set_env_variable("EVERTUNE_IMAGE", image(step))  # for the lineage of what the step makes
    return task
