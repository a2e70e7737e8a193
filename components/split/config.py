"""Options of `split`, which makes train, validation and test sets without leakage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.errors import UserError
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.split`."""

    step: ClassVar[str] = "split"

    cleaned: Path = input_artifact("Directory of the cleaned dataset.")
    findings: Path = input_artifact("Directory of the findings of `clean`, for its clusters and copies.")
    task: str = identity("What the rows are for; decides their columns.")

    splits: Path = output_artifact("Directory of the split dataset.")
    card: Path = output_artifact("Directory of the data card and the statistics, which lie beside the dataset.")
    report: Path = output_artifact("HTML report: size, balance and lengths of the splits.")

    validation_fraction: float = option(0.1, "Share of the rows for validation.", low=0.01, high=0.5)
    test_fraction: float = option(0.2, "Share of the rows for the test.", low=0.01, high=0.5)
    train_rows: int = option(0, "Most rows to train on; 0 keeps all.", unit="rows", low=0)
    salt: str = option("evertune", "Decides which rows go where; keep it, or test rows move.")

    def check(self) -> None:
        """Checks that rows are left to train on."""
        if self.validation_fraction + self.test_fraction > 0.9:
            raise UserError(
                f"{self.validation_fraction} and test_fraction {self.test_fraction} leave too little to train on",
                where="split.validation_fraction",
                remedy="give two that add up to at most 0.9",
            )
