"""What is read from whole tables is what is read from their rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from components.shared.datasets import arrow_schema
from components.shared.records import TASKS, columns_of
from components.shared.texts import compared_text, compared_texts, label_of, labels_of

VALUES = {
    "text": ["one", "", "中文\n three", "four"],
    "label": list("pnpq"),
    "labels": [["b", "a"], [], ["c"], ["a"]],
    "source": ["a", "b", "c", "d"],
    "target": ["e", "f", "g", "h"],
    "question": ["who?", "why?", "when?", "where?"],
    "context": ["at\nhome", "not here", "then", "there"],
    "answers": [[], [{"text": "n", "start": 0}], [], []],
    "messages": [[{"role": "user", "content": f"{n}{m}"} for m in range(n)] for n in (3, 0, 1, 2)],
}


@pytest.mark.parametrize("task", TASKS)
def test_compared_texts_and_labels_of_tables_are_those_of_their_rows(task):
    columns = columns_of(task)
    schema = arrow_schema(columns)
    table = pa.Table.from_pydict({"id": list("abcd"), **{name: VALUES[name] for name in columns}}, schema=schema)
    for part in (table, table.slice(1, 2), table.filter([True, False, True, True]), table.slice(0, 0)):
        rows = part.to_pylist()
        assert compared_texts(part).to_pylist() == [compared_text(row) for row in rows]
        assert labels_of(part) == [label_of(row) for row in rows]
