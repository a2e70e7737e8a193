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

    source: str = identity(
        "Where the texts come from: one source, or several with commas; empty resolves none.", optional=True
    )
    evaluation_set: str = identity(
        "Texts that models will be tested on, as sources are given; `clean` drops what overlaps them; empty for none.",
        optional=True,
    )
    base_model: str = identity("The pretrained model; empty resolves none.", optional=True)
    model_name: str = identity("Line of models whose champion is looked up; empty looks up none.", optional=True)
    store: str = identity("Object store of models and data: s3://bucket/prefix or a directory.")
    parameters: str = identity(
        "All options of all steps: YAML or JSON with one object for each step, or step.option=value lines;"
        " and what stands beside them in params.yaml, as name=value."
    )

    source_reference: Path = output_parameter("The sources, each pinned to its content.")
    evaluation_reference: Path = output_parameter(
        "The evaluation set, pinned to its content; empty when there is none."
    )
    base_model_reference: Path = output_parameter("The base model, pinned to its content.")
    champion: Path = output_parameter("Identity of the current champion; empty when there is none.")
