"""The Kubeflow component of `evaluate`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def evaluate(
    model: dsl.Input[dsl.Model],
    data: dsl.Input[dsl.Dataset],
    card: dsl.Input[dsl.Artifact],
    task: str,
    model_name: str,
    store: str,
    champion: str,
    base_model_reference: str,
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    allow_remote_code: bool,
    batch_size: int,
    bootstrap_rounds: int,
    confidence: float,
    worst_errors: int,
    compare_base_model: bool,
    seed: int,
) -> dsl.ContainerSpec:
    """Measures a model on the test split."""
    return container(
        "evaluate",
        model=model.path,
        data=data.path,
        card=card.path,
        task=task,
        model_name=model_name,
        store=store,
        champion=champion,
        base_model_reference=base_model_reference,
        evaluation=evaluation.path,
        metrics=metrics.path,
        classification=classification.path,
        report=report.path,
        allow_remote_code=allow_remote_code,
        batch_size=batch_size,
        bootstrap_rounds=bootstrap_rounds,
        confidence=confidence,
        worst_errors=worst_errors,
        compare_base_model=compare_base_model,
        seed=seed,
    )
