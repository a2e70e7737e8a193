"""Near-duplicates: hardly any is missed, none is made up, and appended texts change nothing."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.clean import near_duplicates
from components.clean.minhash import BANDS, ROWS
from components.clean.near_duplicates import similar_pairs
from components.clean.shingles import shingles
from components.clean.signatures import SignatureIndex, SignatureWriter

WORDS = [f"word{number}" for number in range(3000)]


def pairs_of(texts, threshold, rows=None, parts=1):
    live = np.isin(np.arange(len(texts)), rows) if rows else np.ones(len(texts), bool)
    with tempfile.TemporaryDirectory() as scratch:
        directories = [Path(scratch, str(number)) for number in range(parts)]
        for number, directory in enumerate(directories):
            directory.mkdir()
            writer = SignatureWriter(directory)
            writer.add(texts[len(texts) * number // parts : len(texts) * (number + 1) // parts])
            writer.finish()
        found = similar_pairs(SignatureIndex(directories), live, threshold, Path(scratch))
        return [tuple(pair) for chunk in found for pair in chunk.tolist()]


def set_of(text):
    hashes, sizes = shingles([text])
    assert sizes.tolist() == [len(hashes)]
    return set(hashes.tolist())


def jaccard(one, other):
    one, other = set_of(one), set_of(other)
    return len(one & other) / len(one | other)


def edited(text, share, generator):
    """The text with a share of its words replaced, in places that depend on the generator."""
    words = text.split()
    for place in generator.sample(range(len(words)), max(1, round(share * len(words)))):
        words[place] = generator.choice(WORDS)
    return " ".join(words)


def corpus(size, length, share, seed=5):
    """Texts, each followed by an edited copy of it."""
    generator = random.Random(seed)
    originals = [" ".join(generator.choices(WORDS, k=length)) for _ in range(size)]
    return [text for original in originals for text in (original, edited(original, share, generator))]


@pytest.mark.parametrize(("length", "share"), [(20, 0.05), (60, 0.05), (250, 0.05)])
def test_nearly_all_near_duplicates_are_found(length, share):
    texts = corpus(300, length, share)
    true = {(i + 1, i) for i in range(0, len(texts), 2) if jaccard(texts[i], texts[i + 1]) >= 0.8}
    assert len(true) > 100
    found = set(pairs_of(texts, 0.8))
    assert found <= true
    assert len(found) >= 0.995 * len(true)


def test_most_pairs_of_a_cluster_are_found():
    texts = corpus(400, 60, 0.13)
    true = [i for i in range(0, len(texts), 2) if 0.6 <= jaccard(texts[i], texts[i + 1]) < 0.7]
    assert len(true) > 100
    found = set(pairs_of(texts, 0.6))
    assert sum((i + 1, i) in found for i in true) >= 0.97 * len(true)


@pytest.mark.parametrize("edits", [1, 2, 3])
def test_chinese_pairs_with_a_few_characters_in_a_hundred_edited_are_found(edits):
    generator = random.Random(edits)
    characters = [chr(code) for code in range(0x4E00, 0x5200)]
    originals = ["".join(generator.choices(characters, k=200)) for _ in range(150)]
    copies = [list(original) for original in originals]
    for copy in copies:
        for place in generator.sample(range(200), 2 * edits):
            copy[place] = generator.choice("新的字")
    found = pairs_of([text for pair in zip(originals, map("".join, copies), strict=True) for text in pair], 0.8)
    assert len(found) >= 0.99 * 150


def test_a_text_of_twenty_words_with_one_changed_is_a_near_duplicate():
    text = " ".join(WORDS[:20])
    assert jaccard(text, text.replace(WORDS[9], "other")) == pytest.approx(17 / 21)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Good!", "good"),
        ("a b c d", "A, b - c; d."),
        ("很好，不错的书！推荐", "很好 不错的书推荐"),
        ("!!!", "!!!"),
        ("好", "好。"),
    ],
)
def test_case_and_punctuation_do_not_count(one, other):
    assert jaccard(one, other) == 1


@pytest.mark.parametrize(("one", "other"), [("good", "bad"), ("a b", "b a"), ("!!!", "???"), ("好", "坏"), ("", "x")])
def test_short_texts_that_differ_are_not_alike(one, other):
    assert jaccard(one, other) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" ".join), min_size=2, max_size=14))
def test_similarity_is_the_true_one(texts):
    true = {(j, i) for i, j in itertools.combinations(range(len(texts)), 2) if jaccard(texts[i], texts[j]) >= 0.6}
    assert set(pairs_of(texts, 0.6)) <= true


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=30),
    st.integers(0, 30),
)
def test_appended_texts_change_no_pair_of_those_before(texts, size):
    before = pairs_of(texts[:size], 0.6)
    assert [pair for pair in pairs_of(texts, 0.6) if pair[0] < size] == before


def test_pairs_are_told_once_in_order_and_only_of_the_rows_asked_for():
    texts = ["x y z w", "other words here now", "x y z w", "x y z w"]
    assert pairs_of(texts, 0.8) == [(2, 0), (3, 0), (3, 2)]
    assert pairs_of(texts, 0.8, rows=[0, 1, 3]) == [(3, 0)]
    assert pairs_of(texts, 0.8, rows=[0]) == []
    assert pairs_of([], 0.8) == []


MIXED = st.text("ab \n.好书很ßÉé１ıไทย\U00020000", max_size=14)


@settings(max_examples=60, deadline=None)
@given(st.lists(MIXED, min_size=1, max_size=12))
def test_a_text_has_the_same_shingles_whatever_stands_beside_it(texts):
    hashes, sizes = shingles(texts)
    assert [set(part.tolist()) for part in np.split(hashes, np.cumsum(sizes)[:-1])] == [set_of(text) for text in texts]


@pytest.mark.parametrize("text", ["one two one three", "a, b c a B", "大家好才是真的好大家好才", "x", "好", "!", ""])
def test_shingles_are_as_many_as_there_are_different_pieces(text):
    words = "".join(character if character.isalnum() else " " for character in text.lower()).split()
    if text[:1] > "\u3000":
        pieces = {text[place : place + 3] for place in range(len(text) - 2)}
    else:
        pieces = set(itertools.pairwise(words))
    assert len(set_of(text)) == max(1, len(pieces))


@pytest.mark.parametrize("limits", [{"SORTED_KEYS": 20}, {"WAITING_ROWS": 30}, {"PAIR_SHINGLES": 500}])
@pytest.mark.parametrize("parts", [1, 3, 8])
def test_pairs_do_not_depend_on_parts_or_limits(monkeypatch, limits, parts):
    texts = corpus(60, 30, 0.1)
    expected = pairs_of(texts, 0.6)
    assert len(expected) > 40
    for name, value in limits.items():
        monkeypatch.setattr(near_duplicates, name, value)
    assert pairs_of(texts, 0.6, parts=parts) == expected


def test_many_copies_are_tied_without_comparing_all_with_all():
    pairs = pairs_of(["the same five words here"] * 500, 0.8)
    assert {later for later, _ in pairs} == set(range(1, 500))
    assert len(pairs) < 500 * 6


def test_bands_let_through_what_the_docstring_says():
    def missed(similarity):
        return (1 - similarity**ROWS) ** BANDS

    assert 1 / missed(0.6) == pytest.approx(85, rel=0.1)
    assert 1 / missed(0.7) == pytest.approx(6_600, rel=0.1)


def test_hashes_do_not_depend_on_the_process():
    program = (
        "from components.clean.shingles import shingles\n"
        "print([part.tolist() for part in shingles(['a b c 好', '不错的书啊'])])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
