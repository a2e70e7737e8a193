"""What tasks have in common that learn to say tokens: language models, translation, summarization, chats."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.progress import Progress
from components.train.base_model import load_pretrained
from components.train.config import Config
from components.train.tasks import SPLITS
from components.train.tasks.padding import pad

CHUNK_ROWS: Final = 1000
IGNORED: Final = -100
"""The label of a place at which nothing is learned."""
MOST_NATS: Final = 50.0
"""A greater mean loss is shown as the perplexity of this one: the journal holds finite numbers only."""
Tokens = NDArray[np.int32]
TokenSequence = Mapping[str, Tokens]
"""What is computed for one line of a batch, by the name of the model's input; `labels` are the tokens to say."""


class TokenTask(ABC):
    """Sequences of tokens, and the tokens to say at some of their places.

    Attributes:
        settings: What else the model is called with.
        fill: What each column is padded with; those of the tokens are known after `tokenize`.
    """

    pipeline_tag: ClassVar[str]
    auto_class: ClassVar[str]
    decoder: ClassVar[bool] = False
    settings: ClassVar[Mapping[str, Any]] = {"use_cache": False}
    able_before: ClassVar[bool] = True
    measures: ClassVar[int] = 3

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self.dataset, self.config = dataset, config
        self.fill: dict[str, int] = {}
        self.sequences: dict[str, list[TokenSequence]] = {}
        self.lengths: dict[str, NDArray[np.int64]] = {}
        self._told: dict[str, NDArray[np.int64]] = {}

    @abstractmethod
    def encode(self, rows: list[dict[str, Any]], tokenizer: Any, max_tokens: int) -> list[TokenSequence]:
        """The sequences of some rows."""

    def prepare(self, tokenizer: Any) -> None:
        """Sets what the columns are padded with; raises UserError for a tokenizer that does not fit."""
        self.fill = {"input_ids": tokenizer.pad_token_id, "labels": IGNORED}

    def arrange(self, sequences: list[TokenSequence], max_tokens: int) -> list[TokenSequence]:
        """The sequences that are computed: those of the rows, or packs of them."""
        return sequences

    def tokenize(self, tokenizer: Any, max_tokens: int) -> None:
        """Turns the rows into sequences."""
        self.prepare(tokenizer)
        total = sum(self.dataset.manifest.rows(split) for split in SPLITS)
        with Progress("tokenizing", total, "rows") as progress:
            for split in SPLITS:
                found: list[TokenSequence] = []
                for batch in self.dataset.table(split).to_batches(CHUNK_ROWS):
                    found += self.encode(batch.to_pylist(), tokenizer, max_tokens)
                    progress.advance(batch.num_rows)
                self._keep(split, self.arrange(found, max_tokens))

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained model; raises UserError if the weights do not fit."""
        return load_pretrained(self.auto_class, directory, name, self.config)

    def batch(self, split: str, rows: NDArray[np.int64], epoch: int) -> dict[str, Any]:
        """The given sequences, padded to the longest."""
        return self.padded([self.sequences[split][row] for row in rows])

    def padded(self, sequences: Sequence[TokenSequence]) -> dict[str, Any]:
        """Tensors of sequences."""
        return {name: pad([one[name] for one in sequences], fill) for name, fill in self.fill.items()}

    def units(self, split: str, rows: NDArray[np.int64], epoch: int) -> float:
        """The loss is a mean over the tokens to say."""
        return float(self._told[split][rows].sum())

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed cross-entropy of the tokens to say."""
        import torch

        logits, labels = told(model, batch, **self.settings)
        return torch.nn.functional.cross_entropy(
            logits, labels, reduction="sum", label_smoothing=self.config.label_smoothing
        )

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Summed loss, tokens said right, and tokens to say."""
        import torch

        logits, labels = told(model, batch, **self.settings)
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        return [loss.item(), (logits.argmax(-1) == labels).sum().item(), len(labels)]

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """Mean loss, perplexity, and the share of the tokens that are the most probable ones."""
        loss, right, tokens = sums
        mean = loss / tokens
        return {"loss": mean, "perplexity": math.exp(min(mean, MOST_NATS)), "token_accuracy": right / tokens}

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The model with the smaller loss is better."""
        return (-metrics["loss"],)

    def _keep(self, split: str, sequences: list[TokenSequence]) -> None:
        if not sequences:
            raise UserError(
                f"no row of the split {split} has a token to learn within train.max_tokens",
                where="train.data",
                remedy="raise train.max_tokens, or give other rows",
            )
        self.sequences[split] = sequences
        self.lengths[split] = np.array([len(one["input_ids"]) for one in sequences])
        self._told[split] = np.array([int((one["labels"] != IGNORED).sum()) for one in sequences])


def told(model: Any, batch: Mapping[str, Any], **settings: Any) -> tuple[Any, Any]:
    """The logits at the places that have a label, in single precision, and the labels there."""
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    places = batch["labels"] != IGNORED
    return model(**inputs, **settings).logits[places].float(), batch["labels"][places]
