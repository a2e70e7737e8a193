"""Masked language models: perplexity of hidden tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from components.evaluate.models import longest_of
from components.evaluate.tasks import Floats, Rows
from components.evaluate.tasks.language import IGNORED, Asked, Ints, Language, add

HIDDEN: Final = 0.15
MOST_TOLD: Final = 8


class MaskedLM(Language):
    """Rows of `text`, read as far as the model reads. The same tokens are hidden for every model of one tokenizer."""

    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    main: ClassVar[str] = "perplexity"
    lower_is_better: ClassVar[tuple[str, ...]] = ("perplexity",)
    asked_alone: ClassVar[str] = "the hidden tokens of a text"

    def asked(self, rows: Rows, tokenizer: Any, longest: int) -> list[Asked]:
        """Each text with some tokens hidden, at least one; a text of special tokens only is left out."""
        encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=longest)["input_ids"]
        found = []
        for number, ids in enumerate(encoded):
            tokens = np.array(ids)
            random = np.random.default_rng([self.config.seed, number])
            drawn = np.where(np.isin(tokens, tokenizer.all_special_ids), np.inf, random.random(len(tokens)))
            if np.isfinite(drawn).any():
                hidden = (drawn < HIDDEN) | (drawn == drawn.min())
                shown = np.where(hidden, tokenizer.mask_token_id, tokens)
                found.append(Asked(number, shown, np.where(hidden, tokens, IGNORED), 0))
        return found

    def told(self, asked: Asked, best: Ints, tokenizer: Any) -> str:
        """The first hidden tokens, each with the model's guess."""
        hidden = asked.labels[asked.labels != IGNORED].tolist()[:MOST_TOLD]
        pairs = zip(hidden, best.tolist(), strict=False)
        return ", ".join(" → ".join(tokenizer.decode([token]).strip() for token in pair) for pair in pairs)

    def alone(self, model: Any, tokenizer: Any, row: Mapping[str, Any]) -> str:
        """Nothing is said, but read."""
        for one in self.asked([row], tokenizer, longest_of(tokenizer)):
            add(np.zeros((1, 4)), model, [one])
        return ""

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Without bits per byte: only some of the bytes are asked for."""
        return {name: values for name, values in super().metrics(sums).items() if name != "bits_per_byte"}


MEASURER: Final = MaskedLM
