"""What Kubeflow does with each step besides running it: caching, and where it runs."""

from __future__ import annotations

from kfp import dsl

NEVER_CACHED = ("resolve", "promote")
"""Steps that look at what moves: the source, the base model, the champion."""


def place(task: dsl.PipelineTask, step: str) -> dsl.PipelineTask:
    """Sets caching of a task that runs `step`, and the name people see."""
    task.set_display_name(step)
    task.set_caching_options(step not in NEVER_CACHED)
    return task
