"""Tiny BERTs that answer by a word list, and a small dataset to test them on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from components.evaluate.config import Config
from components.shared.datasets import DatasetWriter
from tests.components.evaluate.task_models import dataset_of, model_of

WORDS = ("good", "bad", "film", "the", "好", "差", "很")
LABELS = ("negative", "positive")


def word_model(directory: Path, good: Sequence[str], labels: Sequence[str] = LABELS) -> Path:
    """A BERT fitted to say the last label of texts that begin with a word of `good`, the first one of all others."""
    directory.mkdir(parents=True)
    vocabulary = directory / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    tokenizer = BertTokenizerFast(vocab=str(vocabulary), model_max_length=16)
    tokenizer.save_pretrained(directory)
    torch.manual_seed(len(good))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = BertForSequenceClassification(config).eval()
    _fit(model, tokenizer, good, len(labels))
    model.save_pretrained(directory)
    lineage = {"dataset": "reviews", "dataset_revision": "reviews/v1", "base_model": "tiny#sha256=ab"}
    (directory / "lineage.json").write_text(json.dumps(lineage))
    history = [{"step": step, "epoch": 0, "loss": 1 / step, "learning_rate": 0.1} for step in range(1, 13)]
    validations = [{"step": 12, "epoch": 1, "loss": 0.1, "accuracy": 1.0}]
    (directory / "training.json").write_text(
        json.dumps({"history": history, "validations": validations, "best_step": 12})
    )
    return directory


def _fit(model: Any, tokenizer: Any, good: Sequence[str], labels: int) -> None:
    endings = ("", " film", " the", " film film", " the film", " the film film", " the film film film", " the " * 9)
    texts = [word + ending for word in WORDS for ending in endings]
    inputs = tokenizer(texts, return_tensors="pt", padding=True)
    wanted = torch.tensor([labels - 1 if word in good else 0 for word in WORDS for _ in endings])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(120):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(**inputs).logits, wanted).backward()
        optimizer.step()
    assert (model(**inputs).logits.argmax(dim=1) == wanted).all()


@pytest.fixture(scope="session")
def right_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knows both good words."""
    return word_model(tmp_path_factory.mktemp("right") / "model", ["good", "好"])


@pytest.fixture(scope="session")
def english_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes Chinese praise for blame."""
    return word_model(tmp_path_factory.mktemp("english") / "model", ["good"])


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test rows: 6 English and 4 Chinese ones, half of each positive."""
    directory = tmp_path_factory.mktemp("data") / "data"
    directory.mkdir()
    columns = {"text": "string", "label": "string", "meta": {"source": "string"}}
    writer = DatasetWriter(directory, columns, ("train", "validation", "test"))
    english = [("good film", 1), ("good", 1), ("good the film", 1), ("bad film", 0), ("bad", 0), ("bad the", 0)]
    chinese = [("好 film", 1), ("好", 1), ("差 film", 0), ("差", 0)]
    for text, label in [*english, ("the film", 0), *chinese]:
        writer.write({"text": text, "label": LABELS[label], "meta": {"source": "train"}}, "train")
    for source, rows in (("en", english), ("zh", chinese)):
        for text, label in rows:
            writer.write({"text": f"{text} film", "label": LABELS[label], "meta": {"source": source}}, "test")
    writer.write({"text": "good", "label": "positive", "meta": {"source": "en"}}, "validation")
    writer.finish()
    return directory


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Statistics of a source in which each text stands once."""
    directory = tmp_path / "card"
    directory.mkdir()
    splits = {"train": {"rows": 11}, "validation": {"rows": 1}, "test": {"rows": 10}}
    (directory / "statistics.json").write_text(json.dumps({"splits": splits, "copies": {"1": 22}}))
    return directory


@pytest.fixture
def configure(tmp_path: Path, data: Path, card: Path, right_model: Path) -> Callable[..., Config]:
    """Makes a configuration with outputs in `tmp_path`."""

    def make(**changes: Any) -> Config:
        values: dict[str, Any] = {
            "model": right_model,
            "data": data,
            "card": card,
            "task": "classification",
            "model_name": "reviews",
            "store": str(tmp_path / "store"),
            "evaluation": tmp_path / "evaluation",
            "metrics": tmp_path / "metrics.json",
            "classification": tmp_path / "classification.json",
            "report": tmp_path / "report.html",
            "batch_size": 3,
        }
        return Config(**(values | changes))

    return make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Dataset and model of a task, made once."""
    known: dict[str, tuple[Path, Path]] = {}

    def make(task: str) -> tuple[Path, Path]:
        if task not in known:
            home = tmp_path_factory.mktemp(task)
            known[task] = (dataset_of(task, home / "data"), model_of(task, home / "model"))
        return known[task]

    return make


@pytest.fixture
def task_config(configure: Callable[..., Config], made: Callable[[str], tuple[Path, Path]]) -> Callable[..., Config]:
    """Makes a configuration for a tiny model of a task."""

    def make(task: str, **changes: Any) -> Config:
        data, model = made(task)
        return configure(task=task, data=data, **{"model": model, "bootstrap_rounds": 200, **changes})

    return make
