"""Options of `split`, which makes train, validation and test sets without leakage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from components.shared.errors import UserError
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact
from components.shared.references import check_pinned

EDITS: Final = ("synonym", "deletion", "swap", "noise")
BACK_TRANSLATION: Final = "back_translation"
OPERATIONS: Final = (*EDITS, BACK_TRANSLATION)
"""Ways to make a variant of a text."""


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.split`."""

    step: ClassVar[str] = "split"

    cleaned: Path = input_artifact("Directory of the cleaned dataset.")
    findings: Path = input_artifact("Directory of the findings of `clean`, for its clusters and copies.")
    task: str = identity("What the rows are for; decides their columns.")

    splits: Path = output_artifact("Directory of the split dataset.")
    card: Path = output_artifact("Directory of the data card and the statistics, which lie beside the dataset.")
    report: Path = output_artifact("HTML report: size, balance, lengths and clusters of the splits.")

    validation_fraction: float = option(0.1, "Share of the rows for validation.", low=0.01, high=0.5)
    test_fraction: float = option(0.2, "Share of the rows for the test.", low=0.01, high=0.5)
    train_rows: int = option(0, "Most rows to train on; 0 keeps all.", unit="rows", low=0)
    salt: str = option("evertune", "Decides which rows go where; keep it, or test rows move.")
    group_column: str = option(
        "", "Meta column whose equal values are never parted, such as an author; rows without a value stand alone."
    )
    stratify: str = option("", "Columns whose values all splits hold in like shares, with commas: label, meta columns.")
    frozen_test: str = option(
        "", "Which rows are the test set, and no others, as column=pattern pairs of meta columns with commas."
    )
    folds: int = option(0, "Parts for cross-validation, one of which is the test set; 0 goes by test_fraction.", low=0)
    fold: int = option(0, "Which of the folds is the test set, from 0.", low=0)
    balance: str = option(
        "none",
        "Repeats training rows of rare labels, or leaves out those of frequent ones, until all are alike.",
        choices=("none", "oversample", "undersample"),
    )
    augment: str = option(
        "", f"Adds variants of training rows, made in turn by these, with commas: {', '.join(OPERATIONS)}."
    )
    augment_copies: int = option(
        1, "Variants of each training row; 0 makes them only for what `balance` repeats.", low=0, high=20
    )
    augment_rate: float = option(0.1, "Share of the words, or Chinese characters, that a variant changes.", low=0.01)
    augment_seed: int = option(17, "Seed of the variants.", low=0)
    synonyms: str = option("", "Further synonyms: groups with commas, the words of a group with |, such as film|movie.")
    translation_model: str = option(
        "", "Model of CTranslate2 for back_translation, as path#sha256=digest, also s3://.", file=True
    )
    back_translation_model: str = option(
        "", "Model of CTranslate2 that translates the other way, as path#sha256=digest, also s3://.", file=True
    )

    tokenizer: str = option(
        "",
        "Tokenizer whose tokens the report counts: a tokenizer.json or its directory, also package://; empty for none.",
    )
    max_tokens: int = option(128, "Tokens beyond which training cuts a text, for the report.", unit="tokens", low=4)
    memory_mb: int = option(
        2048,
        "Memory that splitting may take; rows that need more are refused before they are read.",
        unit="MB",
        low=256,
    )

    def check(self) -> None:
        """Checks options against each other, and the form of lists."""
        if self.validation_fraction + self.test_fraction > 0.9:
            raise UserError(
                f"{self.validation_fraction} and test_fraction {self.test_fraction} leave too little to train on",
                where="split.validation_fraction",
                remedy="give two that add up to at most 0.9",
            )
        self._check_folds()
        for name in names(self.augment):
            if name not in OPERATIONS:
                raise UserError(f"{name!r} is not known", where="split.augment", remedy=f"use {', '.join(OPERATIONS)}")
        self._check_models()
        if self.augment_rate > 1:
            raise UserError(f"{self.augment_rate} is out of range", where="split.augment_rate", remedy="give at most 1")
        patterns(self.frozen_test)
        synonym_groups(self.synonyms)

    def _check_models(self) -> None:
        for name in ("translation_model", "back_translation_model"):
            given = getattr(self, name)
            check_pinned(given, f"split.{name}")
            if bool(given) != (BACK_TRANSLATION in names(self.augment)):
                raise UserError(
                    f"{given!r} does not go with augment {self.augment!r}",
                    where=f"split.{name}",
                    remedy=f"give two models for {BACK_TRANSLATION}, and none without it",
                )

    def _check_folds(self) -> None:
        if self.folds == 1 or (self.folds and self.fold >= self.folds) or (self.fold and not self.folds):
            raise UserError(
                f"there is no fold {self.fold} of {self.folds}",
                where="split.fold",
                remedy="give two folds or more, and one from 0 to folds - 1",
            )
        if self.folds and self.frozen_test:
            raise UserError("a frozen test set has no folds", where="split.folds", remedy="give one of the two")
        if self.folds and 1 / self.folds + self.validation_fraction > 0.9:
            raise UserError(
                f"{self.validation_fraction} and a fold leave too little to train on",
                where="split.validation_fraction",
                remedy="give less",
            )


def names(text: str) -> tuple[str, ...]:
    """Reads names with commas between them."""
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))


def patterns(text: str) -> dict[str, str]:
    """Reads `column=pattern` pairs; raises UserError for anything else."""
    found = {}
    for part in names(text):
        column, equals, pattern = (word.strip() for word in part.partition("="))
        if not column or not equals or column in found:
            raise UserError(
                f"{part!r} is not a column=pattern pair of its own",
                where="split.frozen_test",
                remedy="give pairs such as source=gold*",
            )
        found[column] = pattern
    return found


def synonym_groups(text: str) -> list[tuple[str, ...]]:
    """Reads groups of words that mean the same; raises UserError for a group of one."""
    groups = [tuple(filter(None, (word.strip() for word in group.split("|")))) for group in names(text)]
    for group in groups:
        if len(group) < 2:
            raise UserError(
                f"{'|'.join(group)!r} is not a group", where="split.synonyms", remedy="give word|word,word|word|word"
            )
    return groups
