"""Text classification: one label for each text."""

from __future__ import annotations

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
from components.train.tasks.class_weights import class_weights
from components.train.tasks.padding import pad

CHUNK_ROWS: Final = 1000


class Classification:
    """Rows of `text` and `label`, in the splits `train` and `validation`."""

    pipeline_tag: ClassVar[str] = "text-classification"
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    problem_type: ClassVar[str] = "single_label_classification"
    decoder: ClassVar[bool] = False
    able_before: ClassVar[bool] = False
    measures: ClassVar[int] = 3

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self._dataset, self._config = dataset, config
        self.labels, self._targets = self._read_labels()
        self._weights = class_weights(config.class_weights, self.labels, self._label_counts())
        self._tokens: dict[str, list[NDArray[np.int32]]] = {}
        self.lengths: dict[str, NDArray[np.int64]] = {}

    def tokenize(self, tokenizer: Any, max_tokens: int) -> None:
        """Turns the texts into tokens, cut to `max_tokens`."""
        self._padding, self._pad_left = tokenizer.pad_token_id, tokenizer.padding_side == "left"
        with Progress("tokenizing", sum(map(len, self._targets.values())), "rows") as progress:
            for split in SPLITS:
                self._tokens[split] = []
                for batch in self._dataset.table(split).select(["text"]).to_batches(CHUNK_ROWS):
                    texts = batch["text"].to_pylist()
                    encoded = tokenizer(texts, truncation=True, max_length=max_tokens, return_attention_mask=False)
                    self._tokens[split] += [np.array(ids, dtype=np.int32) for ids in encoded["input_ids"]]
                    progress.advance(len(texts))
                self.lengths[split] = np.array([len(tokens) for tokens in self._tokens[split]])

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained body with a new head; raises UserError if the weights do not fit."""
        return load_pretrained(
            self.auto_class,
            directory,
            name,
            self._config,
            id2label=dict(enumerate(self.labels)),
            label2id={label: index for index, label in enumerate(self.labels)},
            problem_type=self.problem_type,
            ignore_mismatched_sizes=True,
        )

    def batch(self, split: str, rows: NDArray[np.int64], epoch: int) -> dict[str, Any]:
        """The tokens of the given rows, padded to the longest, with mask and labels."""
        import torch

        texts = [self._tokens[split][row] for row in rows]
        tensors = {
            "input_ids": pad(texts, self._padding, self._pad_left),
            "attention_mask": pad([np.ones(len(text)) for text in texts], 0, self._pad_left),
        }
        return {**tensors, "labels": torch.from_numpy(self._targets[split][rows])}

    def units(self, split: str, rows: NDArray[np.int64], epoch: int) -> float:
        """The loss is a mean over rows, weighted by their classes."""
        return len(rows) if self._weights is None else float(self._weights[self._targets[split][rows]].sum())

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed cross-entropy of a batch."""
        import torch

        logits, labels, gamma = logits_of(model, batch), batch["labels"], self._config.focal_gamma
        losses = torch.nn.functional.cross_entropy(
            logits,
            labels,
            weight=None if self._weights is None else torch.as_tensor(self._weights, device=labels.device),
            reduction="none" if gamma else "sum",
            label_smoothing=self._config.label_smoothing,
        )
        if not gamma:
            return losses
        sure = logits.softmax(-1).gather(1, labels[:, None])[:, 0]
        return ((1 - sure) ** gamma * losses).sum()

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Summed loss, right answers and rows of a batch."""
        import torch

        logits, labels = logits_of(model, batch), batch["labels"]
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        return [loss.item(), (logits.argmax(-1) == labels).sum().item(), len(labels)]

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """Mean loss and accuracy."""
        loss, right, rows = sums
        return {"loss": loss / rows, "accuracy": right / rows}

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The more accurate model is better; of equally accurate ones, that with the smaller loss."""
        return (metrics["accuracy"], -metrics["loss"])

    def _read_labels(self) -> tuple[list[str], dict[str, NDArray[Any]]]:
        """All labels, sorted, and the target of each row."""
        named = {split: self._dataset.table(split)["label"].to_pylist() for split in SPLITS}
        labels = sorted(set(named["train"]))
        check_labels(labels, sorted(set(named["validation"])))
        number = {label: index for index, label in enumerate(labels)}
        return labels, {split: np.array([number[label] for label in named[split]]) for split in SPLITS}

    def _label_counts(self) -> NDArray[np.int64]:
        """Training rows of each label."""
        return np.bincount(self._targets["train"], minlength=len(self.labels))


TASK: Final = Classification


def logits_of(model: Any, batch: Mapping[str, Any]) -> Any:
    """What the model says of a batch, in single precision."""
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()


def check_labels(labels: Sequence[str], validated: Sequence[str]) -> None:
    """Raises UserError when there is nothing to tell apart, or a label to validate that was not learned."""
    if len(labels) < 2:
        raise UserError(
            f"all training rows have the label {labels[0]!r}" if labels else "no training row has a label",
            where="train.data",
            remedy="add rows of another class",
        )
    unknown = sorted(set(validated) - set(labels))
    if unknown:
        raise UserError(
            f"the label {unknown[0]!r} is in validation but not in train",
            where="train.data",
            remedy="add training rows of it, or drop it",
        )
