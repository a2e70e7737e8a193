"""`evertune run-containers`: the whole flow of a profile, each step in its container."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import add_profile, table

if TYPE_CHECKING:
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("run-containers", help="run the Kubeflow pipeline of a profile in containers")
    add_profile(parser)
    parser.add_argument(
        "--images", type=Path, help="references of the images (default: build/images.json if it is there, else tags)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Runs all containers, then prints what came of it."""
    from components.shared.files import write_atomically
    from pipelines import images, workspace

    images.use(arguments.images or (images.RECORD if images.RECORD.exists() else None))
    from pipelines import containers

    facts = containers.run(arguments.profile)
    write_atomically(workspace.HOME / "last-container-run.json", (json.dumps(facts, indent=1) + "\n").encode())
    print(summary(facts))


def summary(facts: dict[str, Any]) -> str:
    """The facts of a run for people."""
    steps = [
        (step, f"{seconds:.1f} s", f"{facts['peak_megabytes'][step]} MB", facts["images"][step])
        for step, seconds in facts["seconds"].items()
    ]
    lines = {
        "dataset": f"{facts['dataset_revision']}  (digest {facts['dataset_digest'][:12]}, DVC {facts['dvc_md5']})",
        facts["metric"]: f"{facts['metrics'][facts['metric']]:.3f}",
        "model": f"{facts['model_dir']}  (digest {facts['model_digest'][:16]})",
        "decision": f"{facts['decision']}: {facts['reason']}",
        "time": f"{facts['total_seconds']:.0f} s, {facts['overhead']:.0%} over the {facts['own_seconds']:.0f} s of "
        "the steps' own work",
    }
    told = "\n".join(f"{name:>13}  {text}" for name, text in lines.items())
    return f"\n{table(('step', 'time', 'peak memory', 'image'), steps)}\n\n{told}"
