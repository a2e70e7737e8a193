"""The Kubeflow component of `ingest`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def ingest(
    source_reference: str,
    evaluation_reference: str,
    task: str,
    store: str,
    raw: dsl.Output[dsl.Dataset],
    evaluation_texts: dsl.Output[dsl.Dataset],
    rejects: dsl.Output[dsl.Artifact],
    files: str,
    evaluation_files: str,
    file_format: str,
    encoding: str,
    whole_texts: bool,
    text_column: str,
    label_column: str,
    columns: str,
    label_map: str,
    meta_columns: str,
    where: str,
    max_record_mb: int,
    max_source_gb: float,
    max_reject_share: float,
    allow_addresses: str,
) -> dsl.ContainerSpec:
    """Reads a source into canonical rows."""
    return container(
        "ingest",
        source_reference=source_reference,
        evaluation_reference=evaluation_reference,
        task=task,
        store=store,
        raw=raw.path,
        evaluation_texts=evaluation_texts.path,
        rejects=rejects.path,
        files=files,
        evaluation_files=evaluation_files,
        file_format=file_format,
        encoding=encoding,
        whole_texts=whole_texts,
        text_column=text_column,
        label_column=label_column,
        columns=columns,
        label_map=label_map,
        meta_columns=meta_columns,
        where=where,
        max_record_mb=max_record_mb,
        max_source_gb=max_source_gb,
        max_reject_share=max_reject_share,
        allow_addresses=allow_addresses,
    )
