"""The Kubeflow component of `train`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def train(
    data: dsl.Input[dsl.Dataset],
    base_model_reference: str,
    task: str,
    dataset: str,
    revision: str,
    checkpoints: str,
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    logs: dsl.Output[dsl.Artifact],
    epochs: int,
    batch_size: int,
    accumulation: int,
    eval_batch_size: int,
    max_tokens: int,
    learning_rate: float,
    schedule: str,
    warmup_fraction: float,
    weight_decay: float,
    max_grad_norm: float,
    evaluations_per_epoch: int,
    checkpoint_seconds: float,
    checkpoint_steps: int,
    keep_checkpoints: int,
    seed: int,
    deterministic: bool,
    world_size: int,
    threads: int,
) -> dsl.ContainerSpec:
    """Fine-tunes a model."""
    return container(
        "train",
        data=data.path,
        base_model_reference=base_model_reference,
        task=task,
        dataset=dataset,
        revision=revision,
        checkpoints=checkpoints,
        model=model.path,
        metrics=metrics.path,
        logs=logs.path,
        epochs=epochs,
        batch_size=batch_size,
        accumulation=accumulation,
        eval_batch_size=eval_batch_size,
        max_tokens=max_tokens,
        learning_rate=learning_rate,
        schedule=schedule,
        warmup_fraction=warmup_fraction,
        weight_decay=weight_decay,
        max_grad_norm=max_grad_norm,
        evaluations_per_epoch=evaluations_per_epoch,
        checkpoint_seconds=checkpoint_seconds,
        checkpoint_steps=checkpoint_steps,
        keep_checkpoints=keep_checkpoints,
        seed=seed,
        deterministic=deterministic,
        world_size=world_size,
        threads=threads,
    )
