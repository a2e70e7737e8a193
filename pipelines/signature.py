"""Gives a graph function the parameters of its steps, so that each option is declared once, in its step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.shared.options import OPTION, fields_of, type_of
from pipelines.profiles import SHARED
from pipelines.steps import config_of

MEANING: Final = SHARED | {"revision": "The dataset revision to train on, such as reviews/v3."}
"""Meaning of the parameters that several steps share."""
Options = Mapping[str, Mapping[str, Any]]
"""For each step of a pipeline, its options as pipeline parameters."""


def pipeline(name: str, steps: Sequence[str], graph: Callable[..., None]) -> BaseComponent:
    """Makes a Kubeflow pipeline of a graph function.

    Args:
        name: Name of the pipeline; Kubeflow's cache is scoped to it.
        steps: The steps the graph uses.
        graph: Takes its own parameters and, as `options`, those of its steps. A pipeline parameter
            `<step>_<option>` is made for each option; the defaults are filled in when it is compiled.
    """
    own = [p for p in inspect.signature(graph).parameters.values() if p.name != "options"]
    parameters = [parameter.replace(annotation=str) for parameter in own]
    help_of = {parameter.name: MEANING[parameter.name] for parameter in own}
    for step in steps:
        config = config_of(step)
        for option, field in fields_of(config, OPTION).items():
            key = f"{step}_{option}"
            annotation = type_of(config, option)
            parameters.append(inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation))
            help_of[key] = " ".join(part for part in (field.metadata["help"], _unit(field.metadata["unit"])) if part)
    signature = inspect.Signature(parameters)

    def body(*values: Any) -> None:
        given = signature.bind(*values).arguments
        options = {
            step: {option: given[f"{step}_{option}"] for option in fields_of(config_of(step), OPTION)} for step in steps
        }
        graph(**{parameter.name: given[parameter.name] for parameter in own}, options=options)

    summary = inspect.getdoc(graph) or ""
    lines = "\n".join(f"    {key}: {text}" for key, text in help_of.items())
    body.__name__, body.__doc__ = graph.__name__, f"{summary}\n\nArgs:\n{lines}\n"
    body.__signature__ = signature  # type: ignore[attr-defined]
    made: BaseComponent = dsl.pipeline(name=name, description=summary)(body)
    return made


def _unit(unit: str) -> str:
    return f"Unit: {unit}." if unit else ""
