"""Chats: perplexity and bits per byte of what the assistant says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from components.evaluate.tasks import Rows
from components.evaluate.tasks.language import IGNORED, Asked, Language
from components.shared.chats import chat_tokens


class Chat(Language):
    """Rows of `messages`, read as far as the model reads."""

    def asked(self, rows: Rows, tokenizer: Any, longest: int) -> list[Asked]:
        """Each chat, of which the assistant's tokens are to be said."""
        found = []
        for number, row in enumerate(rows):
            chat = chat_tokens(row["messages"], tokenizer, longest)
            tokens = np.array(chat.tokens)
            labels = np.append(np.where(chat.own, tokens, IGNORED)[1:], IGNORED)
            found.append(Asked(number, tokens, labels, chat.own_bytes))
        return found

    def prompt(self, row: Mapping[str, Any], tokenizer: Any) -> str:
        """The chat up to the assistant's last turn, as the template asks for it."""
        last = max(number for number, message in enumerate(row["messages"]) if message["role"] == "assistant")
        text: str = tokenizer.apply_chat_template(row["messages"][:last], tokenize=False, add_generation_prompt=True)
        return text

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The chat up to the assistant's last turn, and that turn."""
        turns = row["messages"]
        at = max(number for number, message in enumerate(turns) if message["role"] == "assistant")
        before, last = turns[:at], turns[at]
        return "\n".join(f"{message['role']}: {message['content']}" for message in before), last["content"]


MEASURER: Final = Chat
