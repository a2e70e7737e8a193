"""The Kubeflow component of `fetch`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def fetch(
    dataset: str,
    registry: str,
    revision: str,
    dataset_digest: str,
    data: dsl.Output[dsl.Dataset],
    card: dsl.Output[dsl.Artifact],
    deadline: int,
) -> dsl.ContainerSpec:
    """Brings a dataset revision, verified."""
    return container(
        "fetch",
        dataset=dataset,
        registry=registry,
        revision=revision,
        dataset_digest=dataset_digest,
        data=data.path,
        card=card.path,
        deadline=deadline,
    )
