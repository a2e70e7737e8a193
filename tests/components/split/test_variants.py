"""Variants of training texts: seeded, of the asked-for kind, in both languages, never in a placeholder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.shared.records import text_key
from components.split.config import EDITS, Config
from components.split.variants import Variants

ENGLISH = "This is a very good movie with a funny story, and the actor is great."
CHINESE = "这部电影非常好看，演员也很优秀，我喜欢这个故事。"


def variants(**options):
    paths = dict.fromkeys(("cleaned", "findings", "splits", "card", "report"), Path())
    return Variants(Config(task="classification", **paths, **{"augment": ",".join(EDITS), **options}))


def made(text, number=0, **options):
    found = variants(**options).of({"text": text, "label": "p"}, text_key(text), number)
    return found and found[0]["text"]


def test_the_same_seed_makes_the_same_variants_everywhere():
    texts = [made(text, number) for text in (ENGLISH, CHINESE) for number in range(4)]
    assert texts == [made(text, number) for text in (ENGLISH, CHINESE) for number in range(4)]
    assert texts == EXPECTED
    assert texts != [made(text, number, augment_seed=1) for text in (ENGLISH, CHINESE) for number in range(4)]


def test_operations_take_turns():
    ways = [variants().of({"text": ENGLISH}, b"\0", number)[1] for number in range(8)]
    assert ways == [*EDITS, *EDITS]
    assert {variants().of({"text": ENGLISH}, bytes([end]), 0)[1] for end in range(4)} == {*EDITS}


def test_an_operation_that_changes_nothing_passes_its_turn_on():
    assert variants().of({"text": "qwerty asdf"}, b"\0", 0)[1] == "deletion"


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_each_operation_does_what_it_says(text):
    spaced = text.replace(" ", "")
    deleted = made(text, augment="deletion", augment_rate=0.3)
    assert len(deleted) < len(text)
    swapped = made(text, augment="swap", augment_rate=0.3)
    assert sorted(swapped) == sorted(text)
    misspelt = made(text, augment="noise", augment_rate=0.3)
    assert 0 < abs(len(misspelt) - len(text)) + (misspelt != text) < len(spaced)
    replaced = made(text, augment="synonym", augment_rate=1.0)
    assert ("movie" in text) == ("movie" not in replaced and "电影" not in replaced and text is ENGLISH)


def test_the_longest_chinese_word_is_replaced_and_capitals_stay():
    assert made("十分好看", augment="synonym", augment_rate=1.0) in {
        "很漂亮",
        "非常漂亮",
    }
    assert made("女孩子十分钟", augment="synonym") is None
    assert made("Movie of a mov", augment="synonym") in {"Film of a mov", "Picture of a mov"}


def test_articles_and_synonyms_go_together():
    assert made("a funny one", augment="synonym") == "a humorous one"
    assert made("an interesting one", augment="synonym") in {"an engaging one", "an absorbing one"}
    assert made("an entire one", augment="synonym") is None


NEGATED = [
    (
        "It isn't good and it doesn’t work, not good, never good",
        ("isn't good", "doesn’t work", "not good", "never good"),
    ),
    ("还是很不错的，没有毛病，不可能更好，值得看2天", ("不错", "没有", "不可", "2")),
]


@pytest.mark.parametrize(("text", "kept"), NEGATED)
@pytest.mark.parametrize("operation", EDITS)
def test_negations_and_numbers_stay_with_the_word_behind_them(text, kept, operation):
    for number in range(30):
        found = made(text, number, augment=operation, augment_rate=0.7)
        assert found is None or all(found.count(one) == text.count(one) for one in kept)


def test_words_are_not_swapped_across_punctuation():
    for number in range(10):
        assert made("one two, three four", number, augment="swap") in {"two one, three four", "one two, four three"}


def test_further_synonyms_are_used():
    assert made("my widget", augment="synonym", synonyms="widget|gadget, 一|二") == "my gadget"


@given(st.lists(st.sampled_from(["<EMAIL>", "<PHONE_1a2b>", "word", "电影", "good", "  ", ",", "\n"]), min_size=1))
def test_placeholders_and_words_survive(pieces):
    text = "".join(pieces)
    for number in range(4):
        found = made(text, number, augment_rate=0.9)
        assert found is None or found.strip()
        if found:
            assert found.count("<EMAIL>") == text.count("<EMAIL>")
            assert found.count("<PHONE_1a2b>") == text.count("<PHONE_1a2b>")


@pytest.mark.parametrize("text", ["word", "...", "<EMAIL>", "好"])
def test_what_cannot_be_varied_has_no_variant(text):
    assert made(text, augment="deletion") is None
    assert made(text, augment="swap") is None


def test_what_a_person_wrote_is_changed_and_nothing_else():
    chat = {"messages": [{"role": "user", "content": ENGLISH}, {"role": "assistant", "content": ENGLISH}]}
    found, _ = variants().of(chat, b"key", 1)
    assert found["messages"][0]["content"] != ENGLISH
    assert found["messages"][1] == chat["messages"][1]
    asked = {"question": ENGLISH, "context": ENGLISH, "answers": []}
    found, _ = variants().of(asked, b"key", 1)
    assert found["question"] != ENGLISH == found["context"]
    found, _ = variants().of({"source": ENGLISH, "target": CHINESE}, b"key", 1)
    assert found["source"] != ENGLISH
    assert found["target"] == CHINESE


EXPECTED = [
    "This is very good movie with a story, and actor is great.",
    "This is a very good movie with funny story a, and actor the great is.",
    "This is a very ogod movie with a funny story, and the actor is great.",
    "This is a very fine movie with a funny narrative, and the performer is great.",
    "这部电影非常好看看，演员也很优秀，我喜欢这这个故事事。",
    "这部片子非常好看，演员也很优秀，我喜爱这个故事。",
    "这部电非常看，员也很秀，我喜欢个故事。",
    "这部电影非常好看，演员也很优秀，我喜欢这个事故。",
]
"""A change of these changes every dataset with variants."""
