"""What a training has done so far; plain numbers that travel with each checkpoint as JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

Point = dict[str, float]


@dataclasses.dataclass(kw_only=True)
class Journal:
    """The position and the history of a training.

    Attributes:
        step: Optimizer steps done.
        history: One point now and then: `step`, `epoch`, mean `loss` since the last point, `learning_rate`,
            `grad_norm`.
        validations: One point for each validation: `step`, `epoch` and the metrics of the task.
        before: What the base model reached on the validation split, if it can do the task untrained; else empty.
        best_step: Step of the best validation; 0 before the first.
        loss_sum: Sum of the losses since the last point of the history.
        loss_count: Number of the losses in `loss_sum`.
        finer: Into how many times more parts than configured each step is cut, since memory ran out.
        secret: What decides rows and noise of a differentially private training, while it runs; else empty.
    """

    step: int = 0
    history: list[Point] = dataclasses.field(default_factory=list)
    validations: list[Point] = dataclasses.field(default_factory=list)
    before: Point = dataclasses.field(default_factory=dict)
    best_step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    finer: int = 1
    secret: str = ""

    @property
    def validated(self) -> bool:
        """Whether the present step has been validated."""
        return bool(self.validations) and self.validations[-1]["step"] == self.step

    @property
    def best(self) -> Point | None:
        """The validation of the best step."""
        return next((point for point in self.validations if point["step"] == self.best_step), None)

    @property
    def validations_since_best(self) -> int:
        """Validations after the best one."""
        return sum(point["step"] > self.best_step for point in self.validations)

    def to_json(self) -> bytes:
        """Canonical text; numbers survive it unchanged."""
        return (json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> Journal:
        """Reads what `to_json` wrote; raises ValueError or TypeError for anything else."""
        fields: dict[str, Any] = json.loads(data)
        return cls(**fields)
