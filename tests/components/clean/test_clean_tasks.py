"""The texts of every task's columns are cleaned, and answers stay answers."""

from __future__ import annotations

import json

import pytest

from components.clean.config import Config
from components.clean.core import run
from components.shared.datasets import Dataset, DatasetWriter
from components.shared.files import staged_directory
from components.shared.records import columns_of, defect

DIRTY = "Ring  13812345678<br>schÃ¶n\u200b"
CLEAN = "Ring <PHONE>\nschön"


def cleaned_rows(tmp_path, task, rows):
    with staged_directory(tmp_path / "raw") as directory:
        writer = DatasetWriter(directory, columns_of(task))
        for row in rows:
            writer.write(row)
        writer.finish()
    outputs = {name: tmp_path / name for name in ("cleaned", "findings", "report")}
    run(Config(raw=tmp_path / "raw", task=task, **outputs))
    rows = [{name: value for name, value in row.items() if name != "id"} for row in Dataset(outputs["cleaned"]).rows()]
    assert [defect(task, row) for row in rows] == [""] * len(rows)
    return rows, (tmp_path / "findings" / "dropped.jsonl").read_text()


@pytest.mark.parametrize(
    ("task", "row", "expected"),
    [
        ("causal_lm", {"text": DIRTY}, {"text": CLEAN}),
        ("multilabel_classification", {"text": DIRTY, "labels": ["a  b"]}, {"text": CLEAN, "labels": ["a  b"]}),
        ("translation", {"source": DIRTY, "target": DIRTY}, {"source": CLEAN, "target": CLEAN}),
        (
            "chat",
            {"messages": [{"role": "user", "content": DIRTY}, {"role": "assistant", "content": "ok "}]},
            {"messages": [{"role": "user", "content": CLEAN}, {"role": "assistant", "content": "ok"}]},
        ),
    ],
)
def test_all_columns_of_a_task_are_cleaned(tmp_path, task, row, expected):
    assert cleaned_rows(tmp_path, task, [row])[0] == [expected]


def question(context, *answers):
    found = [{"text": text, "start": start} for text, start in answers]
    return {"question": "Who<br>is it?", "context": context, "answers": found}


@pytest.mark.parametrize(
    ("context", "answer", "moved"),
    [
        ("plain words here", ("words", 6), ("words", 6)),
        ("a<br>  b &amp; c, b", ("b", 7), ("b", 2)),
        ("a<br>  b &amp; c, b", ("b", 18), ("b", 9)),
        ("<b>b</b>", ("b", 3), ("b", 0)),
        ("tom &amp; jerry won", ("tom &amp; jerry", 0), ("tom & jerry", 0)),
        ("mail jane@x.org now, jane@x.org!", ("jane@x.org", 21), ("<EMAIL>", 18)),
        ("schÃ¶n ist schÃ¶n", ("schÃ¶n", 11), ("schön", 10)),
    ],
)
def test_answers_move_with_their_context(tmp_path, context, answer, moved):
    (row,), _ = cleaned_rows(tmp_path, "question_answering", [question(context, answer)])
    counts = json.loads((tmp_path / "findings" / "counts.json").read_text())
    assert counts["personal_data"].get("EMAIL", 0) == context.count("@"), "answers are not counted again"
    assert row["question"] == "Who\nis it?"
    assert row["answers"] == [{"text": moved[0], "start": moved[1]}]


def test_an_answer_that_is_a_part_of_personal_data_is_lost_with_a_reason(tmp_path):
    lost = question("ring 13812345678 now", ("138", 5))
    rows, dropped = cleaned_rows(tmp_path, "question_answering", [lost, question("other words", ("other", 0))])
    assert [row["context"] for row in rows] == ["other words"]
    assert "an answer is no longer in its context after cleaning" in dropped


CONTEXT = " ".join(f"word{number}" for number in range(60))
NEAR = CONTEXT.replace("word30 ", "other ")


def asked(context, *words):
    return [{**question(context, (word, context.index(word))), "question": f"Where is {word}?"} for word in words]


def test_many_questions_about_a_context_are_kept_and_stay_together(tmp_path):
    words = [f"word{number}" for number in range(10, 20)]
    rows, _ = cleaned_rows(tmp_path, "question_answering", asked(CONTEXT, *words) + asked("quite another", "quite"))
    assert [row["question"] for row in rows] == [f"Where is {word}?" for word in (*words, "quite")]
    ids = [row["id"] for row in Dataset(tmp_path / "cleaned").rows()]
    clusters = json.loads((tmp_path / "findings" / "clusters.json").read_text())
    assert {name for cluster in clusters for name in cluster} == set(ids[:-1])
    assert {cluster[0] for cluster in clusters} == {ids[0]}


def test_the_same_question_about_nearly_the_same_context_is_a_near_duplicate(tmp_path):
    words = [f"word{number}" for number in range(10, 20)]
    asked_again = asked(NEAR, words[0], "other")
    rows, dropped = cleaned_rows(tmp_path, "question_answering", asked(CONTEXT, *words) + asked_again)
    assert [row["question"] for row in rows] == [f"Where is {word}?" for word in (*words, "other")]
    assert json.loads(dropped)["reason"] == "near-duplicate"


def chat(system, *contents):
    turns = zip(("user", "assistant"), contents, strict=True)
    return {"messages": [{"role": "system", "content": system}, *({"role": r, "content": c} for r, c in turns)]}


def test_what_the_system_says_in_all_chats_does_not_make_them_alike(tmp_path):
    one, other = chat(CONTEXT, "How do I return a parcel?", "Print the label."), chat(CONTEXT, "Hi", "Good day to you")
    again = chat("You are another.", *(message["content"] for message in one["messages"][1:]))
    rows, dropped = cleaned_rows(tmp_path, "chat", [one, other, again])
    assert rows == [one, other]
    assert json.loads(dropped)["reason"] == "near-duplicate"


ASKED = "How do I return a parcel that nobody asked for?"


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ((ASKED, "Print the label."), (ASKED.upper(), "Keep what you have got for nothing."), True),
        ((ASKED, "Print the label."), (ASKED, "Which one?", "The red one", "Then it is a present."), True),
        ((ASKED, "Print the label."), ("May I keep it?", "Print the label if not, or keep it"), False),
        (("Hi", "Good day to you"), ("hi", "What may I do?"), True),
        (("Hi", "Good day", "Is it?", "Yes"), ("Hi", "Hello there", "Where is my parcel?", "At our shop"), False),
    ],
)
def test_chats_that_begin_with_the_same_prompt_stay_together(tmp_path, one, other, together):
    rows, _ = cleaned_rows(tmp_path, "chat", [talk(*one), talk(*other), talk("Quite another", "Indeed")])
    ids = [row["id"] for row in Dataset(tmp_path / "cleaned").rows()]
    assert len(rows) == 3
    assert json.loads((tmp_path / "findings" / "clusters.json").read_text()) == ([ids[:2]] if together else [])


def talk(*contents):
    return {"messages": [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]}
