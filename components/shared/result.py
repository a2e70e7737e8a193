"""What a step's `run` gives back, and how it reaches the step that comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Result:
    """The outcome of a step.

    Attributes:
        summary: One line for people: what was done, with its main numbers.
        parameters: Value of each output parameter, by field name.
        metadata: Properties of output artifacts, by field name; Kubeflow shows them.
    """

    summary: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
