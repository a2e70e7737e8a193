"""Every format gives the same rows."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from components.shared.references import Reference

RECORDS = [{"text": "good, really\nso", "label": 1}, {"text": "不好", "label": 0}]
ROWS = [{"text": "good, really\nso", "label": "1"}, {"text": "不好", "label": "0"}]


def parquet_bytes(columns):
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    return out.getvalue()


def arrow_bytes(columns, new=pa.ipc.new_file):
    out = io.BytesIO()
    table = pa.table(columns)
    with new(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


COLUMNS = {"text": [record["text"] for record in RECORDS], "label": [1.0, 0.0]}

FILES_CSV = 'text,label\n"good, really\nso",1\n不好,0\n'
FILES = {
    "a.csv": FILES_CSV,
    "b.csv": '\ufeffid,label,text\r\n7,1,"good, really\nso"\r\n\r\n8,0,不好\r\n',
    "a.tsv": 'text\tlabel\n"good, really\nso"\t1\n不好\t0\n',
    "a.jsonl": '{"text": "good, really\\nso", "label": 1}\n\n{"text": "不好", "label": 0}\n',
    "a.ndjson": '\ufeff{"label": "1", "text": "good, really\\nso"}\n{"label": 0.0, "text": "\\u4e0d好", "x": []}',
    "a.json": '[{"text": "good, really\\nso", "label": 1},\n {"label": "0", "text": "不好", "x": [{"y": "],"}]}]\n',
    "b.json": '\ufeff{\n "text": "good, really\\nso",\n "label": 1\n}\n{"text": "不好", "label": 0}',
    "a.parquet": parquet_bytes(COLUMNS),
    "a.arrow": arrow_bytes(COLUMNS),
    "b.arrow": arrow_bytes(COLUMNS, pa.ipc.new_stream),
    "c.feather": arrow_bytes(COLUMNS),
    "utf16.csv": FILES_CSV.encode("utf-16"),
    "utf32.csv": FILES_CSV.encode("utf-32"),
    "utf16.jsonl": '{"text": "good, really\\nso", "label": 1}\r\n{"text": "不好", "label": 0}'.encode("utf-16"),
    "mac.csv": FILES_CSV.replace("so", "@").replace("\n", "\r").replace("\r@", "\n@").replace("@", "so"),
}


@pytest.mark.parametrize("name", FILES)
def test_same_rows_from_each_format(ingest, name):
    result = ingest({name: FILES[name]})
    assert result.rows == ROWS
    assert result.rejects == []


def test_lines_of_text_files_are_records_labelled_by_the_file(ingest):
    result = ingest(
        {"neg.txt": "bad\r\n\n  \nworse", "pos.txt": "\ufeffgood\n", "readme.md": "x"},
        files="*.txt",
        label_column="file",
    )
    assert result.rows == [
        {"text": "bad", "label": "neg"},
        {"text": "worse", "label": "neg"},
        {"text": "good", "label": "pos"},
    ]


def test_files_are_read_in_the_order_of_their_names(ingest):
    line = '{{"text": "{0}", "label": "{0}"}}'.format
    result = ingest({"b.jsonl": line("b"), "a.jsonl": line("a"), ".hidden.jsonl": line("h")})
    assert [row["text"] for row in result.rows] == ["a", "b"]


def test_a_single_file_is_a_source(ingest, tmp_path):
    from components.shared.references import pin_local

    (tmp_path / "one.csv").write_text("text,label\nx,a\ny,b\n")
    assert len(ingest.reference(str(pin_local(str(tmp_path / "one.csv"), "source"))).rows) == 2


def test_options_choose_rename_and_filter(ingest):
    csv = "review,stars,site,lang\nbad,1,x,en\ngood,5,x,en\nnix,1,x,de\nso so,5,y,en\n"
    result = ingest(
        {"a.csv": csv},
        text_column="review",
        label_column="stars",
        label_map="1=negative, 5=positive",
        meta_columns="site",
        where="lang=en",
    )
    assert result.rows[0] == {"text": "bad", "label": "negative", "meta": {"site": "x"}}
    assert [row["label"] for row in result.rows] == ["negative", "positive", "positive"]
    assert result.counts["left out by where"] == 1


def test_same_source_same_digest(ingest):
    first = ingest({"a.csv": FILES["a.csv"]})
    assert ingest({"a.csv": FILES["a.csv"]}).digest == first.digest
    assert ingest({"a.csv": FILES["a.csv"].replace("不", "很")}).digest != first.digest


def test_object_and_prefix_in_s3(ingest, s3):
    from components.shared.objects import open_store
    from components.shared.s3_source import pin_s3

    store = open_store(s3)
    store.put("reviews/part-1.csv", b"text,label\nbad,0\n")
    store.put("reviews/part-2.csv", b"text,label\ngood,1\n")
    store.put("reviews-old.csv", b"text,label\nold,1\nolder,0\n")
    both = ingest.reference(str(pin_s3(f"{s3}/reviews", "source")))
    assert [row["text"] for row in both.rows] == ["bad", "good"]
    one = ingest.reference(str(pin_s3(f"{s3}/reviews-old.csv", "source")))
    assert [row["text"] for row in one.rows] == ["old", "older"]


def test_reference_is_what_counts_not_the_path(ingest, tmp_path):
    from components.shared.errors import UserError

    (tmp_path / "one.csv").write_text("text,label\nx,a\ny,b\n")
    with pytest.raises(UserError, match="not what it was when it was resolved"):
        ingest.reference(str(Reference(str(tmp_path / "one.csv"), "sha256", "0" * 64)))


def test_documents_are_records_with_the_place_they_stand_in(ingest):
    mail = b"Subject: =?utf-8?b?5L2g5aW9?=\r\nFrom: a@example.org\r\n\r\nhello\r\nthere\r\n"
    result = ingest(
        {
            "neg/page.html": "<p>bad</p>",
            "neg/note.md": "# worse\r\n",
            "pos/mail.eml": mail,
            "pos/deep/mine.markdown": "fine",
        },
        label_column="folder",
        meta_columns="file",
    )
    assert [(row["text"], row["label"], row["meta"]["file"]) for row in result.rows] == [
        ("# worse\n", "neg", "note"),
        ("<p>bad</p>", "neg", "page"),
        ("fine", "deep", "mine"),
        ("hello\nthere", "pos", "mail"),
    ]


def test_a_text_file_may_be_one_record(ingest):
    result = ingest({"neg/1.txt": "a\nb", "pos/1.txt": "c"}, label_column="folder", whole_texts=True)
    assert [row["text"] for row in result.rows] == ["a\nb", "c"]


def test_email_gives_its_first_plain_text_and_its_headers(ingest):
    head = (
        "Subject: =?iso-8859-1?q?caf=E9?= =?broken?=\nTo: b@example.org\nContent-Type: multipart/mixed; boundary=x\n\n"
    )
    html = "--x\nContent-Type: text/html\n\n<b>html</b>\n"
    attached = "--x\nContent-Type: text/plain\nContent-Disposition: attachment\n\nattached\n"
    plain = "--x\nContent-Type: text/plain; charset=no-such\nContent-Transfer-Encoding: base64\n\n5L2g5aW9\n"
    result = ingest(
        {
            "a.eml": f"{head}{html}{attached}{plain}--x--\n",
            "b.eml": f"Subject: x\n{head[head.index('Content') :]}{html}--x--",
        },
        columns="label=subject",
        meta_columns="to",
    )
    assert [row["text"] for row in result.rows] == ["你好", "<b>html</b>"]
    assert result.rows[0]["meta"] == {"to": "b@example.org"}
    assert result.rows[0]["label"].startswith("café")


def test_a_file_without_its_suffix_is_read_as_told(ingest):
    result = ingest({"reviews": FILES_CSV, "00001.7c53": FILES_CSV}, file_format="csv")
    assert len(result.rows) == 4


def test_columns_inside_of_others(ingest):
    line = '{"review": {"body": "%s", "stars": {"n": %d}}}\n'
    result = ingest(
        {"a.jsonl": line % ("bad", 1) + line % ("good", 5)}, columns="text=review.body,label=review.stars.n"
    )
    assert result.rows == [{"text": "bad", "label": "1"}, {"text": "good", "label": "5"}]


def test_the_files_that_globs_choose(ingest):
    csv = "text,label\n{0},{0}\n".format
    files = {name: csv(name[0]) for name in ("a.csv", "b/c.csv", "b/d/e.csv", "b/f.tsv.csv", ".hidden/h.csv")}

    def chosen(globs):
        return "".join(row["text"] for row in ingest(files, files=globs).rows)

    assert chosen("*") == "abbb"
    assert chosen("a.csv,e.csv") == "ab"
    assert chosen("b/*.csv,a*") == "abb"
    assert chosen("**/[b-e]/*.csv,a.*") == "abbb"
    assert chosen("[!b].csv,?.tsv.csv") == "abbb"


def test_a_dataset_that_the_library_saved(ingest):
    about = {"data/dataset_info.json": '{"features": {}}', "data/state.json": "{}", "dataset_dict.json": "{}"}
    files = {**about, "data/data-00000-of-00001.arrow": arrow_bytes(COLUMNS, pa.ipc.new_stream)}
    assert len(ingest(files).rows) == len(COLUMNS["text"])


@pytest.mark.parametrize(
    "content",
    [
        "text,label,,\ngood,pos,,\nbad,neg,,\n",
        "x,text,label,x\n1,good,pos,2\n1,bad,neg,2\n",
        "\n\r\n text,label\ngood,pos\nbad,neg\n",
        b"\xef\xbb\xbf\xef\xbb\xbftext,label\ngood,pos\nbad,neg\n",
    ],
)
def test_tables_as_spreadsheets_write_them(ingest, content):
    result = ingest({"a.csv": content})
    assert result.rows == [{"text": "good", "label": "pos"}, {"text": "bad", "label": "neg"}]


def test_lines_are_counted_from_the_first_even_if_it_is_blank(ingest):
    assert ingest({"a.csv": "\n\ntext,label\ngood,pos\nbad\nx,neg\n"}).rejects == [
        ("a.csv", 5, "wrong number of fields")
    ]
