"""Text classification: one label for each text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.progress import Progress
from components.train.base_model import check_weights, loading

CHUNK_ROWS: Final = 1000
SPLITS: Final = ("train", "validation")


class Classification:
    """Rows of `text` and `label`, in the splits `train` and `validation`."""

    pipeline_tag: ClassVar[str] = "text-classification"
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"
    measures: ClassVar[int] = 3

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        named = {split: dataset.table(split)["label"].to_pylist() for split in SPLITS}
        self.labels = sorted(set(named["train"]))
        _check_labels(self.labels, named)
        number = {label: index for index, label in enumerate(self.labels)}
        self._targets = {split: np.array([number[label] for label in named[split]]) for split in SPLITS}
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
        import torch
        from transformers import AutoModelForSequenceClassification

        names = dict(enumerate(self.labels))
        with loading(name):
            model, report = AutoModelForSequenceClassification.from_pretrained(
                directory,
                id2label=names,
                label2id={label: index for index, label in names.items()},
                problem_type="single_label_classification",
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        check_weights(model, report["missing_keys"], name)
        return model

    def batch(self, split: str, rows: NDArray[np.int64]) -> dict[str, Any]:
        """The tokens of the given rows, padded to the longest, with mask and labels."""
        import torch

        texts = [self._tokens[split][row] for row in rows]
        width = max(map(len, texts))
        tokens = np.full((len(texts), width), self._padding, dtype=np.int64)
        mask = np.zeros((len(texts), width), dtype=np.int64)
        for index, text in enumerate(texts):
            place = slice(width - len(text), width) if self._pad_left else slice(0, len(text))
            tokens[index, place], mask[index, place] = text, 1
        arrays = {"input_ids": tokens, "attention_mask": mask, "labels": self._targets[split][rows]}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def units(self, split: str, rows: NDArray[np.int64]) -> int:
        """The loss is a mean over rows."""
        return len(rows)

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed cross-entropy of a batch."""
        import torch

        return torch.nn.functional.cross_entropy(_logits(model, batch), batch["labels"], reduction="sum")

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Summed loss, right answers and rows of a batch."""
        import torch

        logits, labels = _logits(model, batch), batch["labels"]
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        return [loss.item(), (logits.argmax(-1) == labels).sum().item(), len(labels)]

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """Mean loss and accuracy."""
        loss, right, rows = sums
        return {"loss": loss / rows, "accuracy": right / rows}

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The more accurate model is better; of equally accurate ones, that with the smaller loss."""
        return (metrics["accuracy"], -metrics["loss"])


TASK: Final = Classification


def _logits(model: Any, batch: Mapping[str, Any]) -> Any:
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()


def _check_labels(labels: list[str], named: Mapping[str, list[str]]) -> None:
    for split in SPLITS:
        if not named[split]:
            raise UserError(
                f"the split {split} has no rows", where="train.data", remedy="add data or change the options of `split`"
            )
    if len(labels) < 2:
        raise UserError(
            f"all training rows have the label {labels[0]!r}", where="train.data", remedy="add rows of another class"
        )
    unknown = sorted(set(named["validation"]) - set(labels))
    if unknown:
        raise UserError(
            f"the label {unknown[0]!r} is in validation but not in train",
            where="train.data",
            remedy="add training rows of it, or drop it",
        )
