"""Cleaning as a whole: what is kept, what is dropped and why."""

from __future__ import annotations

import pytest

from components.shared.errors import UserError

LONG = "this film is one of the best that I have seen in many years , and the actors are great too ."
PAIR = [("good film", "pos"), ("bad film", "neg")]


def test_kept_rows_stay_in_order_and_changes_are_counted(clean):
    result = clean([("Great!<br />Really", "pos"), ("schÃ¶n  ", "pos"), ("write to me@x.org", "neg")])
    assert result.texts == ["Great!\nReally", "schön", "write to <EMAIL>"]
    assert result.dropped == []
    assert result.counts["changed"] == {"markup": 1, "unicode repair": 1, "white space": 1, "personal data": 1}
    assert result.counts["personal_data"] == {"EMAIL": 1}


@pytest.mark.parametrize(
    ("rows", "options", "dropped"),
    [
        ([("<br>", "pos")], {}, [("", "empty after cleaning")]),
        ([("ok", "pos")], {"min_chars": 3}, [("ok", "too short")]),
        ([("far too long a text", "pos")], {"max_chars": 10}, [("far too long a text", "too long")]),
        ([("GOOD   film", "pos")], {}, [("GOOD film", "exact duplicate")]),
        ([("Good, film!", "pos")], {}, [("Good, film!", "near-duplicate")]),
        ([("Good, film!", "neg")], {}, [("Good, film!", "near-duplicate with another label")]),
    ],
)
def test_dropped_rows_have_a_reason(clean, rows, options, dropped):
    result = clean([*PAIR, *rows], **options)
    assert result.texts == ["good film", "bad film"]
    assert result.dropped == dropped
    assert result.counts["dropped"] == {dropped[0][1]: 1}


def test_duplicates_with_conflicting_labels_are_dropped_altogether(clean):
    result = clean([*PAIR, ("same", "pos"), ("Same", "pos"), ("same", "neg")])
    assert result.texts == ["good film", "bad film"]
    assert {reason for _, reason in result.dropped} == {"duplicates with conflicting labels"}


@pytest.mark.parametrize(
    ("option", "row", "kept"),
    [
        ("markup", ("<br>x", "pos"), "<br>x"),
        ("unicode_repair", ("schÃ¶n", "pos"), "schÃ¶n"),
        ("personal_data", ("a@b.org", "pos"), "a@b.org"),
        ("exact_duplicates", ("good film", "pos"), "good film"),
        ("conflicting_labels", ("good film", "neg"), "good film"),
        ("near_duplicates", ("good film!", "pos"), "good film!"),
    ],
)
def test_each_operation_can_be_left_out(clean, option, row, kept):
    others = {"exact_duplicates": False, "near_duplicates": False} if "dup" in option or "label" in option else {}
    result = clean([*PAIR, row], **{**others, option: False})
    assert result.texts == ["good film", "bad film", kept]


def test_kept_texts_that_are_alike_form_a_cluster(clean):
    alike = LONG.replace("great", "fine").replace("years", "months")
    result = clean([*PAIR, (LONG, "pos"), (alike, "pos")])
    assert result.clusters == [[LONG, alike]]
    assert result.dropped == []


def test_copies_are_counted_for_kept_texts(clean):
    result = clean([*PAIR, ("good film", "pos"), ("GOOD film", "pos"), ("x", "pos"), ("x", "neg")])
    assert result.counts["copies"] == {"1": 1, "3": 1}
    assert result.counts["labels_in"] == {"neg": 2, "pos": 4}
    assert result.counts["labels_out"] == {"neg": 1, "pos": 1}


def test_appended_rows_drop_no_row_that_was_kept(clean):
    rows = [*PAIR, (LONG, "pos"), (LONG.replace("best", "worst"), "pos"), ("unlike all others", "neg")]
    before = clean(rows).texts
    after = clean([*rows, (LONG.replace("actors", "players"), "pos"), ("unlike all others!", "neg")]).texts
    assert after[: len(before)] == before


def test_nothing_left(clean, tmp_path):
    with pytest.raises(UserError, match=r"none of 2 rows is left.*too short \(2\)"):
        clean(PAIR, min_chars=100)
    assert not (tmp_path / "cleaned").exists()


def test_one_label_left(clean):
    with pytest.raises(UserError, match="only rows of the label 'neg' are left"):
        clean([("good", "pos"), ("bad film", "neg")], min_chars=5)


def test_report_escapes_what_comes_from_data(clean):
    result = clean([*PAIR, ("good <script>alert(1)</script>", "<i>")], markup=False, max_chars=9)
    assert "<script>alert" not in result.report
    assert "&lt;script&gt;alert" in result.report
    assert "<i>" not in result.report


def test_report_shows_counts_and_examples(clean):
    report = clean([*PAIR, ("good film", "pos")]).report
    assert "exact duplicate" in report
    assert report.count("<svg") == 2
