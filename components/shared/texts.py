"""What of a row is cleaned, and by which text rows are compared: the same in `clean` and in `split`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
Clean = Callable[[str], str]
TEXTS: Final = ("text", "source", "target", "question", "context")
"""Columns that hold one text each."""
COMPARED: Final = ("text", "source", "context", "question", "messages")
"""Columns that the compared text is made of, where they are there."""
GREETING: Final = 20
"""Bytes of the first words of a chat that are no greeting."""


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


def compared_texts(table: pa.Table) -> pa.ChunkedArray:
    """The compared text of each row of a table."""
    import pyarrow as pa
    from pyarrow import compute

    for column in ("text", "source"):
        if column in table.column_names:
            return table[column]
    if "context" in table.column_names:
        return compute.binary_join_element_wise(table["context"], table["question"], "\n")
    messages = table["messages"].combine_chunks()
    contents = compute.list_flatten(messages).field("content")
    ends = compute.cumulative_sum(compute.list_value_length(messages)).cast(pa.int32())
    lists = pa.ListArray.from_arrays(pa.concat_arrays([pa.array([0], pa.int32()), ends]), contents)
    return pa.chunked_array([compute.binary_join(lists, "\n")])


def alike_text(row: Row) -> str:
    """The text by which rows are found nearly the same: the compared text without what unlike rows share.

    That is what a chat's system says, and the question about a context: many are asked about one, and none of them is
    told by the words it adds to it (see `question_of`).
    """
    if "messages" in row:
        return "\n".join(message["content"] for message in row["messages"] if message["role"] != "system")
    return str(row["context"]) if "context" in row else compared_text(row)


def question_of(row: Row) -> str:
    """What rows must share to be near-duplicates, however alike they are; empty where that is nothing."""
    return str(row["question"]) if "context" in row else ""


def prompt_of(row: Row) -> str:
    """What rows are kept in one split by, though they may be answered in other words: what a chat begins with.

    A greeting that a longer chat begins with is none: it asks for nothing, and many chats share it.
    """
    said = [message for message in row.get("messages", ()) if message["role"] != "system"]
    answers = [place for place, message in enumerate(said) if message["role"] == "assistant"]
    prompt = "\n".join(message["content"] for message in said[: answers[0]]) if answers else ""
    return prompt if len(answers) == 1 or len(prompt.encode()) >= GREETING else ""


def cleaned(row: Row, clean: Clean, again: Clean | None = None) -> dict[str, Any]:
    """The row with its texts cleaned; answers are moved to where they are in the cleaned context.

    Args:
        row: The row.
        clean: Cleans a text.
        again: Does the same to a piece of a text that `clean` got already, and counts nothing.
    """
    if "messages" in row:
        messages = [{**message, "content": clean(message["content"])} for message in row["messages"]]
        return {**row, "messages": messages}
    made = {**row, **{column: clean(row[column]) for column in TEXTS if column in row}}
    if "answers" in row and made["context"] != row["context"]:
        made["answers"] = [_moved(answer, row["context"], made["context"], again or clean) for answer in row["answers"]]
    return made


def _moved(answer: Row, context: str, cleaned_context: str, clean: Clean) -> dict[str, Any]:
    """The answer in the cleaned context: after the same beginning, or the same of as many; `start` is -1 if neither."""
    text, start = answer["text"], answer["start"]
    made, beginning = clean(text), clean(context[:start])
    place = cleaned_context.find(made, len(beginning))
    if made and cleaned_context.startswith(beginning) and not cleaned_context[len(beginning) : place].strip():
        return {"text": made, "start": place}
    before, after = _places(text, context), _places(made, cleaned_context)
    found = len(before) == len(after) and start in before
    return {"text": made, "start": after[before.index(start)] if found else -1}


def _places(text: str, context: str) -> list[int]:
    """Where a text begins in another one."""
    return [match.start() for match in re.finditer(f"(?={re.escape(text)})", context)] if text else []


def label_of(row: Row) -> str:
    """The label of a row; several as one; empty when it has none."""
    return str(row["label"]) if "label" in row else ",".join(sorted(row.get("labels") or ()))


def labels_of(table: pa.Table) -> list[str]:
    """The label of each row of a table."""
    if "label" in table.column_names:
        return [str(label) for label in table["label"].to_pylist()]
    several = table["labels"].to_pylist() if "labels" in table.column_names else [None] * len(table)
    return [label_of({"labels": labels}) for labels in several]
