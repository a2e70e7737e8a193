"""Validates the whole configuration before anything is done.

Each step's section is checked by that step's own command line (`--check`), in a process of its own and
all at once: so this step knows no other step's options.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from components.shared.errors import UserError
from components.shared.records import columns_of
from components.shared.references import split_sources
from components.shared.registry import check_address, check_dataset

COMPONENTS: Final = Path(__file__).resolve().parents[1]
PROFILES: Final = "profiles"
NAMES: Final = (
    *("task", "source", "evaluation_set", "base_model"),
    *("dataset", "model_name", "store", "registry", "checkpoints"),
)
"""What a configuration says beside the options of the steps."""
MAY_BE_EMPTY: Final = ("evaluation_set",)
_LINE: Final = re.compile(r"(?:(\w+)\.)?(\w+)=(.*)")
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read_variants(text: str) -> dict[str, dict[str, Any]]:
    """Parses a configuration and checks its names.

    Args:
        text: YAML or JSON: the names above, one mapping of options for each step, and profiles, which
            hold the same again and are laid over it one at a time.

    Returns:
        The configuration under "" and each profile under its place, such as "profiles.zh".

    Raises:
        UserError: for a text that cannot be parsed, an unknown name or a value of a wrong kind.
    """
    parameters = parse(text)
    profiles = _check_mapping(parameters.pop(PROFILES, None) or {}, PROFILES)
    variants = {"": parameters}
    for name, profile in profiles.items():
        variants[f"{PROFILES}.{name}"] = _check_mapping(profile or {}, f"{PROFILES}.{name}")
    for where, variant in variants.items():
        _check_names(variant, where)
    return variants


def check_sections(variants: Mapping[str, Mapping[str, Any]]) -> None:
    """Lets each step check its options, also those of profiles; raises UserError."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for line in pool.map(_complaint, _distinct(variants)):
            if line:
                raise UserError(line)


def parse(text: str) -> dict[str, Any]:
    """Reads YAML or JSON, or `name=value` and `step.option=value` lines; a key given twice is an error."""
    if _LINE.match(text):
        return _parse_lines(text)
    try:
        parameters = yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise UserError(f"not valid YAML ({what})", where="parameters", remedy="correct params.yaml") from None
    return _check_mapping(parameters, "parameters")


def _parse_lines(text: str) -> dict[str, Any]:
    """Reads what the pipelines give: Kubeflow fills in each value as it is, with no quotes that YAML would need."""
    parameters: dict[str, Any] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if not match:
            raise UserError(f"{line!r} is not step.option=value", where="parameters", remedy="give texts of one line")
        step, name, value = match.groups()
        (parameters.setdefault(step, {}) if step else parameters)[name] = value
    return parameters


class _UniqueKeys(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise UserError(f"{key!r} is given twice", where="parameters", remedy="give it once")
        return super().construct_mapping(node, deep)


def steps() -> list[str]:
    """Names of all steps."""
    return sorted(path.parent.name for path in COMPONENTS.glob("*/config.py"))


def _check_mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{value!r} is not a mapping", where=where, remedy="give name: value pairs")
    return value


def _check_names(variant: Mapping[str, Any], where: str) -> None:
    for name, value in variant.items():
        place = f"{where}.{name}".lstrip(".")
        if name in NAMES:
            check_name(name, value, place)
        elif name in steps():
            _check_mapping(value or {}, place)
        else:
            raise UserError(f"unknown name {name!r}", where=where or "parameters", remedy=_closest(str(name)))


def check_name(name: str, value: Any, place: str) -> None:
    """Checks a value of NAMES as far as no network is needed.

    Raises:
        UserError: that begins with `place`.
    """
    if not isinstance(value, str) or not (value or name in MAY_BE_EMPTY):
        raise UserError(f"{value!r} is not a text", where=place, remedy="give a text")
    if name == "task":
        columns_of(value)
    if name in ("dataset", "registry"):
        try:
            check_dataset(value) if name == "dataset" else check_address(value)
        except UserError as error:
            raise UserError(error.what, where=place, remedy=error.remedy) from None
    sources = split_sources(value, place) if name in ("source", "evaluation_set") else ()
    if any("://" in uri and urlsplit(uri).password for _, uri in sources):
        raise UserError("an address holds a password", where=place, remedy="take it out: parameters are public")
    if name == "model_name" and not _SLUG.fullmatch(value):
        raise UserError(f"{value!r} is not a name", where=place, remedy="use letters, digits, '.', '_' and '-'")


def _closest(name: str) -> str:
    known = [*steps(), *NAMES, PROFILES]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"use one of: {', '.join(known)}"


def _distinct(variants: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Place, step and options (as JSON) of each section to check, profiles laid over the values they share."""
    shared = variants[""]
    seen = set()
    for where, variant in variants.items():
        for step in steps():
            options = json.dumps({**(shared.get(step) or {}), **(variant.get(step) or {})}, default=str)
            if (step, options) not in seen:
                seen.add((step, options))
                yield where, step, options


def _complaint(section: tuple[str, str, str]) -> str:
    where, step, options = section
    paths = [str(COMPONENTS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", f"components.{step}", "--check", options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    if not done.returncode:
        return ""
    assert done.returncode == UserError.exit_code, done.stderr
    line = done.stderr.strip().removeprefix(f"evertune {step}: UserError: ")
    return f"{where}: {line}" if where else line
