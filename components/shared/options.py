"""Declares a step's configuration once: flags, defaults, help and validation derive from it.

A step's `Config` is a frozen dataclass whose fields are made by the functions below:

* `input_artifact`, `output_artifact`: paths of what the step reads and writes;
* `identity`: a parameter that travels between steps (a digest, a revision, a pinned reference);
* `output_parameter`: the file into which the step writes an identity for later steps;
* `option`: what a person may set, in params.yaml or in the run form.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar, get_type_hints

from components.shared.errors import UserError

INPUT_ARTIFACT: Final = "input artifact"
OUTPUT_ARTIFACT: Final = "output artifact"
IDENTITY: Final = "identity"
OUTPUT_PARAMETER: Final = "output parameter"
OPTION: Final = "option"

ConfigT = TypeVar("ConfigT", bound="StepConfig")


def input_artifact(meaning: str, *, optional: bool = False) -> Any:
    """A path that the step reads. An optional one defaults to the empty path `.`."""
    return dataclasses.field(
        default=Path() if optional else MISSING,
        metadata={"kind": INPUT_ARTIFACT, "help": meaning},
    )


def output_artifact(meaning: str) -> Any:
    """A path that the step writes; its parent exists, it does not."""
    return dataclasses.field(metadata={"kind": OUTPUT_ARTIFACT, "help": meaning})


def identity(meaning: str, *, optional: bool = False) -> Any:
    """A string that names something immutable. On the command line `@FILE` reads it from FILE."""
    return dataclasses.field(
        default="" if optional else MISSING,
        metadata={"kind": IDENTITY, "help": meaning},
    )


def output_parameter(meaning: str) -> Any:
    """The file into which the command line writes an identity that `run` returned."""
    return dataclasses.field(metadata={"kind": OUTPUT_PARAMETER, "help": meaning})


def option(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    file: bool = False,
) -> Any:
    """A setting with a default, its meaning, its unit and its allowed values.

    Args:
        default: Used where params.yaml, the run form and the command line are silent.
        meaning: What the option does, as one sentence.
        unit: Unit of a number, such as "tokens".
        low: Smallest allowed number.
        high: Largest allowed number.
        choices: The allowed strings; empty allows any.
        file: Whether it names a file of the user's.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "kind": OPTION,
            "help": meaning,
            "unit": unit,
            "low": low,
            "high": high,
            "choices": tuple(choices),
            "file": file,
        },
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepConfig:
    """Base of every step's configuration; validates each field when it is made."""

    step: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_value(self.step, field, getattr(self, field.name))
        self.check()

    def check(self) -> None:
        """Checks that concern several fields; raises UserError."""


def fields_of(config: type[StepConfig], kind: str | None = None) -> dict[str, Field[Any]]:
    """The fields of `config` by name, all of them or those of one kind."""
    fields = {field.name: field for field in dataclasses.fields(config)}
    return {name: f for name, f in fields.items() if kind in (None, f.metadata["kind"])}


def type_of(config: type[StepConfig], name: str) -> type:
    """The declared type of a field: str, int, float, bool or Path."""
    declared = get_type_hints(config)[name]
    assert isinstance(declared, type), f"{config.__module__}.{name} must have a plain type"
    return declared


def options_from(config: type[StepConfig], values: Mapping[str, Any]) -> dict[str, Any]:
    """Validates plain values (of YAML, JSON or a form) for the options of a step.

    Returns:
        The options given, converted to their declared types.

    Raises:
        UserError: for an unknown name, a wrong type or a value that is not allowed.
    """
    known = fields_of(config, OPTION)
    converted = {}
    for name, value in values.items():
        if name not in known:
            raise UserError(
                f"unknown option {name!r}",
                where=config.step,
                remedy=f"use one of: {', '.join(sorted(known, key=lambda k: (_far(k, name), k)))}",
            )
        converted[name] = convert(config, name, value)
        _check_value(config.step, known[name], converted[name])
    return converted


def convert(config: type[StepConfig], name: str, value: Any) -> Any:
    """Converts a command-line string or a YAML value to the declared type of a field."""
    declared, where = type_of(config, name), f"{config.step}.{name}"
    if declared is bool:
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
    elif declared in (int, float):
        try:
            number = float(value) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number) and (declared is float or number == int(number)):
            return declared(value if isinstance(value, int) else number)
    elif isinstance(value, str | Path) or declared is Path:
        return declared(value)
    raise UserError(
        f"{value!r} is not of type {declared.__name__}",
        where=where,
        remedy=f"give {_article(declared)}",
    )


def check_options(config: type[StepConfig], values_json: str) -> None:
    """Validates the options of a step given as one JSON object, also against each other."""
    values = options_from(config, json.loads(values_json))
    stand_ins = {
        name: Path("unset") if type_of(config, name) is Path else "unset"
        for name, field in fields_of(config).items()
        if field.metadata["kind"] != OPTION and field.default is MISSING
    }
    config(**stand_ins, **values)


def _check_value(step: str, field: Field[Any], value: Any) -> None:
    meta, where = field.metadata, f"{step}.{field.name}"
    if meta["kind"] != OPTION:
        return
    low, high, choices = meta["low"], meta["high"], meta["choices"]
    unit = f" {meta['unit']}" if meta["unit"] else ""
    if (low is not None and value < low) or (high is not None and value > high):
        allowed = " and ".join(
            part for part, bound in ((f"at least {low}", low), (f"at most {high}", high)) if bound is not None
        )
        raise UserError(f"{value} is out of range", where=where, remedy=f"give {allowed}{unit}")
    if choices and value not in choices:
        raise UserError(f"{value!r} is not known", where=where, remedy=f"use one of: {', '.join(choices)}")


def _article(declared: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(declared, "a text")


def _far(known: str, given: str) -> float:
    import difflib

    return -difflib.SequenceMatcher(None, known, given).ratio()
