"""Masked language modelling: hidden tokens of texts, for continued pretraining of an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.shared.errors import UserError
from components.train.tasks import SPLITS
from components.train.tasks.token_task import IGNORED, TokenSequence, TokenTask

VALIDATION_EPOCH: Final = 1 << 31
"""Validation hides the same tokens every time."""
SHOWN_AS_MASK, SHOWN_AS_ANY = 0.8, 0.1
"""Of the hidden tokens, shares shown as the mask and as any token; the others are shown as they are (BERT, 2018)."""


class MaskedLM(TokenTask):
    """Rows of `text`. What is hidden is a function of the seed, the epoch and the number of the sequence alone."""

    pipeline_tag: ClassVar[str] = "fill-mask"
    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    settings: ClassVar[Mapping[str, Any]] = {}

    def prepare(self, tokenizer: Any) -> None:
        """Raises UserError for a tokenizer without a mask."""
        super().prepare(tokenizer)
        if tokenizer.mask_token_id is None:
            raise UserError(
                "the tokenizer has no mask token", where="base_model", remedy="choose a masked language model"
            )
        self.fill["attention_mask"] = 0
        self._mask, self._vocabulary = tokenizer.mask_token_id, len(tokenizer)
        self._special = np.array(sorted(tokenizer.all_special_ids))

    def encode(self, rows: list[dict[str, Any]], tokenizer: Any, max_tokens: int) -> list[TokenSequence]:
        """Pieces of each text of at most `max_tokens`; one with special tokens only is left out."""
        encoded = tokenizer(
            [row["text"] for row in rows],
            truncation=True,
            max_length=max_tokens,
            return_overflowing_tokens=tokenizer.is_fast,
        )["input_ids"]
        found = (np.array(ids, dtype=np.int32) for ids in encoded)
        return [self._sequence(tokens) for tokens in found if not np.isin(tokens, self._special).all()]

    def batch(self, split: str, rows: NDArray[np.int64], epoch: int) -> dict[str, Any]:
        """The given sequences with some tokens hidden."""
        return self.padded([self._masked(split, int(row), epoch) for row in rows])

    def units(self, split: str, rows: NDArray[np.int64], epoch: int) -> float:
        """The loss is a mean over the hidden tokens."""
        hidden = (self._masked(split, int(row), epoch)["labels"] != IGNORED for row in rows)
        return float(sum(int(places.sum()) for places in hidden))

    def _sequence(self, tokens: NDArray[np.int32]) -> TokenSequence:
        labels = np.where(np.isin(tokens, self._special), IGNORED, tokens).astype(np.int32)
        return {"input_ids": tokens, "labels": labels, "attention_mask": np.ones_like(tokens)}

    def _masked(self, split: str, row: int, epoch: int) -> TokenSequence:
        """A sequence in which each token is hidden by chance, at least one of them."""
        when = VALIDATION_EPOCH if split == SPLITS[1] else epoch
        random = np.random.default_rng([self.config.seed, when, row])
        sequence = self.sequences[split][row]
        tokens, labels = sequence["input_ids"], sequence["labels"]
        drawn = np.where(labels == IGNORED, np.inf, random.random(len(tokens)))
        hidden = (drawn < self.config.mask_probability) | (drawn == drawn.min())
        fate, other = random.random(len(tokens)), random.integers(0, self._vocabulary, len(tokens), dtype=np.int32)
        shown = np.where(hidden & (fate < SHOWN_AS_MASK), np.int32(self._mask), tokens)
        shown = np.where(hidden & (fate >= 1 - SHOWN_AS_ANY), other, shown)
        return {**sequence, "input_ids": shown, "labels": np.where(hidden, labels, np.int32(IGNORED))}


TASK: Final = MaskedLM
