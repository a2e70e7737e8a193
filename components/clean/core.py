"""Cleans rows, drops what should not be trained on, and says which kept rows are alike.

Each shard of the raw dataset is cleaned by itself into a part (see `parts`). From the signatures of all parts it is
decided what is a duplicate; then the parts are read again and written as one dataset. The texts are never in memory
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components.clean.cleaning import clean_shards
from components.clean.config import Config
from components.clean.decontamination import evaluation_texts
from components.clean.duplicates import CONFLICT, Duplicates
from components.clean.findings import Findings, write_json
from components.clean.kept_shards import KeptShardsWriter
from components.clean.line_counting import repeated_lines
from components.clean.output import Output
from components.clean.parts import Marks
from components.clean.report import write_report
from components.clean.signatures import SignatureIndex
from components.shared.datasets import ALL, Dataset
from components.shared.errors import UserError
from components.shared.files import scratch_directory, staged_directory
from components.shared.freed_memory import keep_freed_memory
from components.shared.records import columns_of
from components.shared.report import Page
from components.shared.result import Result


def run(config: Config) -> Result:
    """Cleans the raw dataset."""
    keep_freed_memory()
    columns_of(config.task)
    raw = Dataset(config.raw)
    with (
        scratch_directory(config.cleaned) as scratch,
        staged_directory(config.cleaned) as kept,
        staged_directory(config.findings) as directory,
    ):
        parts = clean_shards(config, raw, scratch, repeated_lines(raw, config, scratch))
        if config.share:
            return _share(config, (kept, directory), len(parts.directories))
        index = SignatureIndex(parts.directories, parts.fetch)
        duplicates = Duplicates(config, Marks(parts.directories), index, scratch)
        duplicates.decide()
        findings, ties = Findings(duplicates), duplicates.ties()
        counts = findings.counts() | _compared(config)
        _check_labels(counts, findings, config.task)
        named = {row for later, earlier in ties.items() for row in (later, *earlier)}
        writer = KeptShardsWriter(kept, raw.columns, config.store)
        output = Output(writer, directory, scratch, findings, sorted(named))
        output.write(parts.with_rows())
        manifest = writer.finish()
        clusters = [[output.ids[row] for row in (*earlier, later)] for later, earlier in ties.items()]
        write_json(directory / "clusters.json", clusters)
        told = {"digest": manifest.digest, **counts, "distributions": findings.distributions.told()}
        told["disputed"] = findings.disputed()
        write_json(directory / "counts.json", told)
        write_report(config.report, counts, findings, len(clusters), config.personal_data_key)
    dropped = counts["rows_in"] - counts["rows_out"]
    known, shards = parts.known, len(parts.directories)
    cleaned_before = f", {known} of {shards} shards were cleaned before" if known else ""
    return Result(
        summary=f"{counts['rows_out']:,} of {counts['rows_in']:,} rows kept, {dropped:,} dropped{cleaned_before}",
        metadata={"cleaned": {"rows": counts["rows_out"], "digest": manifest.digest, "dropped": dropped}},
    )


def _compared(config: Config) -> dict[str, Any]:
    """What the findings tell of the evaluation set, if there is one."""
    texts = evaluation_texts(config.evaluation_texts)
    return {"evaluation_texts": {"texts": texts.manifest.rows(ALL), "digest": texts.manifest.digest}} if texts else {}


def _share(config: Config, outputs: Iterable[Path], shards: int) -> Result:
    """Ends a run that only cleans a share: what it made is in the store, and its outputs say so."""
    summary = f"share {config.share}: {shards} shards are in the store"
    for directory in outputs:
        (directory / "share.txt").write_text(f"{summary}\n")
    page = Page("Cleaning a share", summary)
    page.write(config.report)
    return Result(summary=summary)


def _check_labels(counts: dict[str, Any], findings: Findings, task: str) -> None:
    left = findings.settled_labels()
    if len(left) > (1 if task == "classification" else 0):
        return
    dropped = Counter(counts["dropped"])
    dropped[CONFLICT] += len(findings.disputed())
    reasons = ", ".join(f"{reason} ({rows:,})" for reason, rows in dropped.items() if rows) or "none"
    raise UserError(
        f"only rows of the label {left[0]!r} are left" if left else f"none of {counts['rows_in']:,} rows is left",
        where="clean",
        remedy=f"give other texts or milder options; rows dropped: {reasons}",
    )
