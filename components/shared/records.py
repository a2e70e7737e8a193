"""The canonical record: which columns a task's rows have, and what makes a row valid."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from components.shared.errors import UserError

PAIR: Final = {"source": "string", "target": "string"}
TASKS: Final[Mapping[str, Mapping[str, Any]]] = {
    "classification": {"text": "string", "label": "string"},
    "multilabel_classification": {"text": "string", "labels": ["string"]},
    "causal_lm": {"text": "string"},
    "masked_lm": {"text": "string"},
    "translation": PAIR,
    "summarization": PAIR,
    "question_answering": {
        "question": "string",
        "context": "string",
        "answers": [{"text": "string", "start": "int64"}],
    },
    "chat": {"messages": [{"role": "string", "content": "string"}]},
}
"""Columns of each task, in their order. `meta` (a struct of strings) follows when a source names such columns."""

TEXT_COLUMN: Final = "text"
_BREAKS: Final = tuple(chr(code) for code in range(128) if chr(code).isspace() and chr(code) != " ")
ROLES: Final = ("system", "user", "assistant", "tool")


def columns_of(task: str, meta: Sequence[str] = ()) -> dict[str, Any]:
    """The schema of a task's dataset, without `id`.

    Args:
        task: A name of TASKS.
        meta: Names of further columns, kept as strings for slicing and grouping.
    """
    if task not in TASKS:
        raise UserError(f"{task!r} is not known", where="task", remedy=f"use one of: {', '.join(TASKS)}")
    columns: dict[str, Any] = dict(TASKS[task])
    if meta:
        columns["meta"] = dict.fromkeys(sorted(meta), "string")
    return columns


def defect(task: str, record: Mapping[str, Any]) -> str:
    """Why a record cannot be a row of the task, as a short fixed reason; empty when it can."""
    for column, kind in TASKS[task].items():
        value = record.get(column)
        if isinstance(value, str) and kind == "string":
            if not value or value.isspace():
                return f"{column} is empty"
            if not value.isascii() and _has_surrogates(value):
                return f"{column} is not valid Unicode"
        elif value is None or (isinstance(value, float) and math.isnan(value)):
            return f"{column} is missing"
        elif kind == "string":
            return f"{column} is not a text"
        elif reason := LISTS[column](value, record):
            return reason
    return ""


def text_key(text: str) -> bytes:
    """Equal for texts that differ in case and white space only: 128 bits of BLAKE2b."""
    folded = text.casefold()
    if not _is_tidy(folded):
        folded = " ".join(folded.split())
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()


def _is_tidy(text: str) -> bool:
    """Whether all white space is certainly single spaces between words, which is found out sooner than made."""
    if not text.isascii() or "  " in text or text[:1] == " " or text[-1:] == " ":
        return False
    return not any(map(text.__contains__, _BREAKS))


def _defect_of_answers(answers: Any, record: Mapping[str, Any]) -> str:
    """Answers must lie where they say; none at all means that the context holds none."""
    if not _are_structs(answers, {"text": str, "start": int}):
        return "answers are not a list of text and start"
    for answer in answers:
        text, start = answer["text"], answer["start"]
        if not text or start < 0 or record["context"][start : start + len(text)] != text:
            return "an answer is not where it is said to be in the context"
    return ""


def _defect_of_messages(messages: Any, _: Mapping[str, Any]) -> str:
    if not _are_structs(messages, {"role": str, "content": str}) or not messages:
        return "messages are not a list of role and content"
    for message in messages:
        if message["role"] not in ROLES:
            return f"a role is not one of {', '.join(ROLES)}"
        if _has_surrogates(message["content"]):
            return "a message is not valid Unicode"
    if not any(message["role"] == "assistant" and message["content"].strip() for message in messages):
        return "no message of the assistant"
    return ""


def _defect_of_labels(labels: Any, _: Mapping[str, Any]) -> str:
    """No label at all is an answer too."""
    if not isinstance(labels, list) or not all(isinstance(label, str) and label.strip() for label in labels):
        return "labels are not a list of texts"
    return "a label is not valid Unicode" if any(map(_has_surrogates, labels)) else ""


LISTS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], str]]] = {
    "answers": _defect_of_answers,
    "labels": _defect_of_labels,
    "messages": _defect_of_messages,
}
"""What is wrong with the value of a column that holds a list, given the whole record."""


def _are_structs(values: Any, kinds: Mapping[str, type]) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, dict)
        and value.keys() == kinds.keys()
        and all(type(value[name]) is kind for name, kind in kinds.items())
        for value in values
    )


def _has_surrogates(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
