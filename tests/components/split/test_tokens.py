"""Token statistics, and vocabularies that come out the same each time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tokenizers import Tokenizer

from components.shared.errors import UserError
from components.shared.vocabulary import KINDS, train_vocabulary
from components.split.tokens import TokenCounter

TEXTS = [f"Der {n}. Text of a small corpus, número {n * n}: 这部电影 {'sehr ' * (n % 5)}gut!" for n in range(400)]
ROWS = [(text, "pn"[n % 2]) for n, text in enumerate(TEXTS)]
AGAIN = """
import sys
from pathlib import Path
from components.shared.vocabulary import train_vocabulary
train_vocabulary(eval(sys.stdin.read()), sys.argv[1], 500, Path(sys.argv[2]))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_vocabulary_in_every_process(tmp_path, kind):
    size = train_vocabulary(TEXTS, kind, 500, tmp_path / "here")
    assert 300 <= size <= 500
    for number in "12":
        place = tmp_path / number
        subprocess.run([sys.executable, "-c", AGAIN, kind, str(place)], input=repr(TEXTS), text=True, check=True)
        assert (place / "tokenizer.json").read_bytes() == (tmp_path / "here" / "tokenizer.json").read_bytes()
    tokenizer = Tokenizer.from_file(str(tmp_path / "here" / "tokenizer.json"))
    ids = tokenizer.encode(TEXTS[7]).ids
    assert "".join(tokenizer.decode(ids).lower().split()) == "".join(TEXTS[7].lower().split()).replace(
        "ú", "u" if kind == "wordpiece" else "ú"
    )


def test_a_vocabulary_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(UserError, match="10 tokens are too few"):
        train_vocabulary(TEXTS, "bpe", 10, tmp_path)
    with pytest.raises(UserError, match="there is no text to train on"):
        train_vocabulary([], "unigram", 9000, tmp_path)


def test_tokens_cut_and_unknown_are_counted(tmp_path):
    train_vocabulary(["abc abd abe"] * 50, "wordpiece", 300, tmp_path)
    counter = TokenCounter(str(tmp_path), 4)
    for text in ["abc", "abc abc", "abc abc abc", "ж"]:
        counter.add("train", text)
    assert counter.summary() == {
        "train": {
            "tokens": 15,
            "median": 4,
            "p95": 4,
            "longest": 5,
            "cut_share": 0.25,
            "lost_share": 1 / 15,
            "unknown_share": 1 / 15,
        }
    }


def test_the_report_and_the_statistics_tell_of_tokens(divided, tmp_path):
    train_vocabulary(TEXTS, "bpe", 400, tmp_path / "tokenizer")
    found = divided(ROWS, tokenizer=str(tmp_path / "tokenizer"), max_tokens=20)
    numbers = found.statistics["tokens"]
    assert set(numbers) == {"train", "validation", "test"}
    assert numbers["test"]["unknown_share"] == 0
    assert 0 < numbers["test"]["lost_share"] < numbers["test"]["cut_share"] <= 1
    assert "Training on 20 tokens cuts" in found.report
    digest = found.dataset.manifest.digest
    assert divided(ROWS).dataset.manifest.digest == digest


def test_a_tokenizer_that_does_not_know_the_texts_is_pointed_out(divided, tmp_path):
    train_vocabulary(["只有中文"], "wordpiece", 300, tmp_path / "tokenizer")
    known = [(f"中{'文' * number}", label) for number, (_, label) in enumerate(ROWS)]
    told = "The tokenizer does not know"
    assert told in divided(ROWS, tokenizer=str(tmp_path / "tokenizer")).report
    assert told not in divided(known, tokenizer=str(tmp_path / "tokenizer")).report


def test_what_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    for address, told in (
        (str(tmp_path), "no tokenizer can be read"),
        (str(tmp_path / "none"), "no such file or directory"),
        ("hf://owner/name", "is not on this machine"),
    ):
        with pytest.raises(UserError, match=told):
            TokenCounter(address, 10)
