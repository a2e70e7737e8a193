"""What is read quickly is what the exact readers give, on whatever is thrown at them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest import blocks, delimited, strict_json
from components.ingest.record import Reading, singly
from components.shared.datasets import json_text

PIECES = st.sampled_from(
    [
        "a",
        '"',
        '""',
        ",",
        "\n",
        "\r\n",
        "\r",
        "é",
        '"x"',
        '"a,b"',
        '"l\nm"',
        'x"',
        '"""q"""',
        " ",
        "\ufffd",
        ";",
        "\t",
        "\0",
    ]
)


def read(path, delimiter=","):
    reading = Reading(wanted=("a",), encoding="utf-8")
    return list(singly(delimited.read_delimited(path, "a.csv", reading, delimiter=delimiter)))


def both(path, monkeypatch):
    quick = read(path)
    with monkeypatch.context() as patch:
        patch.setattr(delimited, "_end_of_line", lambda path: 0)
        return quick, read(path)


@settings(max_examples=600)
@given(
    pieces=st.lists(PIECES, max_size=40),
    size=st.integers(8, 60),
    broken=st.booleans(),
    long=st.sampled_from([0, blocks.LONG]),
)
def test_csv_in_blocks_is_csv(tmp_path_factory, pieces, size, broken, long):
    path = tmp_path_factory.getbasetemp() / "quick.csv"
    body = "".join(pieces).encode()
    path.write_bytes(b"a,b\n1,2\n" + (body.replace(b"a", b"\xff") if broken else body))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(blocks, "LONG", long)
        quick, exact = both(path, patch)
    assert quick == exact


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=20),
    st.integers(16, 200),
    st.sampled_from([0, blocks.LONG]),
)
def test_csv_that_is_sound(tmp_path_factory, rows, size, long):
    path = tmp_path_factory.getbasetemp() / "sound.csv"
    quoted = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    path.write_bytes(("a,b\n" + "\r\n".join(quoted) + "\n").encode("utf-8", "replace"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(blocks, "LONG", long)
        quick, exact = both(path, patch)
    assert quick == exact
    assert not [record for record in quick if record.reason]


@pytest.mark.parametrize(("more", "cut"), [(1, 0), (1200, 20_000)])
def test_blocks_are_really_used(tmp_path, monkeypatch, more, cut):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + f'"{"x" * more}, ""y""\nz",1\n' * 20_000)
    monkeypatch.setattr(delimited, "_exactly", lambda *_: iter(()))
    taken = []
    original = blocks.LongFields.table
    monkeypatch.setattr(blocks.LongFields, "table", lambda *given: taken.append(original(*given)) or taken[-1])
    records = read(path)
    assert len(records) == 20_000
    assert records[-1].line == 2 + 2 * 19_999
    assert records[-1].values == {"a": "x" * more + ', "y"\nz', "b": "1"}
    # All but the first block, which tells how long the fields are.
    assert sum(len(table) for table, _, _ in taken) in range(cut - blocks.BLOCK // 1200, cut + 1)


def test_the_exact_reader_goes_on_where_a_block_is_in_doubt(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "x,1\n" * 5 + '"broken"quote,1\n' + "y,2\n" * 5)
    quick, exact = both(path, monkeypatch)
    assert quick == exact
    assert [(record.line, record.reason) for record in quick if record.reason] == [(7, "broken quotes")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(['"', "\\", '\\"', "\n"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", '"', "\\"]), VALUES), max_size=4),
    st.booleans(),
    st.sampled_from(["", " ", "}"]),
)
def test_json_that_is_parsed_quickly_is_what_the_strict_parser_gives(members, escaped, extra):
    inner = ", ".join(f"{json.dumps(key)}{extra}:{json.dumps(value, ensure_ascii=escaped)}" for key, value in members)
    line = f"{{{inner}}}".encode("utf-8", "surrogatepass")
    quick = strict_json._quickly(line)
    if quick is not None:
        assert quick == strict_json._strictly(line)


@pytest.mark.parametrize(
    ("line", "quick"),
    [
        (b'{"text": "a \\"b\\" \\\\", "label": "x", "n": 5}', True),
        (b'{"a": "x", "a": "x"}', False),
        (b'{"a" :"x","a" :"x"}', False),
        (b'{"a": "\\\\", "a": "\\""}', False),
        (b'{"a": 99999999999999999999999}', False),
        (b'{"a": {"b": 1}}', False),
        (b'{"a": "\\ud800"}', False),
    ],
)
def test_what_is_in_doubt_goes_to_the_strict_parser(line, quick):
    assert (strict_json._quickly(line) is not None) is quick


@settings(max_examples=500)
@given(st.text(), st.sampled_from(["", "x" * 200, '\\"\n\r\t' * 30, "\x00\x1f\x7f" * 40]))
def test_texts_in_json_are_what_the_standard_library_writes(text, more):
    assert json_text(text + more) == json.dumps(text + more, ensure_ascii=False).encode()
