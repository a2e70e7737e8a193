"""Whole tables of records become the same rows, rejects and bytes as the records one by one."""

from __future__ import annotations

import io
import json
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import compute, parquet

from components.ingest import core
from components.ingest.json_tables import LineTables
from components.ingest.record import singly
from components.ingest.row_ids import identified
from components.shared.canonical import sizes_of
from components.shared.datasets import Dataset, DatasetWriter, arrow_schema, canonical_form, row_id
from components.shared.errors import UserError
from components.shared.records import columns_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\r\t\b\0\x1f 好'), max_size=20)
ROWS = [(f'text {n}, "quoted" \\ and {"more " * (n % 60)}', "no" if n % 3 else " yes ", n % 4) for n in range(3000)]
LINES = [json.dumps({"text": text, "label": label, "site": str(site)}) + "\n" for text, label, site in ROWS]


def as_csv(rows):
    quoted = (text.replace('"', '""') for text, _, _ in rows)
    return "text,label,site\n" + "".join(
        f'"{text}",{label},{site}\n' for text, (_, label, site) in zip(quoted, rows, strict=True)
    )


def as_parquet(rows):
    file = io.BytesIO()
    names = ("text", "label", "site")
    parquet.write_table(pa.table({name: [row[n] for row in rows] for n, name in enumerate(names)}), file)
    return file.getvalue()


@pytest.fixture
def both(ingest, tmp_path, monkeypatch):
    """Reads files with tables and one by one; both must give the same, which is returned with the tables taken."""

    def read(files, **options):
        taken = []
        with monkeypatch.context() as patch:
            original = core.TableMapper.rows

            def noted(self, table, place):
                found = original(self, table, place)
                taken.append(found is not None)
                return found

            patch.setattr(core.TableMapper, "rows", noted)
            quick = ingest(files, **options)
        shards = {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
        with monkeypatch.context() as patch:
            original_records = core.read_records
            patch.setattr(core, "read_records", lambda *arguments: singly(original_records(*arguments)))
            exact = ingest(files, **options)
        assert quick == exact
        assert shards == {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
        return exact, taken

    return read


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"meta_columns": "site", "label_map": "yes=1,no=0"},
        {"where": "site=2", "meta_columns": "site,file"},
        {"label_column": "file", "where": "label=yes"},
    ],
)
def test_tables_give_the_same_bytes(both, options):
    files = {"a.csv": as_csv(ROWS), "b.jsonl": "".join(LINES), "c.parquet": as_parquet(ROWS)}
    found, taken = both(files, **options)
    assert len(found.rows) == (
        9000
        if "where" not in options
        else 3 * sum(row[2] == 2 if "site" in options["where"] else row[1] == " yes " for row in ROWS)
    )
    assert sum(taken) > 6
    assert found.rejects == []


@pytest.mark.parametrize(
    "row",
    [(" \u3000\x1c", "no", 1), ("", "no", 1), ("fine", "NaN", 1), ("fine", "", 1), ("fine", "é", 1), ("\0", "no", 1)],
)
def test_a_table_with_a_doubt_is_read_row_by_row(both, row):
    rows = [*ROWS[:2000], row, *ROWS[2000:]]
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n" for text, label, _ in rows]
    found, taken = both({"b.jsonl": "".join(lines), "c.parquet": as_parquet(rows)})
    assert any(taken)
    assert len(found.rows) + len(found.rejects) == 2 * len(rows)


def test_invalid_utf8_in_a_table_is_rejected(both):
    column = pa.array([row[0].encode() for row in ROWS] + [b"\xff bad"]).cast(pa.binary())
    column = pa.Array.from_buffers(pa.string(), len(column), column.buffers())
    file = io.BytesIO()
    parquet.write_table(pa.table({"text": column, "label": ["a", *["b"] * len(ROWS)]}), file)
    found, _ = both({"c.parquet": file.getvalue()})
    assert [reason for _, _, reason in found.rejects] == ["text is not valid Unicode"]


def test_lines_that_are_not_like_the_first_are_read_one_by_one(both):
    strange = [
        *('{"text": "t", "label": "no", "label": "yes", "site": "1"}\n', '{"text":"t","label":"no","site":"1"}\n'),
        *('{"label": "no", "text": "other order", "site": "1"}\n', '{"text": "\\u00e9", "label": "no", "site": "2"}\n'),
        *(
            '{"text": "t", "label": null, "site": "1"}\n',
            "\n",
            '{"text": "t"\n',
            '{"text": 1, "label": 2, "site": 3}\n',
        ),
    ]
    for line in strange:
        found, taken = both({"b.jsonl": "".join([*LINES[:2500], line, *LINES[2500:]])})
        assert any(taken) or len("".join(LINES)) < 1 << 19
        assert len(found.rows) >= len(LINES)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(TEXTS, TEXTS | st.none()), min_size=1, max_size=6)
    | st.lists(st.tuples(TEXTS, st.integers() | st.none()), min_size=1, max_size=6),
    st.sampled_from([(", ", ": "), (",", ":"), (" ,", ":")]),
)
def test_lines_read_together_are_what_the_strict_parser_reads(rows, separators):
    lines = [(json.dumps({"a": a, "b": b}, ensure_ascii=False, separators=separators) + "\n").encode() for a, b in rows]
    form = LineTables(json.loads(lines[0]), lines[0])
    assert form.active == (separators[0] != " ,")
    table = form.table(b"".join(lines)) if form.active else None
    if table is not None:
        assert table.to_pylist() == [{"a": a, "b": b} for a, b in rows]


@settings(max_examples=200)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6))
def test_ids_of_tables_are_those_of_rows(rows):
    columns = {"text": "string", "label": "string", "meta": {"b": "string", 'a"': "string"}}
    values = [{"text": text, "label": label, "meta": {"b": meta, 'a"': label}} for text, label, meta in rows]
    table = pa.Table.from_pylist(values, schema=arrow_schema(columns).remove(0))
    for offset in (0, len(rows) // 2):
        found = identified(table.slice(offset), columns)
        rare = any(ord(sign) < 32 and sign not in "\n\r\t" for row in rows[offset:] for part in row for sign in part)
        sizes = sizes_of(table.slice(offset), columns)
        assert found[1] == [len(canonical_form(columns)(row)) for row in values[offset:]]
        assert sizes == (None if rare else found[1])
        assert found[0]["id"].to_pylist() == [row_id(row, columns) for row in values[offset:]]
        assert found[0].drop_columns("id").to_pylist() == values[offset:]


def test_ids_of_nested_rows():
    columns = columns_of("question_answering", ["b", "a"])
    answers = [{"text": 'é "x"\0', "start": 2**62}, {"text": None, "start": None}]
    values = [{"question": None, "context": "c", "answers": answers, "meta": {"b": "1", "a": None}}]
    found, sizes = identified(pa.Table.from_pylist(values, schema=arrow_schema(columns).remove(0)), columns)
    assert found["id"].to_pylist() == [row_id(values[0], columns)]
    assert sizes == [len(canonical_form(columns)(values[0]))]


def test_rows_and_tables_may_be_mixed(tmp_path):
    columns = {"text": "string"}
    rows = [{"text": f"text {number}"} for number in range(9000)]
    for name in ("rows", "mixed"):
        (tmp_path / name).mkdir()
        writer = DatasetWriter(tmp_path / name, columns)
        for begin in range(0, 9000, 1000):
            part = rows[begin : begin + 1000]
            if name == "rows" or begin % 2000:
                for row in part:
                    writer.write(row)
            else:
                writer.write_table(*identified(pa.Table.from_pylist(part), columns))
        writer.finish()
    assert Dataset(tmp_path / "rows").manifest == Dataset(tmp_path / "mixed").manifest


def test_what_is_blank_for_arrow_is_blank_for_python():
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    blank = compute.utf8_is_space(pa.array(signs)).to_pylist()
    assert [sign for sign, found in zip(signs, blank, strict=True) if sign.isspace() and not found] == []


def test_one_label_in_tables_is_refused_too(ingest):
    with pytest.raises(UserError, match="all 40 rows have the label 'no'"):
        ingest({"a.csv": as_csv([(f"text {n}", "no", 1) for n in range(40)])})
