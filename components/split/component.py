"""The Kubeflow component of `split`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def split(
    cleaned: dsl.Input[dsl.Dataset],
    findings: dsl.Input[dsl.Artifact],
    task: str,
    splits: dsl.Output[dsl.Dataset],
    card: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    validation_fraction: float,
    test_fraction: float,
    train_rows: int,
    salt: str,
    group_column: str,
    stratify: str,
    frozen_test: str,
    folds: int,
    fold: int,
    balance: str,
    augment: str,
    augment_copies: int,
    augment_rate: float,
    augment_seed: int,
    synonyms: str,
    translation_model: str,
    back_translation_model: str,
    tokenizer: str,
    max_tokens: int,
    memory_mb: int,
) -> dsl.ContainerSpec:
    """Splits rows into train, validation and test without leakage."""
    return container(
        "split",
        cleaned=cleaned.path,
        findings=findings.path,
        task=task,
        splits=splits.path,
        card=card.path,
        report=report.path,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        train_rows=train_rows,
        salt=salt,
        group_column=group_column,
        stratify=stratify,
        frozen_test=frozen_test,
        folds=folds,
        fold=fold,
        balance=balance,
        augment=augment,
        augment_copies=augment_copies,
        augment_rate=augment_rate,
        augment_seed=augment_seed,
        synonyms=synonyms,
        translation_model=translation_model,
        back_translation_model=back_translation_model,
        tokenizer=tokenizer,
        max_tokens=max_tokens,
        memory_mb=memory_mb,
    )
