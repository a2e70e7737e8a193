"""Files made to break a reader, or to fill the memory: each ends in the right rows or in one clear line."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from components.ingest import columnar, core
from components.ingest.record import Reading, singly
from components.shared.errors import UserError
from components.shared.references import pin_local

ROOT = Path(__file__).parents[3]
CSV = "text,label\ngood,pos\nbad,neg\n"
LONG = "longer than max_record_mb"


@pytest.mark.parametrize(
    ("content", "reason", "line"),
    [
        ('[{"text": "x", "label": NaN}, ', "NaN is not valid JSON", 1),
        ('[{"text": "x", "text": "y"},\n', "a key is given twice", 1),
        ('[\n{"text": "x" "label": 1},\n', "not valid JSON", 2),
        ('[5, "x", null,\n', "not a JSON object", 1),
        ('[{"text": "\\ud800", "label": "a"},', "lone surrogate in a text", 1),
        ('[{"n": ' + "9" * 5000 + "},", "not valid JSON", 1),
        ('[{"n": ' + "[" * 50_000 + "]" * 50_000 + "},", "nested too deeply", 1),
        ('[{"text": "' + "x" * (1 << 20) + '", "label": "a"},\n', LONG, 1),
        ('[\n\n{"text": "' + "[{" * (1 << 19) + '\\"", "label": "a"},\n', LONG, 3),
    ],
)
def test_broken_objects_of_an_array_cost_themselves_only(ingest, monkeypatch, content, reason, line):
    monkeypatch.setattr("components.ingest.json_files._CHUNK", 1000)
    good = '{"text": "good", "label": "pos"},\n{"text": "ba\\"d", "label": "neg"}]'
    result = ingest({"a.json": content + good}, max_record_mb=1)
    assert {(name, at, why) for name, at, why in result.rejects} == {("a.json", line, reason)}
    assert [row["text"] for row in result.rows] == ["good", 'ba"d']


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[{"text": "good", "label": "pos"}, {"text": "bad", "label": "neg"}, {"text": "cut', "not valid JSON"),
        ('[{"text": "good", "label": "pos"}, {"text": "bad", "label": "neg"}] and more', "not valid JSON"),
        ('{"text": "good", "label": "pos"}{"text": "bad", "label": "neg"}}', "not valid JSON"),
    ],
)
def test_json_that_ends_in_the_middle_or_goes_on(ingest, content, reason):
    result = ingest({"a.json": content})
    assert result.rejects == [("a.json", 1, reason)]
    assert len(result.rows) == 2


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_json_is_cut_the_same_whatever_is_read_at_a_time(ingest, monkeypatch, size):
    monkeypatch.setattr("components.ingest.json_files._CHUNK", size)
    records = [
        {"text": 'a "b" \\ {[,]} \\" é\n', "label": "x", "deep": [{"a": [1, {"b": "]"}]}]},
        {"text": "c", "label": "y"},
    ]
    result = ingest({"a.json": json.dumps(records, indent=2), "b.json": "".join(map(json.dumps, records))})
    assert [row["text"] for row in result.rows] == [records[0]["text"], "c"] * 2
    assert result.rejects == []


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", CSV + "x" * (2 << 20) + ",pos\nlast,neg\n", 4),
        ("a.csv", CSV + '"' + ("x" * 999 + "\n") * 1100 + "\nlast,neg\n", 4),
        ("a.tsv", CSV.replace(",", "\t") + "x" * (2 << 20) + "\tpos\nlast\tneg\n", 4),
        (
            "a.jsonl",
            '{"text": "good", "label": "p"}\n{"text": "%s"}\n{"text": "last", "label": "n"}' % ("x" * (2 << 20)),
            2,
        ),
    ],
)
def test_records_that_are_too_long(ingest, name, content, line):
    result = ingest({name: content}, max_record_mb=1)
    assert (name, line, LONG) in result.rejects
    assert [row["text"] for row in result.rows] == ["good"] + ["bad"] * ("bad" in content) + ["last"]


def test_lines_that_are_too_long(ingest):
    files = {"pos.txt": "good\n" + "x" * (2 << 20) + "\r\nlast", "neg.txt": "bad"}
    result = ingest(files, max_record_mb=1, label_column="file")
    assert result.rejects == [("pos.txt", 2, LONG)]
    assert [row["text"] for row in result.rows] == ["bad", "good", "last"]


@pytest.mark.parametrize("name", ["a.html", "a.md", "a.eml", "whole.txt"])
def test_documents_that_are_too_long(ingest, name):
    files = {
        f"pos/{name}": "x" * (2 << 20),
        f"neg/{name}": "Subject: a\n\nshort",
        f"pos/b{name}": "Subject: a\n\nfine",
    }
    result = ingest(files, max_record_mb=1, label_column="folder", whole_texts=True)
    assert result.rejects == [(f"pos/{name}", 1, LONG)]
    assert len(result.rows) == 2


def nested_mail(depth):
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(depth))
    return parts + "Content-Type: text/plain\n\ndeep"


@pytest.mark.parametrize(
    "mail",
    [
        nested_mail(5000),
        "Content-Type: text/plain; charset=\xff\n\n\xff",
        "Subject: =?utf-8?b?====?=\nContent-Transfer-Encoding: base64\n\n%%%",
        "Subject: =?utf-8?b?a?=\n\nno base64",
        "Content-Type: multipart/mixed; boundary=\n\n--\n",
        "\0" * 1000,
        "To: " + "a@b, " * 100_000 + "\n\nbody",
        "",
    ],
)
def test_mails_that_are_none(ingest, mail):
    files = {"pos/a.eml": mail, "pos/b.eml": "Subject: x\n\nfine", "neg/c.eml": "Subject: x\n\nbad"}
    result = ingest({name: text.encode("latin-1") for name, text in files.items()}, label_column="folder")
    assert [row["text"] for row in result.rows if row["text"] in ("fine", "bad")] == ["bad", "fine"]
    assert len(result.rows) + len(result.rejects) == 3


def arrow_bytes(table):
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def parquet_bytes(table, **options):
    out = io.BytesIO()
    parquet.write_table(table, out, **options)
    return out.getvalue()


TABLE = pa.table({"text": ["good", "bad", "fine"], "label": ["pos", "neg", "pos"]})
NOT_UNICODE = pa.table(
    {
        "text": pa.array([b"good", b"caf\xe9", b"bad"], pa.binary()).cast(pa.large_binary()).view(pa.large_string()),
        "label": ["pos", "neg", "neg"],
    }
)


def wild_offsets():
    """An Arrow file whose texts lie outside of it."""
    data = arrow_bytes(TABLE)
    offsets = (0).to_bytes(4, "little") + (4).to_bytes(4, "little") + (7).to_bytes(4, "little")
    return data.replace(
        offsets, (0).to_bytes(4, "little") + (1 << 30).to_bytes(4, "little") + (7).to_bytes(4, "little")
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.arrow", wild_offsets(), "a.arrow: cannot be read as Arrow"),
        ("a.arrow", arrow_bytes(TABLE)[:-30], "a.arrow: cannot be read as Arrow"),
        ("a.arrow", b"ARROW1\0\0", "a.arrow: cannot be read as Arrow"),
        ("a.arrow", b"", "a.arrow: cannot be read as Arrow"),
        ("a.arrow", b"\xff\xff\xff\xff\xff\xff\xff\x7f", "a.arrow: cannot be read as Arrow"),
        ("a.arrow", arrow_bytes(NOT_UNICODE), "a.arrow: cannot be read as Arrow"),
        ("a.arrow", arrow_bytes(TABLE.drop(["label"])), "a.arrow: no column 'label'"),
        ("a.parquet", parquet_bytes(TABLE)[:-5], "a.parquet: cannot be read as Parquet"),
        ("a.parquet", parquet_bytes(TABLE).replace(b"fine", b"fin\xff")[4:], "a.parquet: cannot be read as Parquet"),
        ("a.parquet", b"", "a.parquet: cannot be read as Parquet"),
    ],
)
def test_tables_that_are_damaged(ingest, name, content, message):
    with pytest.raises(UserError) as caught:
        ingest({name: content})
    assert message in caught.value.line


def test_texts_of_a_table_that_are_not_unicode(ingest):
    result = ingest({"a.parquet": parquet_bytes(NOT_UNICODE)})
    assert result.rejects == [("a.parquet", 2, "text is not valid Unicode")]
    assert len(result.rows) == 2


def test_texts_inside_of_lists_that_are_not_unicode(ingest):
    chats = [[{"role": "user", "content": text}, {"role": "assistant", "content": "fine"}] for text in ("good", "zzzz")]
    content = parquet_bytes(pa.table({"messages": chats})).replace(b"zzzz", b"z\xffzz")
    result = ingest({"a.parquet": content}, task="chat")
    assert result.rejects == [("a.parquet", 2, "messages are not a list of role and content")]
    assert len(result.rows) == 1


def test_wrong_types_in_a_table(ingest):
    table = pa.table({"text": [[1], [2]], "label": [b"x", b"y"]})
    assert {reason for _, _, reason in ingest({"a.parquet": parquet_bytes(table), "b.csv": CSV}).rejects} == {
        "text is not a text"
    }


@pytest.mark.parametrize(
    "text",
    [
        "مرحبا بالعالم",
        "שלום עולם",
        "👩‍👩‍👧‍👦 👍🏽",
        "\u202eevil\u202c",
        "a\u0000b",
        "Z̸̡̢͇̫̘̭͎̈́",
        "\ufffd",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
        "a" * 100_000,
    ],
)
def test_unusual_texts_come_through_as_they_are(ingest, text):
    lines = [{"text": text, "label": "pos"}, {"text": "x", "label": "neg"}]
    files = {
        "a.jsonl": "\n".join(json.dumps(line) for line in lines),
        "b.csv": f'text,label\n"{text}",pos\nx,neg\n',
        "c.parquet": parquet_bytes(pa.Table.from_pylist(lines)),
    }
    assert [row["text"] for row in ingest(files).rows] == [text, "x"] * 3


def test_links_that_lead_out_of_the_source_are_not_followed(ingest, tmp_path):
    (tmp_path / "secret.csv").write_text("text,label\nsecret,pos\nsecret,neg\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.csv").write_text("text,label\nsecret,pos\n")
    source = tmp_path / "source"
    source.mkdir()
    (source / "out.csv").symlink_to(tmp_path / "secret.csv")
    (source / "folder").symlink_to(tmp_path / "outside")
    (source / "in.csv").symlink_to(source / "a.csv")
    (source / "dangling.csv").symlink_to(tmp_path / "nothing")
    (source / "loop.csv").symlink_to(source / "loop.csv")
    result = ingest({"a.csv": CSV})
    assert result.rejects == [
        ("out.csv", 0, "symbolic link that leads out of the source"),
        ("dangling.csv", 0, "symbolic link to nothing"),
        ("folder", 0, "symbolic link to a folder, which is not followed"),
        ("loop.csv", 0, "symbolic link to nothing"),
    ]
    assert [row["text"] for row in result.rows] == ["good", "bad"] * 2


def test_a_linked_folder_is_told_whatever_the_globs_choose(ingest, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "data").symlink_to(tmp_path)
    result = ingest({"a.csv": CSV}, files="*.csv")
    assert result.rejects == [("data", 0, "symbolic link to a folder, which is not followed")]


def test_a_name_that_is_not_utf_8(ingest, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / os.fsdecode(b"caf\xe9.csv")).write_bytes(CSV.encode() + b"x\n")
    result = ingest({}, meta_columns="file")
    assert result.rejects == [(r"caf\xe9.csv", 4, "wrong number of fields")]
    assert {row["meta"]["file"] for row in result.rows} == {r"caf\xe9"}


def test_a_link_may_be_the_source(ingest, tmp_path):
    (tmp_path / "real.csv").write_text(CSV)
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert len(ingest.reference(str(pin_local(str(tmp_path / "link.csv"), "source"))).rows) == 2


@pytest.mark.parametrize(
    ("meddle", "message"),
    [
        (lambda path: path.write_text(CSV + "new,pos\n"), "b.csv changed while it was read. Run `resolve` again"),
        (lambda path: path.unlink(), "b.csv vanished while it was read. Run `resolve` again"),
        (lambda path: (path.unlink(), path.write_text(CSV)), "b.csv changed while it was read"),
    ],
)
@pytest.mark.parametrize("when", ["a.csv", "b.csv"])
def test_files_that_change_or_vanish_while_they_are_read(ingest, tmp_path, monkeypatch, meddle, message, when):
    original = core.read_records

    def meddled(path, name, reading):
        for number, record in enumerate(singly(original(path, name, reading))):
            if name == when and number == 1:
                meddle(tmp_path / "source" / "b.csv")
            yield record

    monkeypatch.setattr(core, "read_records", meddled)
    with pytest.raises(UserError) as caught:
        ingest({"a.csv": CSV, "b.csv": CSV})
    assert message in caught.value.line
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("name", ["line.csv", "line.jsonl", "line.json"])
def test_a_line_of_200_megabytes_is_not_held_in_memory(tmp_path, name):
    source = tmp_path / "source"
    source.mkdir()
    with (source / name).open("wb") as file:
        file.write({"line.json": b'[{"text": "'}.get(name, b"text,label\n" if name == "line.csv" else b""))
        for _ in range(200):
            file.write(b"x" * (1 << 20))
    (source / "z.csv").write_text(CSV)
    flags = {"source_reference": pin_local(str(source), "source"), "task": "classification", "max_reject_share": "1"}
    flags |= {name: tmp_path / name for name in ("raw", "evaluation_texts", "rejects")}
    command = [sys.executable, "-m", "components.ingest", *(f"--{key}={value}" for key, value in flags.items())]
    # A shell between, for a process begins with the peak of the one that started it.
    done = subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh", *command],
        cwd=ROOT,
        env={**os.environ, "EVERTUNE_STEPS_FILE": str(tmp_path / "steps")},
        capture_output=True,
        text=True,
        check=False,
    )
    peak = json.loads((tmp_path / "steps").read_text())["peak_bytes"]
    assert peak < 180 << 20, f"{peak:,} bytes"
    rejects = (tmp_path / "rejects" / "rejects.jsonl").read_text()
    assert LONG in rejects, done.stderr


def test_a_gigabyte_in_a_megabyte_is_not_held_in_memory_either(ingest):
    bomb = gzip.compress(b"0" * (16 << 20)) * 64
    with pytest.raises(UserError, match="as bombs do"):
        ingest({"a.txt.gz": bomb}, label_column="file")


def test_an_empty_folder_of_a_source_and_empty_files(ingest):
    with pytest.raises(UserError, match="holds no record"):
        ingest({"a.txt": "", "b.txt": "\n \n", "c.jsonl": "", "d.json": "[]"}, label_column="file")


def repeated_text(size):
    """One text that stands once in the file and is the text of 600 rows."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 600, pa.int32()), pa.array(["x" * size]))
    return pa.table({"text": text, "label": ["pos", "neg"] * 300})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", parquet_bytes(pa.table({"text": ["good", "x" * (3 << 20), "bad"], "label": ["p", "n", "n"]}))),
        ("a.arrow", arrow_bytes(pa.table({"text": ["good", "x" * (3 << 20), "bad"], "label": ["p", "n", "n"]}))),
    ],
)
def test_rows_of_tables_that_are_too_long(ingest, name, content):
    result = ingest({name: content}, max_record_mb=1)
    assert result.rejects == [(name, 2, LONG)]
    assert [row["text"] for row in result.rows] == ["good", "bad"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.parquet", parquet_bytes(repeated_text(2 << 20), store_schema=False)),
        ("named.parquet", parquet_bytes(repeated_text(2 << 20))),
        ("a.arrow", arrow_bytes(repeated_text(2 << 20))),
    ],
)
def test_a_text_that_stands_once_for_many_rows_is_not_multiplied_in_memory(ingest, monkeypatch, name, content):
    parts = []
    original = columnar._records
    monkeypatch.setattr(
        columnar, "_records", lambda part, number: (parts.append(part.num_rows), original(part, number))[1]
    )
    result = ingest({name: content, "b.csv": CSV}, max_record_mb=1)
    assert result.counts["reasons"] == {LONG: 600}
    assert set(parts) == {1}


def test_a_group_of_rows_is_read_a_piece_at_a_time(tmp_path):
    path, text = tmp_path / "a.parquet", [f"{number:0500d}" for number in range(60_000)]
    parquet.write_table(pa.table({"text": text}), path, use_dictionary=False, compression="none")
    begin = bytes_read()
    next(columnar.read_parquet(path, path.name, Reading(wanted=("text",))))
    assert bytes_read() - begin < 8 << 20 < path.stat().st_size


def bytes_read():
    """What this process has read of files so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


TIMES = {
    "nanoseconds": pa.array([1_000_000_001, 2_000_000_000, None], pa.timestamp("ns")),
    "years": pa.array([1 << 30, 1, None], pa.date32()),
    "zone": pa.array([1, 2, None], pa.timestamp("us", tz="Mars/Phobos")),
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("nanoseconds", ["1970-01-01 00:00:01.000000001", "1970-01-01 00:00:02", ""]),
        ("years", ["1073741824", "1970-01-02", ""]),
        ("zone", ["1", "2", ""]),
    ],
)
def test_times_that_python_does_not_hold(ingest, kind, expected):
    content = parquet_bytes(TABLE.append_column("at", TIMES[kind]))
    assert [row["meta"]["at"] for row in ingest({"a.parquet": content}, meta_columns="at").rows] == expected
