"""Options of `ingest`, which turns sources into canonical rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from components.shared.errors import UserError
from components.shared.http_addresses import networks
from components.shared.options import StepConfig, identity, option, output_artifact
from components.shared.written_lists import pairs

FORMATS: Final = ("csv", "tsv", "jsonl", "json", "parquet", "arrow", "txt", "html", "markdown", "eml")


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.ingest`."""

    step: ClassVar[str] = "ingest"

    source_reference: str = identity("The pinned sources, as `resolve` gives them.")
    evaluation_reference: str = identity(
        "The pinned evaluation set, as `resolve` gives it; empty for none.", optional=True
    )
    task: str = identity("What the rows are for; decides their columns.")
    store: str = identity(
        "Object store that keeps what was read of each file, so that only new and changed files are read again; "
        "empty keeps nothing.",
        optional=True,
    )

    raw: Path = output_artifact("Directory of the dataset of raw rows.")
    evaluation_texts: Path = output_artifact(
        "Directory of the dataset of the evaluation set's texts; without rows for none."
    )
    rejects: Path = output_artifact("Directory of the rejected records, each with file, line and reason.")

    files: str = option(
        "*", "Globs of the files to read in a directory or an archive, with commas; one without / holds at any depth."
    )
    evaluation_files: str = option(
        "*", "Globs of the files of the evaluation set to read, such as test-*.parquet, in the form of `files`."
    )
    file_format: str = option("", "Format of all files; empty goes by the ends of their names.", choices=("", *FORMATS))
    encoding: str = option("auto", "Encoding of texts, such as gb18030; auto finds it out.")
    whole_texts: bool = option(False, "Make one record of a text file, not one of each line.")
    text_column: str = option("text", "Column that holds the text.")
    label_column: str = option(
        "label", "Column that holds the label; `file` is the name of the file, `folder` its folder."
    )
    columns: str = option("", "Where the other columns of the task are, as column=place pairs with commas.")
    label_map: str = option("", "Renames labels, as from=to pairs with commas; labels not named are refused.")
    meta_columns: str = option("", "Further columns to keep for slices and groups, with commas.")
    where: str = option("", "Keep only records with these column=value pairs, with commas.")
    max_record_mb: int = option(4, "Longest record; longer ones are rejected.", unit="MB", low=1, high=1024)
    max_source_gb: float = option(64.0, "Most that is downloaded, and most that is unpacked.", unit="GB", low=0)
    max_reject_share: float = option(0.01, "Share of rejected records above which the step fails.", low=0, high=1)
    allow_addresses: str = option(
        "", "Addresses and networks that web sources may lead to although they are not public, with commas."
    )

    def check(self) -> None:
        """Checks the form of pairs, addresses and encoding."""
        label_pairs = pairs(self.label_map, "ingest.label_map")
        pairs(self.where, "ingest.where")
        for option_name, given in (("label_map", label_pairs), ("columns", pairs(self.columns, "ingest.columns"))):
            for name, value in given.items():
                if not value:
                    raise UserError(
                        f"{name!r} is renamed to nothing", where=f"ingest.{option_name}", remedy="give from=to"
                    )
        networks(self.allow_addresses)
        check_encoding(self.encoding, "ingest.encoding")


def check_encoding(name: str, where: str) -> None:
    """Raises UserError for an encoding of texts that Python does not know."""
    try:
        # Some codecs, such as idna, are none of texts: they cannot go on behind broken bytes.
        b"a".decode("utf-8" if name == "auto" else name, "backslashreplace")
    except (LookupError, ValueError):
        raise UserError(
            f"{name!r} is not an encoding", where=where, remedy="give auto, utf-8, gb18030, cp1252 or the like"
        ) from None
