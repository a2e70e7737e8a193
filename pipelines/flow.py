"""Builds Kubeflow pipelines of steps, so that each option is declared once, in its step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.shared.errors import UserError
from components.shared.options import OPTION, fields_of, type_of
from pipelines.placement import choices, place
from pipelines.profiles import SHARED
from pipelines.steps import config_of

MEANING: Final = SHARED | {"revision": "The dataset revision to train on, such as reviews/v3."}
"""Meaning of the parameters that several steps share."""
MOST_SHARES: Final = 1000


@dataclass(frozen=True)
class Shares:
    """Over how many pods `clean` is fanned out.

    Attributes:
        number: In how many shares the shards are cleaned; 1 leaves all of them to one pod.
        at_once: How many pods of shares there are at a time; 0 sets no limit.
    """

    number: int = 1
    at_once: int = 0

    def __post_init__(self) -> None:
        for flag, value, least in (("--shares", self.number, 1), ("--shares-at-once", self.at_once, 0)):
            if not least <= value <= MOST_SHARES:
                raise UserError(
                    f"{value} is not between {least} and {MOST_SHARES}", where=flag, remedy="give another number"
                )

    @property
    def names(self) -> list[str]:
        """The values of `share` of `clean`."""
        return [f"{share}/{self.number}" for share in range(1, self.number + 1)]


ONE_POD: Final = Shares()


class Flow:
    """A pipeline under construction.

    Args:
        shared: The parameters that several steps share, by name.
        options: The options of each step, by step and name.
        chosen: What places each step, by step and name (see `placement.choices`).
        shares: Over how many pods `clean` is fanned out.
    """

    def __init__(
        self,
        shared: Mapping[str, Any],
        options: Mapping[str, Mapping[str, Any]],
        chosen: Mapping[str, Mapping[str, Any]],
        shares: Shares,
    ) -> None:
        self.shared, self.options, self.chosen, self.shares = shared, options, chosen, shares

    def add(self, component: BaseComponent, **wired: Any) -> dsl.PipelineTask:
        """Adds a step.

        Args:
            component: The step.
            wired: Its inputs from other steps. Those named like a shared parameter come from there, and its options
                from the parameters of the pipeline.
        """
        return self._placed(component, wired)

    def add_shares(self, whole: dsl.PipelineTask, component: BaseComponent, **wired: Any) -> None:
        """Adds pods that each do a share of a step, when there are several, before the one that goes on with all.

        Args:
            whole: The task of the whole step.
            component: The step.
            wired: See `add`.
        """
        if self.shares.number == 1:
            return
        with dsl.ParallelFor(self.shares.names, name="shares", parallelism=self.shares.at_once or None) as share:
            whole.after(self._placed(component, {**wired, "share": share}, share=True))

    def _placed(self, component: BaseComponent, wired: Mapping[str, Any], *, share: bool = False) -> dsl.PipelineTask:
        step = component.component_spec.name
        inputs = component.component_spec.inputs
        shared = {name: value for name, value in self.shared.items() if name in inputs}
        task = component(**{**shared, **wired, **self.options[step]})
        return place(task, step, self.chosen[step], share=share)


def pipeline(
    name: str, graph: Callable[[Flow], None], steps: Sequence[str], shared: Sequence[str], shares: Shares
) -> BaseComponent:
    """Makes a Kubeflow pipeline of a graph function.

    Args:
        name: Name of the pipeline; Kubeflow's cache is scoped to it.
        graph: Adds the steps to the flow it is given; its docstring describes the pipeline.
        steps: The steps it adds. Each option of each, and each choice of where it runs, becomes a parameter
            `<step>_<name>` of the pipeline, whose default is filled in when the pipeline is compiled.
        shared: The parameters that several steps share; names of MEANING.
        shares: Over how many pods `clean` is fanned out.
    """
    described: dict[str, tuple[type, str]] = {parameter: (str, MEANING[parameter]) for parameter in shared}
    for step in steps:
        described |= {f"{step}_{name}": about for name, about in (_options(step) | _choices(step)).items()}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(key, kind, annotation=annotation) for key, (annotation, _) in described.items()]
    )

    def body(*values: Any) -> None:
        given = signature.bind(*values).arguments
        options, chosen = (
            {step: {name: given[f"{step}_{name}"] for name in names(step)} for step in steps}
            for names in (_options, _choices)
        )
        graph(Flow({parameter: given[parameter] for parameter in shared}, options, chosen, shares))

    summary = inspect.getdoc(graph) or ""
    lines = "\n".join(f"    {key}: {meaning}" for key, (_, meaning) in described.items())
    body.__name__, body.__doc__ = graph.__name__, f"{summary}\n\nArgs:\n{lines}\n"
    body.__signature__ = signature  # type: ignore[attr-defined]
    made: BaseComponent = dsl.pipeline(name=name, description=summary)(body)
    return made


@cache
def _options(step: str) -> dict[str, tuple[type, str]]:
    """Type and meaning of each option of a step."""
    config = config_of(step)
    return {
        option: (type_of(config, option), f"{field.metadata['help']}{_unit(field.metadata['unit'])}")
        for option, field in fields_of(config, OPTION).items()
    }


def _choices(step: str) -> dict[str, tuple[type, str]]:
    """Type and meaning of each parameter that places a step."""
    return {name: (type(choice.default), choice.meaning) for name, choice in choices(step).items()}


def _unit(unit: str) -> str:
    return f" Unit: {unit}." if unit else ""
