"""Rows whose labels are contradicted by what is appended: through `clean` and `split`, from rows to sets."""

from __future__ import annotations

import pytest

from components.clean.config import Config as CleanConfig
from components.clean.core import run as clean
from components.shared.datasets import Dataset
from components.shared.records import text_key
from components.split.config import Config as SplitConfig
from components.split.core import run as split
from components.split.draws import SPLITS, TEST, TRAIN, fractions


def text_of(number, changed=0):
    """A text of 20 words; with two of them changed it is alike but kept, at a similarity of .65."""
    return " ".join(f"word{number}x{place}{'changed' * (place in (5, 12)[:changed])}" for place in range(20))


def is_drawn_for_test(text):
    return fractions([text_key(text)], 1, "evertune", "split")[0] < 0.2


FIRST = next(n for n in range(99) if is_drawn_for_test(text_of(n)) and not is_drawn_for_test(text_of(n, changed=2)))
"""A text of the test set; the one like it is there for that only."""
ROWS = [(text_of(FIRST), "p"), (text_of(FIRST, changed=2), "n"), *((text_of(n), "pn"[n % 2]) for n in range(100, 160))]
OTHER = {"p": "n", "n": "p"}


@pytest.fixture
def sets(tmp_path, write_rows):
    """The split of each text of these rows."""

    def made(rows, **options):
        write_rows(tmp_path / "raw", {"all": rows})
        outputs = {name: tmp_path / name for name in ("cleaned", "findings", "report")}
        clean(CleanConfig(raw=tmp_path / "raw", task="classification", processes=1, **outputs))
        outputs = {name: tmp_path / name for name in ("cleaned", "findings", "splits", "card", "report")}
        split(SplitConfig(task="classification", **outputs, **options))
        return {row["text"]: name for name in SPLITS for row in Dataset(tmp_path / "splits").rows(name)}

    return made


@pytest.mark.parametrize("options", [{}, {"stratify": "label"}])
def test_labels_contradicted_later_take_rows_out_of_train_and_validation_only(sets, options):
    before = sets(ROWS, **options)
    assert before[text_of(FIRST)] == before[text_of(FIRST, changed=2)] == TEST or options
    contradicted = dict(ROWS[::4])
    after = sets([*ROWS, *((text.upper(), OTHER[label]) for text, label in contradicted.items())], **options)
    assert {before[text] for text in contradicted} >= {TRAIN, TEST}
    assert after == {text: name for text, name in before.items() if text not in contradicted or name == TEST}
