"""Options of `ingest`, which turns a source into canonical rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.errors import UserError
from components.shared.options import StepConfig, identity, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.ingest`."""

    step: ClassVar[str] = "ingest"

    source_reference: str = identity("The pinned source, as `resolve` gives it.")
    task: str = identity("What the rows are for; decides their columns.")

    raw: Path = output_artifact("Directory of the dataset of raw rows.")
    rejects: Path = output_artifact("Directory of the rejected records, each with file, line and reason.")

    files: str = option("*", "Glob of the files to read when the source is a directory.")
    text_column: str = option("text", "Column that holds the text.")
    label_column: str = option("label", "Column that holds the label; `file` is the name of a text file.")
    label_map: str = option("", "Renames labels, as from=to pairs with commas; labels not named are refused.")
    meta_columns: str = option("", "Further columns to keep for slices and groups, with commas.")
    where: str = option("", "Keep only records with these column=value pairs, with commas.")
    max_reject_share: float = option(0.01, "Share of rejected records above which the step fails.", low=0, high=1)

    def check(self) -> None:
        """Checks the form of the pairs."""
        label_pairs = pairs(self.label_map, "ingest.label_map")
        pairs(self.where, "ingest.where")
        for label, renamed in label_pairs.items():
            if not renamed:
                raise UserError(f"{label!r} is renamed to nothing", where="ingest.label_map", remedy="give from=to")


def pairs(text: str, where: str) -> dict[str, str]:
    """Reads `name=value,name=value`; raises UserError for anything else."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not name or not equals:
            raise UserError(f"{part!r} is not a name=value pair", where=where, remedy="give name=value,name=value")
        if name in found:
            raise UserError(f"{name!r} is named twice", where=where, remedy="name it once")
        found[name] = value
    return found


def names(text: str) -> tuple[str, ...]:
    """Reads names with commas between them."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))
