"""What of a row is cleaned, and by which text rows are compared: the same in `clean` and in `split`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def compared_text(row: Row) -> str:
    """The text by which a row is like another one: duplicates, clusters and leakage are judged by it.

    Of a pair it is the source: a source that is in the train set with one target and in the test set with another
    would have been seen. Questions are compared with their contexts, chats as a whole.
    """
    if "text" in row:
        return str(row["text"])
    if "source" in row:
        return str(row["source"])
    if "context" in row:
        return f"{row['context']}\n{row['question']}"
    return "\n".join(message["content"] for message in row["messages"])


def cleaned(row: Row, clean: Callable[[str], str]) -> dict[str, Any]:
    """The row with its texts cleaned.

    A context stays as it is, with its question: its answers are places in it.
    """
    if "messages" in row:
        messages = [{**message, "content": clean(message["content"])} for message in row["messages"]]
        return {**row, "messages": messages}
    return {**row, **{column: clean(row[column]) for column in ("text", "source", "target") if column in row}}


def label_of(row: Row) -> str:
    """The label of a row; several as one; empty when it has none."""
    return str(row["label"]) if "label" in row else ",".join(sorted(row.get("labels") or ()))
