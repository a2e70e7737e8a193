"""The Kubeflow component of `version`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def version(
    splits: dsl.Input[dsl.Dataset],
    card: dsl.Input[dsl.Artifact],
    dataset: str,
    registry: str,
    store: str,
    source_reference: str,
    evaluation_reference: str,
    report: dsl.Output[dsl.HTML],
    revision: dsl.OutputPath(str),
    dataset_digest: dsl.OutputPath(str),
    dvc_md5: dsl.OutputPath(str),
    deadline: int,
) -> dsl.ContainerSpec:
    """Pushes a dataset to S3 with DVC and commits its pointer to the registry."""
    return container(
        "version",
        splits=splits.path,
        card=card.path,
        dataset=dataset,
        registry=registry,
        store=store,
        source_reference=source_reference,
        evaluation_reference=evaluation_reference,
        report=report.path,
        revision=revision,
        dataset_digest=dataset_digest,
        dvc_md5=dvc_md5,
        deadline=deadline,
    )
