"""Chats as text: what the chat template of a tokenizer makes of them, and where in it the assistant speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.shared.errors import UserError

Span = tuple[int, int]


@dataclass(frozen=True)
class ChatTokens:
    """A chat in tokens.

    Attributes:
        tokens: The tokens.
        own: Whether each of them is the assistant's.
        own_bytes: Length of what the assistant says within them, as UTF-8.
    """

    tokens: Sequence[int]
    own: Sequence[bool]
    own_bytes: int


def chat_tokens(messages: Sequence[dict[str, str]], tokenizer: Any, most: int) -> ChatTokens:
    """A chat cut to `most` tokens, as a fast tokenizer gives them; raises UserError (see `assistant_spans`)."""
    text, spans = assistant_spans(messages, tokenizer)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=True, max_length=most)
    offsets = encoded["offset_mapping"]
    own = [last > begin and any(begin < end and last > start for start, end in spans) for begin, last in offsets]
    limit = max((last for _, last in offsets), default=0)
    said = (text[start : min(end, limit)] for start, end in spans)
    return ChatTokens(encoded["input_ids"], own, sum(len(part.encode()) for part in said))


def assistant_spans(messages: Sequence[dict[str, str]], tokenizer: Any) -> tuple[str, list[Span]]:
    """A chat as text, and where in it the assistant speaks, to the end of each turn.

    A turn is what the template adds when the message is added to those before it and to the words that ask the
    assistant to speak.

    Raises:
        UserError: if the template refuses the chat, or writes a message in another way once others follow.
    """
    spans, whole = [], _written(messages, tokenizer, ask=False)
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            before = _written(messages[:number], tokenizer, ask=True)
            after = _written(messages[: number + 1], tokenizer, ask=False)
            if not (after.startswith(before) and whole.startswith(after)):
                raise UserError(
                    "the chat template writes a message in another way once others follow",
                    where="base_model",
                    remedy="give chats with one turn of the assistant, or another model",
                )
            spans.append((len(before), len(after)))
    return whole, spans


def _written(messages: Sequence[dict[str, str]], tokenizer: Any, *, ask: bool) -> str:
    from jinja2 import TemplateError  # what torch and transformers bring along

    try:
        text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=ask)
    except TemplateError as error:
        raise UserError(
            f"the chat template refuses a chat ({error})",
            where="train.data",
            remedy="give chats as the model expects them, or another model",
        ) from None
    return text
