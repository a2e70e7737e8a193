"""Records that cannot be rows are rejected with their place and reason, and the others are kept."""

from __future__ import annotations

import json

import pytest

from components.shared.errors import UserError

GOOD_CSV = "text,label\ngood,pos\nbad,neg\n"
GOOD_JSON = '{"text": "good", "label": "pos"}\n{"text": "bad", "label": "neg"}\n'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("one field", "wrong number of fields"),
        ("a,b,c", "wrong number of fields"),
        ('"broken"quote,pos', "broken quotes"),
        ('"never closed,pos', "broken quotes"),
        (b"caf\xe9,pos", "not valid UTF-8"),
        (",pos", "text is empty"),
        ("   ,pos", "text is empty"),
        ("x,", "label is missing"),
        ("x,NaN", "label is missing"),
        ("x,nan", "label is missing"),
    ],
)
def test_csv(ingest, line, reason):
    raw = line if isinstance(line, bytes) else line.encode()
    result = ingest({"a.csv": GOOD_CSV.encode() + raw + b"\n"})
    assert result.rejects == [("a.csv", 4, reason)]
    assert [row["text"] for row in result.rows] == ["good", "bad"]


def test_reading_goes_on_after_broken_quotes(ingest):
    result = ingest({"a.csv": GOOD_CSV + '"a"b,neg\nlast,pos\n'})
    assert result.rows[-1] == {"text": "last", "label": "pos"}


def test_a_quote_that_is_never_closed_counts_for_each_line_it_swallows(ingest):
    result = ingest({"a.csv": GOOD_CSV + '"open,pos\n' + "x,pos\n" * 9})
    assert result.counts["rejected"] == 10


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "x", "label": NaN}', "NaN is not valid JSON"),
        ('{"text": "x", "label": -Infinity}', "-Infinity is not valid JSON"),
        ('{"text": "x", "text": "y", "label": "a"}', "a key is given twice"),
        ('{"text": "\\ud800", "label": "a"}', "lone surrogate in a text"),
        ('{"text": "x", "label": "a", "z": {"\\udfff": 1}}', "lone surrogate in a text"),
        ('{"text": "x"', "not valid JSON"),
        ('["x", "a"]', "not a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"text": "\xff", "label": "a"}', "not valid UTF-8"),
        ('{"text": 5, "label": "a"}', "text is not a text"),
        ('{"text": null, "label": "a"}', "text is missing"),
        ('{"text": "x", "label": ["a"]}', "label is not a text"),
        ('{"text": "x", "label": null}', "label is missing"),
        ('{"text": "x", "note": "no label"}', "label is missing"),
        ('{"text": "x", "label": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_json(ingest, line, reason):
    raw = line if isinstance(line, bytes) else line.encode()
    result = ingest({"a.jsonl": GOOD_JSON.encode() + raw})
    assert result.rejects == [("a.jsonl", 3, reason)]
    assert len(result.rows) == 2


def test_escaped_pairs_of_surrogates_are_characters(ingest):
    result = ingest({"a.jsonl": GOOD_JSON + '{"text": "\\ud83d\\ude00", "label": "pos"}'})
    assert result.rows[-1]["text"] == "😀"


def test_lines_that_are_not_utf8(ingest):
    result = ingest({"neg.txt": b"ok\nna\xefve\n", "pos.txt": "naïve"}, label_column="file")
    assert result.rejects == [("neg.txt", 2, "not valid UTF-8")]


def test_labels_outside_the_map(ingest):
    result = ingest({"a.csv": GOOD_CSV + "hm,maybe\n"}, label_map="pos=1,neg=0")
    assert result.rejects == [("a.csv", 4, "label 'maybe' is not in label_map")]


def test_rejects_are_listed_and_counted_also_when_there_are_too_many(ingest, tmp_path):
    from components.shared.errors import UserError

    with pytest.raises(UserError) as caught:
        ingest({"a.csv": GOOD_CSV + "x,nan\n,pos\ny,nan\n"}, max_reject_share=0.5)
    line = caught.value.line
    assert "3 of 5 records (60.0%)" in line
    assert "label is missing (2 times, first in a.csv line 4)" in line
    assert "ingest.max_reject_share" in line
    counts = json.loads((tmp_path / "rejects" / "counts.json").read_text())
    assert counts["reasons"] == {"label is missing": 2, "text is empty": 1}
    assert not (tmp_path / "raw").exists()


def test_too_many_records_in_another_encoding_lead_to_its_option(ingest):
    from components.shared.errors import UserError

    with pytest.raises(UserError, match=r"not valid UTF-8 .* name ingest\.encoding or allow more$"):
        ingest({"a.csv": GOOD_CSV.encode() + "à,neg\n".encode("cp1252")}, max_reject_share=0.01)


def test_records_that_where_leaves_out_are_told_beside_the_rejected(ingest):
    content = "text,label,lang\ngood,pos,de\nbad,neg,de\nbroken\n"
    with pytest.raises(UserError, match=r"1 of 1 records .* more than 1\.0% \(`where` leaves out 2 others\): wrong"):
        ingest({"a.csv": content}, where="lang=en", max_reject_share=0.01)
