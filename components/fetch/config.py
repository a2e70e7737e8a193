"""Options of `fetch`, which brings a dataset revision as `dvc pull` gives it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared import registry as registries
from components.shared.options import StepConfig, identity, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.fetch`."""

    step: ClassVar[str] = "fetch"

    dataset: str = identity("Name of the dataset.")
    registry: str = identity("The dataset registry: a git URL or the path of a bare repository.")
    revision: str = identity("The dataset revision, a git tag of the registry.")
    dataset_digest: str = identity(
        "The dataset digest that the revision must have; empty trusts the registry.", optional=True
    )

    data: Path = output_artifact("Directory of the dataset.")
    card: Path = output_artifact("Directory of what lies beside it: data card, statistics, lineage.")

    deadline: int = option(900, "Longest time for a transfer.", unit="seconds", low=1)

    def check(self) -> None:
        """Refuses names and addresses that could not work, before anything is read."""
        registries.check_dataset(self.dataset)
        registries.check_address(self.registry)
