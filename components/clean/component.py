"""The Kubeflow component of `clean`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def clean(
    raw: dsl.Input[dsl.Dataset],
    task: str,
    cleaned: dsl.Output[dsl.Dataset],
    findings: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    markup: bool,
    unicode_repair: bool,
    personal_data: bool,
    min_chars: int,
    max_chars: int,
    exact_duplicates: bool,
    conflicting_labels: bool,
    near_duplicates: bool,
    near_duplicate_similarity: float,
    cluster_similarity: float,
) -> dsl.ContainerSpec:
    """Cleans and de-duplicates rows."""
    return container(
        "clean",
        raw=raw.path,
        task=task,
        cleaned=cleaned.path,
        findings=findings.path,
        report=report.path,
        markup=markup,
        unicode_repair=unicode_repair,
        personal_data=personal_data,
        min_chars=min_chars,
        max_chars=max_chars,
        exact_duplicates=exact_duplicates,
        conflicting_labels=conflicting_labels,
        near_duplicates=near_duplicates,
        near_duplicate_similarity=near_duplicate_similarity,
        cluster_similarity=cluster_similarity,
    )
