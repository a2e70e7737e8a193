"""The Kubeflow component of `promote`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def promote(
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    model_name: str,
    store: str,
    champion: str,
    decision: dsl.Output[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
    metric: str,
    margin: float,
    significance: float,
    baseline_margin: float,
) -> dsl.ContainerSpec:
    """Makes a model the champion, or says why not."""
    return container(
        "promote",
        model=model.path,
        evaluation=evaluation.path,
        model_name=model_name,
        store=store,
        champion=champion,
        decision=decision.path,
        summary=summary.path,
        metric=metric,
        margin=margin,
        significance=significance,
        baseline_margin=baseline_margin,
    )
