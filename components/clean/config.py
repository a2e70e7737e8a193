"""Options of `clean`, which repairs, filters and de-duplicates rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.errors import UserError
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.clean`."""

    step: ClassVar[str] = "clean"

    raw: Path = input_artifact("Directory of the dataset of raw rows.")
    task: str = identity("What the rows are for; decides their columns.")

    cleaned: Path = output_artifact("Directory of the cleaned dataset.")
    findings: Path = output_artifact("Directory of what was found: dropped rows with reasons, clusters, counts.")
    report: Path = output_artifact("HTML report: what was dropped and why, with examples and distributions.")

    markup: bool = option(True, "Turn HTML into text.")
    unicode_repair: bool = option(True, "Repair mojibake and normalise to NFC.")
    personal_data: bool = option(True, "Replace e-mail addresses, phone numbers and IP addresses by placeholders.")
    min_chars: int = option(1, "Drop shorter texts.", unit="characters", low=1)
    max_chars: int = option(20_000, "Drop longer texts.", unit="characters", low=1)
    exact_duplicates: bool = option(True, "Keep one of the rows with the same text but for case and white space.")
    conflicting_labels: bool = option(True, "Drop duplicates altogether when their labels differ.")
    near_duplicates: bool = option(True, "Keep one of the rows whose texts are nearly the same.")
    near_duplicate_similarity: float = option(
        0.8, "Jaccard similarity of shingles from which two texts are near-duplicates.", low=0.5, high=1
    )
    cluster_similarity: float = option(
        0.6, "Jaccard similarity from which two kept texts are of one cluster, which is never split.", low=0.5, high=1
    )

    def check(self) -> None:
        """Checks the two lengths and the two similarities against each other."""
        if self.min_chars > self.max_chars:
            raise UserError(
                f"{self.min_chars} is more than max_chars ({self.max_chars})",
                where="clean.min_chars",
                remedy="give a smaller one",
            )
        if self.cluster_similarity > self.near_duplicate_similarity:
            raise UserError(
                f"{self.cluster_similarity} is more than near_duplicate_similarity ({self.near_duplicate_similarity})",
                where="clean.cluster_similarity",
                remedy="give a smaller one, so that what is alike but kept stays in one split",
            )
