"""The Kubeflow component of `resolve`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def resolve(
    source: str,
    evaluation_set: str,
    base_model: str,
    model_name: str,
    store: str,
    parameters: str,
    source_reference: dsl.OutputPath(str),
    evaluation_reference: dsl.OutputPath(str),
    base_model_reference: dsl.OutputPath(str),
    champion: dsl.OutputPath(str),
) -> dsl.ContainerSpec:
    """Pins the source and the base model, and looks up the champion."""
    return container(
        "resolve",
        source=source,
        evaluation_set=evaluation_set,
        base_model=base_model,
        model_name=model_name,
        store=store,
        parameters=parameters,
        source_reference=source_reference,
        evaluation_reference=evaluation_reference,
        base_model_reference=base_model_reference,
        champion=champion,
    )
