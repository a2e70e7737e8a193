"""Causal language models: perplexity and bits per byte of whole texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from components.evaluate.tasks import Rows
from components.evaluate.tasks.language import IGNORED, Asked, Language


class CausalLM(Language):
    """Rows of `text`. A text longer than the model reads is told in pieces, each token but the first one once."""

    def asked(self, rows: Rows, tokenizer: Any, longest: int) -> list[Asked]:
        """The pieces of each text; a piece begins with the token that the one before it said last."""
        encoded = tokenizer([row["text"] for row in rows], return_attention_mask=False, verbose=False)["input_ids"]
        end = tokenizer.eos_token_id
        found = []
        for number, ids in enumerate(encoded):
            size = len(rows[number]["text"].encode())
            tokens = np.array(ids if end is None or ids[-1:] == [end] else [*ids, end])
            for start in range(0, len(tokens) - 1, longest - 1):
                piece = tokens[start : start + longest]
                found.append(Asked(number, piece, np.append(piece[1:], IGNORED), 0 if start else size))
        return found

    def prompt(self, row: Mapping[str, Any], tokenizer: Any) -> str:
        """The first half of the text."""
        return self.shown(row)[0]

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The first half of the text, and the other half."""
        words = row["text"].split(" ")
        half = max(1, len(words) // 2)
        return " ".join(words[:half]), " ".join(words[half:])


MEASURER: Final = CausalLM
