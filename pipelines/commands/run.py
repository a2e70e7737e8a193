"""`evertune run`: the whole flow of a profile on this machine."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from pipelines.commands import add_profile

if TYPE_CHECKING:
    from pipelines.commands import Commands

LEAST_LEAK = 0.01
"""A smaller share of rows that a random split would leak is not worth a line."""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("run", help="run a profile on this machine, from its source to a promoted model")
    add_profile(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Runs the stages that are not up to date, then prints what came of it."""
    from components.shared.files import write_atomically
    from pipelines import examples, profiles, reproduce, workspace
    from pipelines.local import running_store

    started = time.time()
    parameters = profiles.load(arguments.profile)
    examples.make(parameters["source"])
    place = workspace.prepare(arguments.profile, parameters)
    with running_store():
        ran = reproduce.reproduce(place)
    facts = reproduce.summarise(arguments.profile, place, ran, started)
    write_atomically(workspace.HOME / "last-run.json", (json.dumps(facts, indent=1) + "\n").encode())
    print(summary(facts))


def summary(facts: dict[str, Any]) -> str:
    """The facts of a run for people."""
    metrics = facts["metrics"]
    seconds = ", ".join(f"{step} {spent:.0f} s" for step, spent in facts["seconds"].items() if spent >= 0.5)
    main = facts["metric"]
    low, high = metrics.get(f"{main}_low"), metrics.get(f"{main}_high")
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    lines = {
        "dataset": f"{facts['dataset_revision']}  (digest {facts['dataset_digest'][:12]}, DVC {facts['dvc_md5']})",
        main: f"{metrics[main]:.3f}{interval}, baseline {metrics[f'baseline_{main}']:.3f}",
        "model": facts["model_dir"],
        "report": facts["report"],
        "decision": f"{facts['decision']}: {facts['reason']}",
        "time": f"{facts['total_seconds']:.0f} s ({seconds}; cached: {', '.join(facts['cached']) or 'nothing'})",
    }
    if metrics.get("leaking_split_share", 0.0) >= LEAST_LEAK:
        lines["leakage"] = (
            f"a random split would put a copy of {metrics['leaking_split_share']:.0%} of the test rows into train "
            f"and claim {metrics['leaking_split_accuracy']:.3f}"
        )
    return "\n" + "\n".join(f"{name:>13}  {text}" for name, text in lines.items())
