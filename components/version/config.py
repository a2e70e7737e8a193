"""Options of `version`, which pushes a dataset to S3 and commits its pointer to the dataset registry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared import registry as registries
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact, output_parameter


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.version`."""

    step: ClassVar[str] = "version"

    splits: Path = input_artifact("Directory of the split dataset.")
    card: Path = input_artifact("Directory of the data card and the statistics.")
    dataset: str = identity("Name of the dataset; its revisions are tagged <dataset>/v<N>.")
    registry: str = identity("The dataset registry: a git URL or the path of a bare repository.")
    store: str = identity("Object store of models and data: s3://bucket/prefix or a directory.")
    source_reference: str = identity("The pinned source, recorded as lineage.")
    evaluation_reference: str = identity(
        "The pinned evaluation set, recorded as lineage; empty for none.", optional=True
    )

    report: Path = output_artifact("HTML report: what changed since the revision before.")
    revision: Path = output_parameter("The dataset revision, a git tag of the registry.")
    dataset_digest: Path = output_parameter("The dataset digest.")
    dvc_md5: Path = output_parameter("The hash that DVC knows the dataset by.")

    deadline: int = option(900, "Longest time for a transfer.", unit="seconds", low=1)

    def check(self) -> None:
        """Refuses names and addresses that could not work, before anything is read."""
        registries.check_dataset(self.dataset)
        registries.check_address(self.registry)
