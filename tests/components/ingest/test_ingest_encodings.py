"""The encoding of a text is found out, unless it is told; what is broken costs a record and not the file."""

from __future__ import annotations

import base64
import json

import pytest

from components.shared.errors import UserError

RUSSIAN = "Это очень хороший фильм, который я посмотрел с большим удовольствием вместе с друзьями"
CHINESE = "这部电影非常好看,演员的表演也很出色,我和朋友们都很喜欢,下次还会再来看"
JAPANESE = "この映画はとても面白かったです。友達と一緒に見て、みんな楽しかったと言っていました"
KOREAN = "이 영화는 정말 재미있었습니다. 친구들과 함께 보았고 모두 즐거워했습니다"
GERMAN = "Sehr schöner Film für die ganze Familie; überraschend und großartig gespielt. Ärgerlich nur die Übertragung"
GERMAN += (
    ". Für Kinder möglicherweise zu düster; für Größere hörenswert. Wir würden gern noch öfter dafür zahlen müssen"
)


def csv(text):
    return f"text,label\n{text},pos\n{text}!,neg\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", CHINESE),
        ("big5", "這部電影非常好看,演員的表演也很出色,我和朋友們都很喜歡,下次還會再來看"),
        ("cp932", JAPANESE),
        ("cp949", KOREAN),
        ("cp1251", RUSSIAN),
        ("koi8_r", RUSSIAN),
        ("cp1252", GERMAN),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "pos.txt"])
def test_an_encoding_that_nobody_tells(ingest, name, encoding, text):
    text = text.replace(",", ";")
    content = csv(text) if name == "a.csv" else f"{text}\n{text}!"
    files = {name: content.encode(encoding)} | ({} if name == "a.csv" else {"neg.txt": "x"})
    result = ingest(files, **({} if name == "a.csv" else {"label_column": "file"}))
    assert text in [row["text"] for row in result.rows]
    assert result.rejects == []


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(ingest, encoding):
    assert ingest({"a.csv": csv(GERMAN.replace(",", ";")).encode(encoding)}).rows[0]["text"] == GERMAN.replace(",", ";")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "pos.txt"])
def test_utf_16_without_a_mark_and_with_few_zeros(ingest, name, encoding):
    content = "text,label\n" + f"{CHINESE.replace(',', '，')},好\n一,坏\n" * 9
    files = {name: content.encode(encoding), "neg.txt": "x"}
    result = ingest({name: files[name]} if name == "a.csv" else files, label_column=["file", "label"][name == "a.csv"])
    assert result.rejects == []
    assert sum(CHINESE.replace(",", "，") in row["text"] for row in result.rows) == 9


def test_zeros_in_other_encodings(ingest):
    content = "text,label\n" + "这部电影\0真的很好看,好\n好,坏\n" * 9
    for encoding in ("gb18030", "utf-8"):
        assert ingest({"a.csv": content.encode(encoding)}).rows[0]["text"] == "这部电影\0真的很好看"


def test_a_page_is_in_the_encoding_that_it_declares(ingest):
    page = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312"></head>短</html>'
    files = {"neg/a.html": page.encode("gb18030"), "pos/b.html": '<meta charset="no-such">caf\u00e9'}
    result = ingest(files, label_column="folder")
    assert result.rows[0]["text"] == page
    assert result.rows[1]["text"].endswith("café")


@pytest.mark.parametrize("declared", ["base64", "rot13", "idna", "punycode", "undefined", "klingon"])
def test_a_page_that_declares_no_encoding_of_texts(ingest, declared):
    files = {"p/a.html": f'<meta charset="{declared}">caf\u00e9', "n/b.html": "<p>x"}
    assert len(ingest(files, label_column="folder").rows) == 2


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("gb2312", "gb18030", "朱镕基先生，请查收"),  # 镕 is not in GB 2312
        ("", "gb18030", CHINESE),
        ("us-ascii", "utf-8", "café"),
        ("iso-8859-1", "cp1252", "It’s – “fine”"),
        ("big5", "big5", "這部電影非常好看"),
    ],
)
def test_mails_are_in_the_encoding_that_they_mean(ingest, declared, encoding, text):
    head = f"Content-Type: text/plain; charset={declared}\n" if declared else ""
    word = base64.b64encode(text.encode(encoding)).decode()
    files = {
        "pos/a.eml": f"Subject: =?{declared or encoding}?b?{word}?=\n{head}\n".encode() + text.encode(encoding),
        "neg/b.eml": b"Subject: " + text.encode(encoding) + f"\n{head}\nx".encode(),
    }
    result = ingest(files, label_column="folder", meta_columns="subject")
    assert [row["text"] for row in result.rows] == ["x", text]
    assert [row["meta"]["subject"] for row in result.rows] == [text, text]


def test_a_mail_whose_encoding_only_the_user_knows(ingest):
    mail = b"Subject: x\n\n" + RUSSIAN[:9].encode("koi8_r")
    result = ingest({"pos/a.eml": mail, "neg/b.txt": "x"}, label_column="folder", encoding="koi8_r")
    assert RUSSIAN[:9] in [row["text"] for row in result.rows]


def test_what_is_told_comes_before_what_looks_likely(ingest):
    files = {"a.csv": "text,label\nà,pos\nn,neg\nm,pos\n".encode("cp1252")}
    assert ingest(files, encoding="cp1252").rows[0]["text"] == "à"
    assert ingest(files).rejects == [("a.csv", 2, "not valid UTF-8")]
    marked = {"a.csv": "\ufefftext,label\nà,pos\nn,neg\n"}
    assert ingest(marked, encoding="cp1252").rows[0]["text"] == "à"


def test_mixed_encodings_reject_the_records_that_are_not_like_the_others(ingest):
    lines = [f"{CHINESE.replace(',', '')},pos\n".encode()] * 9 + [f"{GERMAN.replace(',', '')},neg\n".encode("cp1252")]
    result = ingest({"a.csv": b"text,label\nx,neg\n" + b"".join(lines)})
    assert result.rejects == [("a.csv", 12, "not valid UTF-8")]
    assert len(result.rows) == 10


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "cp932"])
def test_bytes_that_another_encoding_does_not_know(ingest, encoding):
    good = "text,label\nx,pos\ny,neg\n".encode(encoding)
    broken = {"utf-16": b"\x00\xdcz\x00,\x00q\x00\n\x00", "gb18030": b"\xff\xff,q\n", "cp932": b"\x81\x20,q\n"}[
        encoding
    ]
    result = ingest({"a.csv": good + broken}, encoding=encoding)
    assert result.rejects == [("a.csv", 4, f"not valid {encoding.upper()}")]
    assert len(result.rows) == 2


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    ("encoding", "told"), [("gb18030", "auto"), ("gb18030", "gb18030"), ("utf-8", "gb18030"), ("utf-16", "auto")]
)
def test_json_in_another_encoding(ingest, name, encoding, told):
    rows = [{"text": f"{CHINESE}{number}", "label": "差评" if number % 2 else "好评"} for number in range(20)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    content = f"[{','.join(lines)}]" if name == "a.json" else "\n".join(lines)
    result = ingest({name: content.encode(encoding)}, encoding=told)
    assert result.rejects == []
    assert result.rows == rows


def test_json_whose_bytes_another_encoding_does_not_know(ingest):
    lines = [json.dumps({"text": f"{CHINESE}{number}", "label": "ab"[number]}, ensure_ascii=False) for number in (0, 1)]
    good, bad = (line.encode("gb18030") for line in lines)
    files = {"a.json": b"[" + good + b"," + bad.replace("好".encode("gb18030"), b"\xff\xff") + b"," + good + b"]"}
    result = ingest({**files, "b.jsonl": '{"text": "x", "label": "b"}'}, encoding="gb18030")
    assert len(result.rows) == 3
    assert result.rejects == [("a.json", 1, "not valid UTF-8")]


def test_an_encoding_that_nobody_knows():
    from components.ingest.config import Config
    from components.shared import options

    for name in ("klingon", "base64", "idna", "undefined"):
        with pytest.raises(UserError, match=rf"ingest\.encoding: '{name}' is not an encoding"):
            options.check_options(Config, f'{{"encoding": "{name}"}}')
