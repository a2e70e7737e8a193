"""Texts that are strange, broken or made to harm: each ends in a right result or in one line."""

from __future__ import annotations

import pytest

from components.clean.config import Config
from components.clean.operations import Operations
from components.shared.errors import UserError

PAIR = [("good film", "pos"), ("bad film", "neg")]


STRANGE = {
    "שלום עולם, זה סרט טוב": "שלום עולם, זה סרט טוב",
    "\u202bفيلم جميل\u202c جدا": "فيلم جميل جدا",
    "👍🏽👨\u200d👩\u200d👧 🇨🇳": "👍🏽👨\u200d👩\u200d👧 🇨🇳",
    "z\u0351\u0352a\u0354l\u0355g\u0356o": "z\u0351\u0352a\u0354l\u0355g\u0356o",
    "a\ufffdb and \uffff": "a\ufffdb and \uffff",
    "nul\x00l bytes": "null bytes",
    "<b>not closed": "not closed",
    "<script>alert(1)</script>shown": "shown",
    "</p></div></body>tail": "tail",
    "<a href='x' onclick=\"y('>')\">link</a>": "link",
    "&#xD800;&#0;&#x110000; x": "\ufffd\ufffd\ufffd x",
    "&lt;script&gt;": "<script>",
    "<div>" * 3_000 + "deep": "deep",
    "<div>" * 200_000 + "&amp; deeper": "& deeper",
    "@" * 5_000: "@" * 5_000,
    "a@" * 4_000: "a@" * 4_000,
    "1-" * 5_000: "1-" * 4_999 + "1-",
    "::" * 5_000: "::" * 5_000,
    "http://" + "a:" * 5_000: "http://" + "a:" * 5_000,
    "<" * 9_000: "<" * 9_000,
    "&" * 9_000: "&" * 9_000,
    "Ã" * 9_000: "Ã" * 9_000,
}
NO_TEXTS = {
    "x" * 20_001: "too long",
    "word " * 400_000: "too long",
    "<p></p><br>": "empty after cleaning",
    "\u200b\u202e\ufeff \u3000": "empty after cleaning",
    "<style>p {}</style><script>x()</script>": "empty after cleaning",
    "jane@x.org, 13812345678": "nothing but personal data",
}


def test_strange_texts_are_kept_as_they_are_meant(clean):
    result = clean([*PAIR, *((text, "pos") for text in STRANGE)], near_duplicates=False)
    assert result.dropped == []
    for made, meant in zip(result.texts[2:], STRANGE.values(), strict=True):
        assert made == meant


def test_what_is_no_text_is_dropped_with_its_reason(clean):
    result = clean([*PAIR, *((text, "pos") for text in NO_TEXTS)])
    assert [reason for _, reason in result.dropped] == list(NO_TEXTS.values())


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("<br>", "pos"), ("\u200b", "neg")], r"none of 2 rows is left.*empty after cleaning \(2\)"),
        ([("same", "pos")] * 5, "only rows of the label 'pos' are left"),
        ([("same", "pos"), ("Same", "neg")], r"none of 2 rows.*conflicting labels \(2\)"),
        ([("a@b.org", "pos"), ("8.8.8.8", "neg")], r"none of 2 rows.*nothing but personal data \(2\)"),
        ([("good", "pos"), ("", "neg")], "only rows of the label 'pos' are left"),
    ],
)
def test_a_dataset_of_which_too_little_is_left_is_refused_in_one_line(clean, tmp_path, rows, told):
    with pytest.raises(UserError, match=told) as error:
        clean(rows)
    assert "\n" not in error.value.line
    assert not (tmp_path / "cleaned").exists()


@pytest.mark.parametrize("surrogate", ["\ud800", "a\udfffb", "\ud83d\ud83d text"])
def test_lone_surrogates_go_wherever_they_come_from(surrogate):
    unset = dict.fromkeys(("raw", "cleaned", "findings", "report"))
    everything = {"quality_rules": "gopher,c4,fineweb,chinese", "languages": "en", "personal_data_key": "published"}
    operations = Operations(Config(task="causal_lm", **unset, **everything))
    made = operations.clean(f"<p>{surrogate}</p>")
    made.encode()
    assert isinstance(operations.defect({"text": surrogate}), str)
