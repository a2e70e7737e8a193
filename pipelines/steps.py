"""The one seam between the command line and the steps: reaches their modules lazily, by name.

Compiling a pipeline needs only the options of each step (`config_of`, standard library); commands that
work on data or models load a step's `core`, and what that imports, when they are called.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Final

from components.shared.options import OPTION, StepConfig, fields_of

STEPS: Final = ("resolve", "ingest", "clean", "split", "version", "fetch", "train", "evaluate", "promote")
"""All steps in the order of the flow."""


def share_of(step: str) -> str:
    """What people see of a pod that does a share of a step."""
    return f"{step} share"


def config_of(step: str) -> type[StepConfig]:
    """The configuration class of a step."""
    config: type[StepConfig] = importlib.import_module(f"components.{step}.config").Config
    return config


def module_of(step: str, name: str = "core") -> ModuleType:
    """A module of a step, with the libraries it needs."""
    return importlib.import_module(f"components.{step}.{name}")


def option_defaults(step: str) -> dict[str, Any]:
    """The default of each option of a step."""
    return {name: field.default for name, field in fields_of(config_of(step), OPTION).items()}
