"""Chats: what the assistant says next, learned from its own turns only (supervised fine-tuning)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from components.shared.chats import chat_tokens
from components.shared.errors import UserError
from components.train.tasks.causal_lm import CausalLM
from components.train.tasks.token_task import IGNORED, TokenSequence


class Chat(CausalLM):
    """Rows of `messages`, written as the chat template of the tokenizer writes them."""

    def prepare(self, tokenizer: Any) -> None:
        """Raises UserError for a tokenizer that cannot tell where its tokens stand in a text."""
        super().prepare(tokenizer)
        if not tokenizer.is_fast:
            raise UserError(
                "the tokenizer does not tell where its tokens stand in the text",
                where="base_model",
                remedy="save it as a fast tokenizer (tokenizer.json)",
            )

    def encode(self, rows: list[dict[str, Any]], tokenizer: Any, max_tokens: int) -> list[TokenSequence]:
        """The chats, cut to `max_tokens`; one whose assistant says nothing within them is left out."""
        found = []
        for row in rows:
            chat = chat_tokens(row["messages"], tokenizer, max_tokens)
            tokens = np.array(chat.tokens, dtype=np.int32)
            labels = np.where(chat.own, tokens, np.int32(IGNORED))
            found.append({"input_ids": tokens, "labels": np.append(labels[1:], np.int32(IGNORED))})
        return [one for one in found if (one["labels"] != IGNORED).any()]


TASK: Final = Chat
