"""Options of `resolve`, which turns all that moves into immutable references."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.options import StepConfig, identity, output_parameter


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.resolve`."""

    step: ClassVar[str] = "resolve"

    source: str = identity("Where the texts come from: a path, s3://bucket/key or package://name/path.")
    base_model: str = identity("The pretrained model: a directory, package://name/path or hf://owner/name[@revision].")
    model_name: str = identity("Name of the line of models whose champion is looked up.")
    store: str = identity("Object store of models and data: s3://bucket/prefix or a directory.")
    parameters: str = identity("All options of all steps, as YAML or JSON with one object for each step.")

    source_reference: Path = output_parameter("The source, pinned to its content.")
    base_model_reference: Path = output_parameter("The base model, pinned to its content.")
    champion: Path = output_parameter("Identity of the current champion; empty when there is none.")
