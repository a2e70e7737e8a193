"""Sources that cannot give a dataset end in one line with the place, the value and the remedy."""

from __future__ import annotations

import pytest

from components.ingest.config import Config
from components.shared import options
from components.shared.errors import UserError
from components.shared.written_lists import pairs


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        ({"a.csv": "txt,label\nx,a\n"}, {}, "a.csv: no column 'text'; the columns are 'txt', 'label'"),
        ({"a.csv": "text;label\nx;a\n"}, {}, "a.csv: no column 'text'; the columns are 'text;label'"),
        ({"a.jsonl": '{"text": "x"}'}, {}, "a.jsonl: no column 'label'; the columns are 'text'"),
        ({"a.txt": "x"}, {}, "a.txt: no column 'label'; the columns are 'text', 'file'"),
        ({"a.csv": "text,label\nx,a\n"}, {"meta_columns": "site"}, "no column 'site'"),
        ({"a.csv": "text,label\nx,a\n"}, {"where": "lang=en"}, "no column 'lang'"),
        ({"a.csv": "text,text,label\nx,y,a\n"}, {}, "the column 'text' is there twice"),
        ({"a.csv": b"text,l\xe4bel\nx,a\n"}, {}, "a.csv: the first line is not valid UTF-8"),
        ({"a.csv": '"text"x,label\n'}, {}, "the first line has broken quotes"),
        ({"a.csv": ""}, {}, "the columns are none, the file is empty"),
        ({"a.csv": "text,label\n"}, {}, "holds no record"),
        ({"a.jsonl": ""}, {}, "holds no record"),
        ({"a.jsonl": "<html>"}, {}, "are rejected: not valid JSON (1 times, first in a.jsonl line 1)"),
        ({"a.csv": "text,label\nx,a\ny,a\n"}, {}, "all 2 rows have the label 'a'"),
        ({"a.csv": "text,label\nx,a\ny,b\n"}, {"where": "label=c"}, "none of 2 records"),
        ({"a.xlsx": "PK"}, {}, "a.xlsx: .xlsx is not a known format"),
        ({"a.parquet": "PAR1 and nothing"}, {}, "a.parquet: cannot be read as Parquet"),
        ({"a.csv": "text,label\nx,a\n"}, {"files": "*.tsv"}, "matches '*.tsv'"),
        (
            {"a.csv": "text,label\nx,a\n"},
            {"files": "[z-a]"},
            "ingest.files: '[z-a]' is not a glob (bad character range",
        ),
        ({"a.csv": "text,label\nx,a\n"}, {"task": "sing"}, "task: 'sing' is not known"),
    ],
)
def test_one_line_that_names_the_place(ingest, tmp_path, files, settings, message):
    with pytest.raises(UserError) as caught:
        ingest(files, **settings)
    assert message in caught.value.line
    assert caught.value.remedy
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("text", ["a", "=b", "a=b,c", "a=b,a=c"])
def test_pairs_must_be_pairs(text):
    with pytest.raises(UserError, match=r"ingest\.where"):
        pairs(text, "ingest.where")


def test_pairs_are_checked_with_the_options():
    with pytest.raises(UserError, match=r"ingest\.label_map: '1' is not a name=value pair"):
        options.check_options(Config, '{"label_map": "0=negative,1"}')
    with pytest.raises(UserError, match="renamed to nothing"):
        options.check_options(Config, '{"label_map": "0="}')


def test_source_in_s3_that_changed_after_it_was_resolved(ingest, s3):
    from components.shared.objects import open_store
    from components.shared.s3_source import pin_s3

    open_store(s3).put("a.csv", b"text,label\nx,a\n")
    reference = str(pin_s3(f"{s3}/a.csv", "source"))
    open_store(s3).put("a.csv", b"text,label\ny,a\n")
    with pytest.raises(UserError, match="not what it was"):
        ingest.reference(reference)
