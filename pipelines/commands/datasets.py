"""`evertune datasets`: the revisions of datasets in the registry."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_output, add_profile, dataset_diff, dataset_vocabulary, emit, table
from pipelines.local import local_store, registry_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from components.shared.verification import Finding
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("datasets", help="list dataset revisions, reproduce, verify or repair them")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="list the revisions of all datasets")
    listed.set_defaults(run=run_list)
    shown = actions.add_parser("show", help="tell what a revision holds")
    shown.add_argument("revision", help="such as reviews/v1")
    shown.set_defaults(run=run_show)
    compared = actions.add_parser("diff", help="tell which rows and distributions differ between two revisions")
    dataset_diff.add_options(compared)
    vocabulary = actions.add_parser("tokenizer", help="train the vocabulary of a new tokenizer on a revision")
    dataset_vocabulary.add_options(vocabulary)
    again = actions.add_parser(
        "reproduce", aliases=["pull"], help="clone the registry, `dvc pull` a revision, prove every byte"
    )
    again.add_argument("--revision", help="such as reviews/v1 (default: the newest of the profile's dataset)")
    again.add_argument("--into", type=Path, help="an empty folder (default: a new one in build/)")
    again.set_defaults(run=run_reproduce)
    proven = actions.add_parser("verify", help="read every object of the revisions and tell what is damaged")
    proven.set_defaults(run=run_verify)
    healed = actions.add_parser("repair", help="heal damaged and missing objects from good copies")
    healed.add_argument(
        *("--from", "-f"),
        dest="sources",
        nargs="+",
        default=[],
        metavar="DIR_OR_STORE",
        help="where good copies lie: a dataset, a DVC cache, another store (besides the profile's own workspace)",
    )
    healed.set_defaults(run=run_repair)
    mirror = actions.add_parser("mirror", help="copy texts to the object store, for clusters that cannot reach them")
    mirror.add_argument("uri", nargs="?", help="a path or package:// (default: the profile's source)")
    mirror.set_defaults(run=run_mirror)
    for action in (proven, healed):
        action.add_argument("--revision", help="such as reviews/v1 (default: all)")
    for action in (listed, shown, compared, vocabulary, again, proven, healed, mirror):
        add_profile(action)
        add_output(action)


def run_list(arguments: argparse.Namespace) -> None:
    """Prints one line for each revision."""
    from components.shared import registry

    with local_store(arguments.profile) as (_, parameters):
        revisions = registry.revisions(registry_of(parameters))
    rows = [(one.revision, one.rows, one.digest[:16], one.dvc_md5, one.time) for one in revisions]
    told = table(("revision", "rows", "digest", "DVC hash", "time"), rows)
    emit(arguments, [dataclasses.asdict(one) for one in revisions], told)


def run_show(arguments: argparse.Namespace) -> None:
    """Prints digest, columns and the rows of each split."""
    from components.shared import registry

    with local_store(arguments.profile) as (_, parameters):
        manifest, dvc_md5 = registry.look(registry_of(parameters), arguments.revision)
    rows = [(split, f"{manifest.rows(split):,}", len(shards)) for split, shards in manifest.splits.items()]
    columns = ", ".join(f"{name} ({kind})" for name, kind in manifest.columns.items())
    facts = {
        "revision": arguments.revision,
        "digest": manifest.digest,
        "dvc_md5": dvc_md5,
        "columns": dict(manifest.columns),
        "splits": {name: {"rows": manifest.rows(name), "shards": len(one)} for name, one in manifest.splits.items()},
    }
    told = f"{arguments.revision}\ndigest   {manifest.digest}\nDVC      {dvc_md5}\ncolumns  {columns}\n"
    emit(arguments, facts, f"{told}\n{table(('split', 'rows', 'shards'), rows)}")


def run_reproduce(arguments: argparse.Namespace) -> None:
    """Pulls a revision as anybody would and compares it with its manifest."""
    import tempfile

    from components.shared import registry
    from components.shared.errors import UserError

    with local_store(arguments.profile) as (_, parameters):
        revision = arguments.revision
        if not revision:
            known = registry.revisions(registry_of(parameters), parameters["dataset"])
            if not known:
                raise UserError(
                    f"the registry has no dataset {parameters['dataset']!r} yet", remedy="run `make run` first"
                )
            revision = known[-1].revision
        into = arguments.into
        if into is None:
            Path("build").mkdir(exist_ok=True)
            into = Path(tempfile.mkdtemp(prefix="reproduced-", dir="build"))
        facts = registry.reproduce(registry_of(parameters), revision, into)
    told = f"{revision}: {facts.rows:,} rows in {facts.shards} shards are byte for byte what was versioned"
    lines = (told, f"digest {facts.digest}", f"DVC    {facts.dvc_md5}", f"in     {facts.directory}")
    emit(arguments, {"revision": revision, **dataclasses.asdict(facts)}, "\n".join(lines))


def run_verify(arguments: argparse.Namespace) -> None:
    """Prints one line for each object of the revisions."""
    from components.shared import verification

    with local_store(arguments.profile) as (_, parameters):
        found = verification.verify(registry_of(parameters), arguments.revision)
        _report(arguments, found, "run `evertune datasets repair`")


def run_repair(arguments: argparse.Namespace) -> None:
    """Heals what it can and prints one line for each object of the revisions."""
    from components.shared import verification
    from pipelines.workspace import HOME

    with local_store(arguments.profile) as (_, parameters):
        own = [str(place) for place in (HOME / arguments.profile,) if place.is_dir()]
        found = verification.repair(registry_of(parameters), arguments.revision, [*arguments.sources, *own])
        _report(arguments, found, "give a good copy with --from, or run the flow that made the revision again")


def run_mirror(arguments: argparse.Namespace) -> None:
    """Copies the texts of this machine and prints what `source` is to be; other addresses stay as they are."""
    from components.shared import mirrors
    from components.shared.references import each_source, is_local, local_path
    from pipelines import examples

    with local_store(arguments.profile) as (store, parameters):
        examples.make(arguments.uri or parameters["source"])

        def mirrored(uri: str) -> str:
            return mirrors.mirror_source(store, local_path(uri, "source")) if is_local(uri) else uri

        source = each_source(arguments.uri or parameters["source"], mirrored)
    emit(arguments, {"source": source}, f"source: {source}")


def _report(arguments: argparse.Namespace, findings: Iterable[Finding], remedy: str) -> None:
    """Prints findings, for people as they come; raises UserError if an object is not as it was versioned."""
    from components.shared.errors import UserError

    found = []
    for one in findings:
        found.append(one)
        if arguments.output != "json":
            print(f"{one.revision}  {one.name}: {one.state}", flush=True)
    broken, versioned = sum(not one.sound for one in found), "as they were versioned"
    if arguments.output == "json":
        emit(arguments, [dataclasses.asdict(one) | {"sound": one.sound} for one in found], "")
    if broken:
        raise UserError(f"{broken} of {len(found)} objects are not {versioned}", where="datasets", remedy=remedy)
    if arguments.output != "json":
        print(f"{len(found)} objects are {versioned}")
