"""Canonical records: their columns, and why something is none."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.shared.errors import UserError
from components.shared.records import columns_of, defect, text_key


def test_columns_of_a_task():
    assert columns_of("classification") == {"text": "string", "label": "string"}
    assert columns_of("classification", ["b", "a"])["meta"] == {"a": "string", "b": "string"}


def test_unknown_task():
    with pytest.raises(UserError, match=r"task: 'sing' is not known\..*classification"):
        columns_of("sing")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"text": "不好 😀"}, ""),
        ({"text": None}, "text is missing"),
        ({"label": float("nan")}, "label is missing"),
        ({"text": 5}, "text is not a text"),
        ({"text": b"x"}, "text is not a text"),
        ({"text": " \n\u3000"}, "text is empty"),
        ({"label": ""}, "label is empty"),
        ({"text": "\ud800"}, "text is not valid Unicode"),
    ],
)
def test_defects(changes, reason):
    assert defect("classification", {"text": "x", "label": "a", **changes}) == reason


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Good  film", "good film\n", True),
        ("STRASSE", "straße", True),
        ("不 好", "不\u3000好", True),
        ("good film", "good film.", False),
        ("goodfilm", "good film", False),
    ],
)
def test_text_key_folds_case_and_white_space_only(one, other, same):
    assert (text_key(one) == text_key(other)) is same


@given(st.lists(st.sampled_from(["A", "b", " ", "\t", "\n", "\x1c", "\xa0", "ß", "."]), max_size=8).map("".join))
def test_text_key_is_the_hash_of_words_with_single_spaces(text):
    words = " ".join(text.casefold().split())
    assert text_key(text) == hashlib.blake2b(words.encode(), digest_size=16).digest()
