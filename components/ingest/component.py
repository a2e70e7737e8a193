"""The Kubeflow component of `ingest`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def ingest(
    source_reference: str,
    task: str,
    raw: dsl.Output[dsl.Dataset],
    rejects: dsl.Output[dsl.Artifact],
    files: str,
    text_column: str,
    label_column: str,
    label_map: str,
    meta_columns: str,
    where: str,
    max_reject_share: float,
) -> dsl.ContainerSpec:
    """Reads a source into canonical rows."""
    return container(
        "ingest",
        source_reference=source_reference,
        task=task,
        raw=raw.path,
        rejects=rejects.path,
        files=files,
        text_column=text_column,
        label_column=label_column,
        label_map=label_map,
        meta_columns=meta_columns,
        where=where,
        max_reject_share=max_reject_share,
    )
