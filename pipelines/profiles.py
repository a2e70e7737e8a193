"""Profiles of params.yaml: what a retrain works on, and the options of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.options import options_from
from pipelines import documents
from pipelines.steps import STEPS, config_of, option_defaults

ROOT: Final = Path(__file__).resolve().parents[1]
"""The folder that holds params.yaml and dvc.yaml."""
LAPTOP: Final = ".evertune/"
"""Beginning of the values that name a place on this machine, relative to ROOT."""
SHARED: Final = {
    "task": "What the rows are for and what the model learns.",
    "source": "Where the texts come from: a path, s3://, https://, hf://, dvc+ or package:// address, or several.",
    "evaluation_set": "Texts that models will be tested on, in the form of `source`; what overlaps is dropped.",
    "base_model": "The pretrained model: a directory, package://name/path, hf://owner/name[@revision] or its mirror.",
    "dataset": "Name of the dataset; its revisions are tagged <dataset>/v<N>.",
    "model_name": "Name of the line of models that has one champion.",
    "store": "Object store of models and data: s3://bucket/prefix.",
    "registry": "The dataset registry, a git URL.",
    "checkpoints": "Where checkpoints go: s3://bucket/prefix.",
}
"""The values at the top of params.yaml, which several steps share, with their meaning."""


def load(profile: str, file: Path = ROOT / "params.yaml") -> dict[str, Any]:
    """The parameters of a profile: params.yaml with the profile laid over it, checked by name and type.

    Raises:
        UserError: for an unknown profile, name or option, or a value that an option does not allow.
    """
    values = documents.read(file)
    if not isinstance(values, dict) or not isinstance(values.get("profiles"), dict):
        raise UserError("has no mapping `profiles`", where=file.name, remedy="correct the file")
    profiles = values.pop("profiles")
    if profile not in profiles:
        raise UserError(f"no profile {profile!r}", where=file.name, remedy=f"use one of: {', '.join(profiles)}")
    merged = _overlay(values, profiles[profile] or {}, f"{file.name}: profiles.{profile}")
    missing = [name for name in SHARED if name not in merged]
    if missing:
        raise UserError(f"missing {', '.join(missing)}", where=file.name, remedy="add it at the top level")
    return {name: merged[name] for name in SHARED} | {
        step: options_from(config_of(step), merged.get(step) or {}) for step in STEPS
    }


def arguments(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as pipeline arguments: `<step>_<option>` for each option, set or by default.

    Values that name a place on this machine are left out: a cluster cannot reach it.
    """
    shared = {name: parameters[name] for name in SHARED if not str(parameters[name]).startswith(LAPTOP)}
    options = {
        f"{step}_{name}": value for step in STEPS for name, value in (option_defaults(step) | parameters[step]).items()
    }
    return shared | options


def _overlay(values: Mapping[str, Any], profile: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(profile, Mapping):
        raise UserError("is not a mapping", where=where, remedy="write `name: value` lines")
    for name, value in (*values.items(), *profile.items()):
        if name not in SHARED and name not in STEPS:
            near = get_close_matches(str(name), [*SHARED, *STEPS], 1) or [", ".join([*SHARED, *STEPS])]
            raise UserError(f"unknown name {name!r}", where=where, remedy=f"did you mean {near[0]}?")
        if name in SHARED and not (isinstance(value, str) and (value or name == "evaluation_set")):
            raise UserError(f"{name}: {value!r} is not a text", where=where, remedy="give a text, in quotes if need be")
        if name in STEPS and not isinstance(value or {}, Mapping):
            raise UserError(f"{name} is not a mapping of options", where=where, remedy="write `option: value` lines")
    options = {name: {**(values.get(name) or {}), **(profile[name] or {})} for name in profile if name in STEPS}
    return {**values, **profile, **options}
