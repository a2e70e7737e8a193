"""Proves a container run by what it left: each step's word about itself, and each output of each step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from components.shared.errors import EvertuneError, RetryError, Terminated, UserError
from components.shared.files import files_under
from components.shared.manifest import damage, read_manifest
from components.shared.models import model_digest

MAY_BE_EMPTY: Final = (("resolve", "champion"), ("resolve", "evaluation_reference"))
"""Output parameters for which the empty text is a value."""
DATASET: Final = "system.Dataset"
EXECUTOR_OUTPUT: Final = "executor_output.json"
_ERRORS: Final = {error.exit_code: error for error in (UserError, RetryError, Terminated)}
Spec = Mapping[str, Any]
"""A compiled pipeline."""


def tasks(spec: Spec) -> list[str]:
    """The steps of a compiled pipeline, each after those that it needs."""
    left = {step: set(task.get("dependentTasks", ())) for step, task in spec["root"]["dag"]["tasks"].items()}
    ordered: list[str] = []
    while left:
        ready = sorted(step for step, needed in left.items() if needed <= set(ordered))
        ordered += ready
        left = {step: needed for step, needed in left.items() if step not in ready}
    return ordered


def image(spec: Spec, step: str) -> str:
    """The image reference of a step."""
    label = spec["components"][f"comp-{step}"]["executorLabel"]
    return str(spec["deploymentSpec"]["executors"][label]["container"]["image"])


def records(path: Path) -> dict[str, dict[str, Any]]:
    """What each step wrote down of itself: exit code, error, seconds, peak memory."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {facts.pop("step"): facts for facts in map(json.loads, lines)}


def failure(step: str, recorded: Mapping[str, Mapping[str, Any]], last: str) -> EvertuneError | None:
    """The error of the step that failed, in its own words.

    Args:
        step: The step that was started last.
        recorded: What the steps wrote down.
        last: What that step said last.
    """
    for name, facts in recorded.items():
        if facts["exit_code"]:
            said = facts["error"].partition(": ")[2] or f"it failed: {last}"
            return _ERRORS.get(facts["exit_code"], EvertuneError)(said.removeprefix(f"{name}: "), where=name)
    if step and step not in recorded:
        said = f"; it last said: {last}" if last else ""
        return RetryError(
            f"the container ended without a word, as when it is killed or out of memory{said}",
            where=step,
            remedy="run again: it goes on where it was",
        )
    return None


def check(spec: Spec, outputs: Path) -> dict[str, Any]:
    """Checks every output of every step, then gives the facts of the run.

    Raises:
        EvertuneError: for the first output that is missing, empty or damaged; names step and output.
    """
    (run,) = outputs.glob("retrain-*")
    for step in tasks(spec):
        _check_file(step, EXECUTOR_OUTPUT, run / step / EXECUTOR_OUTPUT)
        for name, path, kind in _outputs(spec, run, step):
            _check_output(step, name, path, kind)
    values = {name: (run / "version" / name).read_text() for name in ("revision", "dataset_digest", "dvc_md5")}
    for step, name in (("split", "splits"), ("fetch", "data")):
        if (digest := read_manifest(run / step / name).digest) != values["dataset_digest"]:
            raise _unsound(
                step, name, f"has the digest {digest[:16]}, not {values['dataset_digest'][:16]} as versioned"
            )
    decision = json.loads((run / "promote" / "decision").read_bytes())
    return {
        "dataset_revision": values["revision"],
        "dataset_digest": values["dataset_digest"],
        "dvc_md5": values["dvc_md5"],
        "model_dir": str(run / "train" / "model"),
        "model_digest": model_digest(run / "train" / "model"),
        "metrics": json.loads((run / "evaluate" / "metrics").read_bytes()),
        "metric": decision["metric"],
        "decision": "promoted" if decision["promoted"] else "kept",
        "reason": decision["reason"],
        "report": str(run / "evaluate" / "report"),
    }


def _outputs(spec: Spec, run: Path, step: str) -> Iterator[tuple[str, Path, str]]:
    """Name, path and type of each declared output."""
    declared = spec["components"][f"comp-{step}"].get("outputDefinitions", {})
    for name, artifact in declared.get("artifacts", {}).items():
        yield name, run / step / name, artifact["artifactType"]["schemaTitle"]
    for name in declared.get("parameters", {}):
        if (step, name) not in MAY_BE_EMPTY:
            yield name, run / step / name, "parameter"


def _check_output(step: str, name: str, path: Path, kind: str) -> None:
    if not path.is_dir():
        _check_file(step, name, path)
        return
    if not any(file.stat().st_size for file in files_under(path)):
        raise _unsound(step, name, "is empty")
    if kind == DATASET and (found := damage(path, read_manifest(path))):
        raise _unsound(step, name, f"is damaged ({found[0]})")


def _check_file(step: str, name: str, path: Path) -> None:
    if not path.exists():
        raise _unsound(step, name, "is missing")
    if not path.stat().st_size:
        raise _unsound(step, name, "is empty")


def _unsound(step: str, name: str, what: str) -> EvertuneError:
    return EvertuneError(f"its output {name} {what}", where=step, remedy="see the log of the run, and run again")
