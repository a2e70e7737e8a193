"""Cleaning as a whole: what is kept, what is dropped and why."""

from __future__ import annotations

import json

import pytest

from components.shared.datasets import Dataset, canonical_form
from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.shared.kept_texts import read_kept_texts
from components.shared.manifest import read_manifest
from components.shared.objects import open_store
from components.shared.records import columns_of, text_key
from tests.components.clean.cleaner import write_evaluation

LONG = "this film is one of the best that I have seen in many years , and the actors are great too ."
PAIR = [("good film", "pos"), ("bad film", "neg")]


def test_kept_rows_stay_in_order_and_changes_are_counted(clean):
    result = clean([("Great!<br />Really", "pos"), ("schÃ¶n  ", "pos"), ("write to me@x.org", "neg")])
    assert result.texts == ["Great!\nReally", "schön", "write to <EMAIL>"]
    assert result.dropped == []
    changed = {name: texts for name, texts in result.counts["changed"].items() if texts}
    assert changed == {"markup": 1, "mojibake": 1, "white space": 1, "personal data": 1}
    assert result.counts["personal_data"] == {"EMAIL": 1}


@pytest.mark.parametrize(
    ("rows", "options", "dropped"),
    [
        ([("<br>", "pos")], {}, [("", "empty after cleaning")]),
        ([("ok", "pos")], {"min_chars": 3}, [("ok", "too short")]),
        ([("far too long a text", "pos")], {"max_chars": 10}, [("far too long a text", "too long")]),
        ([("me@x.org, you@x.org", "pos")], {}, [("<EMAIL>, <EMAIL>", "nothing but personal data")]),
        (
            [("Das ist kein guter Film gewesen", "pos")],
            {"languages": "en,zh"},
            [("Das ist kein guter Film gewesen", "in another language")],
        ),
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


def test_keys_and_sizes_of_the_kept_texts_are_told(clean, tmp_path):
    clean([*PAIR, ("  A <b>third</b> film ", "pos"), ("GOOD  film", "pos"), ("第四部电影\n\x01", "neg")])
    cleaned, canonical = Dataset(tmp_path / "cleaned"), canonical_form(columns_of("classification"))
    told = read_kept_texts(tmp_path / "findings", 4)
    assert told["key"].to_pylist() == [text_key(row["text"]) for row in cleaned.rows()]
    assert told["size"].to_pylist() == [len(canonical(row)) for row in cleaned.rows()]
    counts = json.loads((tmp_path / "findings" / "counts.json").read_text())
    assert counts["digest"] == cleaned.manifest.digest


def test_of_duplicates_with_conflicting_labels_the_first_is_left_to_split(clean):
    result = clean([*PAIR, ("same", "pos"), ("Same", "pos"), ("same", "neg"), ("good films", "neg")])
    assert result.texts == ["good film", "bad film", "same", "good films"]
    assert result.counts["disputed"] == [2]
    assert result.dropped == [(text, "duplicates with conflicting labels") for text in ("Same", "same")]


@pytest.mark.parametrize(
    ("option", "row", "kept"),
    [
        ("markup", ("<br>x", "pos"), "<br>x"),
        ("unicode_repair", ("schÃ¶n", "pos"), "schÃ¶n"),
        ("invisible_characters", ("zero\u200bwidth", "pos"), "zero\u200bwidth"),
        ("white_space", ("two  spaces", "pos"), "two  spaces"),
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
    assert result.counts["copies"] == {"1": 1, "2": 1, "3": 1}
    assert result.counts["labels_in"] == {"neg": 2, "pos": 4}
    assert result.counts["labels_out"] == {"neg": 1, "pos": 2}


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
    known = ("This film is one of the best that I have seen in many years, and I have seen many of them.", "pos")
    nearly = (known[0].replace("them.", "them!"), "pos")
    result = clean([*PAIR, known, nearly, known, ("write to jane@example.org", "neg")], personal_data_key="published")
    assert "exact duplicate" in result.report
    assert result.report.count("<svg") == 6, "funnel, lengths, languages, labels, personal data, clusters"
    assert "key of these placeholders is published" in result.report
    row = '<tr><td>exact duplicate</td><td class="number">1</td><td>16.7%</td><td class="number">4</td></tr>'
    assert row in result.report, "the funnel in numbers"
    assert nearly[0] in result.report, "a copy that is not the same is shown"
    assert result.counts["distributions"] == {
        "language": {"en": [4, 2], "not told": [2, 2]},
        "label": {"pos": [4, 2], "neg": [2, 2]},
    }


def test_lines_that_many_texts_have_are_removed(clean):
    footer = "Read more on our site"
    rows = [(f"text number {word}\n{footer}", "pos") for word in ("one", "two", "three")]
    result = clean([*PAIR, *rows], repeated_lines=3, near_duplicates=False)
    assert result.texts == ["good film", "bad film", "text number one", "text number two", "text number three"]
    assert result.counts["changed"]["repeated lines"] == 3
    assert footer in "".join(clean([*PAIR, *rows], repeated_lines=4, near_duplicates=False).texts)


def pinned(path, content):
    path.write_text(content, encoding="utf-8")
    return f"{path}#sha256={sha256_of(path)}"


def test_texts_with_blocked_words_are_dropped(clean, tmp_path):
    words = pinned(tmp_path / "words.txt", "# rude\ndamn\nbloody hell\n混蛋\n")
    rows = [
        ("Damn, what a film", "pos"),
        ("oh bloody  hell no", "pos"),
        ("这个混蛋电影", "pos"),
        ("damnation of Faust", "pos"),
    ]
    result = clean([*PAIR, *rows], blocked_words=words)
    assert result.texts == ["good film", "bad film", "damnation of Faust"]
    assert {reason for _, reason in result.dropped} == {"holds blocked words"}
    assert clean([*PAIR, *rows], blocked_words=words, blocked_word_count=2).dropped == []


def test_texts_that_overlap_an_evaluation_set_are_dropped(clean, tmp_path):
    known = "the quick brown fox jumps over the lazy dog and runs away from the bear"
    texts = write_evaluation(tmp_path / "exams", [known, "another question"])
    leaked = f"as they say, The quick brown fox jumps over the lazy dog, and runs away from us! {LONG}"
    result = clean([*PAIR, (leaked, "pos"), (LONG, "pos")], evaluation_texts=texts, near_duplicates=False)
    assert result.texts == ["good film", "bad film", LONG]
    assert result.counts["dropped"] == {"overlaps the evaluation set": 1}
    assert result.counts["evaluation_texts"] == {"texts": 2, "digest": read_manifest(texts).digest}
    assert "dropped, since they overlap one of its 2 texts: 1" in result.report
    empty = clean(PAIR, evaluation_texts=write_evaluation(tmp_path / "none", []))
    assert "evaluation_texts" not in empty.counts
    assert "Evaluation set" not in empty.report


def test_an_evaluation_set_that_is_not_whole_is_refused(clean, tmp_path):
    texts = write_evaluation(tmp_path / "exams", ["one two three four five six"])
    with (texts / "all-00000.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=r"exams is damaged .all-00000\.parquet.*Run `ingest` again"):
        clean(PAIR, evaluation_texts=texts)
    (texts / "manifest.json").unlink()
    with pytest.raises(UserError, match="not a finished dataset"):
        clean(PAIR, evaluation_texts=texts)
    assert not (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"personal_data_key": "mine"}, "no key 'mine'"),
        ({"blocked_words": "none.txt#sha256=0"}, "no such file"),
    ],
)
def test_what_an_option_names_must_be_there_before_rows_are_read(clean, tmp_path, options, told):
    with pytest.raises(UserError, match=told):
        clean(PAIR, **options)
    assert not (tmp_path / "cleaned").exists()


def test_a_file_with_another_content_than_its_pin_is_refused(clean, tmp_path):
    reference = pinned(tmp_path / "list.txt", "one\n")
    (tmp_path / "list.txt").write_text("two\n")
    with pytest.raises(UserError, match=f"another content.*Give .*{sha256_of(tmp_path / 'list.txt')} if"):
        clean(PAIR, blocked_words=reference)


def test_files_that_options_name_may_lie_in_s3(clean, s3, tmp_path):
    store = open_store(s3)
    words = tmp_path / "words.txt"
    words.write_text("damn\n")
    store.upload(words, "lists/words.txt")
    options = {"blocked_words": f"{s3}/lists/words.txt#sha256={sha256_of(words)}"}
    result = clean([*PAIR, ("damn film", "pos"), ("fine film", "neg")], **options)
    assert result.texts == ["good film", "bad film", "fine film"]
    assert result.dropped == [("damn film", "holds blocked words")]
    store.put("lists/words.txt", b"another\n")
    with pytest.raises(UserError, match=r"words\.txt has another content than is named"):
        clean(PAIR, **options)
    with pytest.raises(UserError, match=r"clean\.blocked_words: no object at"):
        clean(PAIR, blocked_words=f"{s3}/none.txt#sha256=0")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"personal_data_kinds": "email,name"}, "'name' is not known.*email, phone"),
        ({"quality_rules": "golfer"}, "'golfer' is not known.*gopher"),
        ({"quality_rules": "c4", "quality_limits": "min_words=3"}, "'min_words' is not known.*min_sentences"),
        ({"quality_rules": "c4", "quality_limits": "min_sentences=few"}, "'few' is not a number"),
        ({"quality_rules": "c4", "quality_limits": "min_sentences=nan"}, "'nan' is not a number"),
        ({"quality_limits": "min_words=3"}, "no rules are chosen"),
        ({"blocked_words": "words.txt"}, "words.txt is not pinned.*sha256sum"),
        ({"blocked_words": "words.txt#etag=1"}, "not pinned by sha256"),
        ({"languages": "en,xx"}, "'xx' is not known.*zh"),
        ({"normal_form": "NFD"}, "'NFD' is not known"),
    ],
)
def test_options_are_checked_when_they_are_given(clean, options, told):
    with pytest.raises(UserError, match=told):
        clean(PAIR, **options)
