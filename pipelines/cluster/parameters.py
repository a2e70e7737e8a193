"""Checks what a run is given against the compiled pipeline, before anything is asked of a cluster."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.options import options_from
from components.shared.secrets import redact
from pipelines import placement
from pipelines.profiles import SHARED
from pipelines.steps import STEPS, config_of, module_of, option_defaults

DIGEST: Final = "@sha256:"
_STORES: Final = ("store", "checkpoints")
_GIT: Final = ("https://", "http://", "git://")
"""How pods reach a registry: they have neither an SSH client nor a key for one."""
_LONGEST_EXPERIMENT: Final = 128
_ACCOUNT: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def check(spec: Mapping[str, Any], given: Mapping[str, Any], where: str = "parameters") -> dict[str, Any]:
    """The given parameters in the types that the pipeline declares.

    Args:
        spec: A compiled pipeline.
        given: Values by name; texts, as of a command line, are converted.
        where: Where they come from, for errors.

    Raises:
        UserError: for an unknown name, a wrong type, a value that an option or Kubernetes does not allow, one that
            holds a secret, one that pods have no use for, or a parameter that has no default and is not given.
    """
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values = {}
    for name, value in given.items():
        if name not in declared:
            near = get_close_matches(str(name), declared, 1)
            raise UserError(
                f"{spec['pipelineInfo']['name']} has no parameter {name!r}",
                where=where,
                remedy=f"did you mean {near[0]}?" if near else f"use one of: {', '.join(declared)}",
            )
        values[name] = _converted(value, declared[name]["parameterType"], f"{where}: {name}")
        _check_secrecy(name, values[name], where)
    missing = [name for name, one in declared.items() if name not in given and "defaultValue" not in one]
    if missing:
        raise UserError(
            f"{', '.join(missing)} must be given", where=where, remedy="pass --param NAME=VALUE, or set it in a profile"
        )
    defaults = {name: one["defaultValue"] for name, one in declared.items() if "defaultValue" in one}
    for name, value in (defaults | values).items():
        _check_value(name, value, f"{where}: {name}")
    return values


def check_place(experiment: str, service_account: str, where: str) -> None:
    """Refuses names that Kubeflow or Kubernetes would refuse later; `where` begins the names of both in errors."""
    if not 0 < len(experiment) <= _LONGEST_EXPERIMENT:
        remedy = f"give a text of at most {_LONGEST_EXPERIMENT} characters"
        raise UserError(f"{experiment!r} is not a name", where=f"{where}experiment", remedy=remedy)
    if service_account and not _ACCOUNT.fullmatch(service_account):
        remedy = "give its name, of a-z, 0-9, - and ., or leave it out"
        raise UserError(f"{service_account!r} is not a name", where=f"{where}service_account", remedy=remedy)


def check_images(spec: Mapping[str, Any]) -> None:
    """Refuses images that are not named by digest: what a tag names can change between two runs."""
    executors = spec["deploymentSpec"]["executors"].values()
    tagged = sorted({one["container"]["image"] for one in executors if DIGEST not in one["container"]["image"]})
    if tagged:
        raise UserError(
            f"{', '.join(tagged)}: named by tag, which may mean another image tomorrow",
            where="images",
            remedy="run `make push REGISTRY=...` and give --images build/images.json, or --allow-tags",
        )


def _check_secrecy(name: str, value: Any, where: str) -> None:
    if redact(text := json.dumps(value, ensure_ascii=False)) != text:
        raise UserError(
            "the value holds a secret, and parameters are public", where=f"{where}: {name}", remedy="use a Secret"
        )


def _check_value(name: str, value: Any, where: str) -> None:
    if name in SHARED:
        module_of("resolve", "parameters").check_name(name, value, where)
    if name in _STORES and not value.startswith("s3://"):
        raise UserError(f"{value!r} is not in S3", where=where, remedy="give s3://bucket/prefix: pods keep nothing")
    if name == "registry" and not value.startswith(_GIT):
        raise UserError(f"{value!r} is not an address for pods", where=where, remedy=f"give one of {', '.join(_GIT)}")
    step, _, option = name.partition("_")
    if step in STEPS and option in option_defaults(step):
        options_from(config_of(step), {option: value})
    elif step in STEPS and option in placement.choices(step):
        placement.check_choice(step, option, value, where)


def _converted(value: Any, kind: str, where: str) -> Any:
    try:
        return _CONVERSIONS[kind](value)
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{value!r} is not of type {kind}", where=where, remedy=f"give {_EXAMPLES[kind]}") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return str(value)


def _boolean(value: Any) -> bool:
    return {"true": True, "false": False}[str(value).lower()]


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError
    return number


def _json(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        read = json.loads(value) if isinstance(value, str) else value
        if not isinstance(read, kind):
            raise TypeError
        return read

    return convert


_CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "STRING": _text,
    "BOOLEAN": _boolean,
    "NUMBER_INTEGER": _integer,
    "NUMBER_DOUBLE": _number,
    "LIST": _json(list),
    "STRUCT": _json(dict),
}
_EXAMPLES: Final = {
    "STRING": "a text",
    "BOOLEAN": "true or false",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "LIST": "a list, as JSON on a command line",
    "STRUCT": "a mapping, as JSON on a command line",
}
