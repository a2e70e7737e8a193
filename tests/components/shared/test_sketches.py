"""Samples of two datasets can be compared: exactly while all rows fit in, nearly beyond."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.shared.sketches import Sketch, compared

ROWS = st.dictionaries(st.integers(0, 60), st.tuples(st.sampled_from(["train", "test"]), st.sampled_from("pn")))


def sketch(rows, size=100):
    made = Sketch(size)
    for number, place in rows.items():
        made.add(hashlib.blake2b(str(number).encode(), digest_size=16).digest(), *place)
    return made.to_json()


@given(ROWS, ROWS)
def test_few_rows_are_compared_exactly(old, new):
    common = old.keys() & new.keys()
    assert compared(sketch(old), sketch(new)) == {
        "sampled": len(old.keys() | new.keys()),
        "exact": True,
        "added": len(new.keys() - old.keys()),
        "removed": len(old.keys() - new.keys()),
        "moved": sum(old[one][0] != new[one][0] for one in common),
        "relabelled": sum(old[one][1] != new[one][1] for one in common),
    }


def test_many_rows_are_compared_nearly():
    old = dict.fromkeys(range(20_000), ("train", "p"))
    new = {number: ("train", "n" if number % 10 == 0 else "p") for number in range(4_000, 24_000)}
    found = compared(sketch(old, 1024), sketch(new, 1024))
    assert not found["exact"]
    assert len(sketch(old, 1024)["rows"]) == 1024
    shares = {kind: found[kind] / found["sampled"] for kind in ("added", "removed", "relabelled", "moved")}
    assert shares == pytest.approx({"added": 1 / 6, "removed": 1 / 6, "relabelled": 1 / 15, "moved": 0}, abs=0.04)


def test_order_does_not_matter_and_of_equal_texts_the_first_counts():
    rows = {number: ("train", str(number)) for number in range(500)}
    assert sketch(rows, 50) == sketch(dict(reversed(rows.items())), 50)
    made = Sketch(2)
    made.add(b"a" * 16, "train", "p")
    made.add(b"a" * 16, "test", "n")
    assert made.to_json()["rows"] == {(b"a" * 16).hex(): ["train", "p"]}
