"""`evertune datasets diff`: which rows and distributions differ between two revisions."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import emit, table
from pipelines.local import local_store, registry_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.shared.datasets import Dataset
    from components.shared.manifest import Manifest


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what the command is given."""
    parser.add_argument("revisions", nargs=2, metavar="REVISION", help="the older one, then the newer one")
    parser.set_defaults(run=run_diff)


def run_diff(arguments: argparse.Namespace) -> None:
    """Pulls both revisions and prints what differs."""
    from components.shared import registry
    from components.shared.datasets import Dataset

    with local_store(arguments.profile) as (_, parameters), tempfile.TemporaryDirectory() as place:
        address = registry_of(parameters)
        manifests = [registry.look(address, one)[0] for one in arguments.revisions]
        if manifests[0].digest == manifests[1].digest:
            digest = manifests[0].digest
            emit(arguments, {"same": True, "digest": digest}, f"the same content: {digest}")
            return
        pulled = [
            registry.reproduce(address, one, Path(place, str(number))).directory
            for number, one in enumerate(arguments.revisions)
        ]
        old, new = map(Dataset, pulled)
        facts = {"same": False, "revisions": arguments.revisions, **_facts(old, new)}
    emit(arguments, facts, _told(facts))


def _facts(old: Dataset, new: Dataset) -> dict[str, Any]:
    from components.shared.changes import changes
    from components.shared.drift import drifts

    found = changes(old, new)
    return {
        "splits": _shards(old.manifest, new.manifest),
        "columns": sorted(
            name for name in {**old.columns, **new.columns} if old.columns.get(name) != new.columns.get(name)
        ),
        "unchanged": found.kept,
        "changes": {kind: dict(sorted(counts.items())) for kind, counts in found.counts.items()},
        "examples": found.examples,
        "distributions": drifts(_numbers(old), _numbers(new)),
    }


def _shards(old: Manifest, new: Manifest) -> dict[str, dict[str, int]]:
    """For each split the rows before and after, and how much of it is in the same files."""
    found = {}
    for split in sorted({*old.splits, *new.splits}):
        before, after = ({shard.sha256: shard.rows for shard in one.splits.get(split, ())} for one in (old, new))
        shared = set(before) & set(after)
        found[split] = {
            "rows_before": sum(before.values()),
            "rows_after": sum(after.values()),
            "rows_in_shared_shards": sum(before[one] for one in shared),
            "shared_shards": len(shared),
            "shards": len(after),
        }
    return found


def _numbers(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Labels, lengths and meta columns of each split, counted as `split` counts them."""
    from components.shared.changes import source_rows
    from pipelines.steps import module_of

    counted = {name: module_of("split", "statistics").SplitStatistics() for name in dataset.manifest.splits}
    for split, row in source_rows(dataset):
        counted[split].add(row)
    return {name: numbers.summary() for name, numbers in counted.items()}


def _told(facts: Mapping[str, Any]) -> str:
    before, after = facts["revisions"]
    splits = [
        (
            split,
            *(f"{one[name]:,}" for name in ("rows_before", "rows_after", "rows_in_shared_shards")),
            f"{one['shared_shards']} of {one['shards']}",
        )
        for split, one in facts["splits"].items()
    ]
    parts = [table(("split", before, after, "rows in shared shards", "shared shards"), splits)]
    parts += [f"columns that differ: {', '.join(facts['columns'])}"] if facts["columns"] else []
    changed = [
        (kind, where, f"{rows:,}") for kind, counts in facts["changes"].items() for where, rows in counts.items()
    ]
    parts.append(table(("rows", "where", "number"), [("unchanged", "all", f"{facts['unchanged']:,}"), *changed]))
    shown = [(kind, *example) for kind, examples in facts["examples"].items() for example in examples]
    parts += [table(("for example", "where", "text"), shown)] if shown else []
    drifted = [
        (one["split"], one["of"], f"{one['psi']:.3f}", f"{one['p_value']:.3g}", one["verdict"])
        for one in facts["distributions"]
    ]
    parts.append(table(("split", "distribution of", "PSI", "p-value", "verdict"), drifted))
    return "\n\n".join(parts)
