"""Archives and compressed files are read like folders and files; a hostile one harms nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib

import pyarrow as pa
import pytest

from components.shared.errors import UserError

BAD, GOOD = b"text,label\nbad,neg\n", b"text,label\ngood,pos\n"


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zstd(data):
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


MEMBERS = {"data/b.csv": BAD, "data/deep/g.csv": GOOD, "__MACOSX/data/._b.csv": b"\0", ".hidden": b"\0"}
ARCHIVES = {
    "a.zip": zipped(MEMBERS),
    "stored.ZIP": zipped(MEMBERS, zipfile.ZIP_STORED),
    "a.tar": tarred(MEMBERS),
    "a.tar.gz": tarred(MEMBERS, "w:gz"),
    "a.tgz": tarred(MEMBERS, "w:gz"),
    "a.tar.bz2": tarred(MEMBERS, "w:bz2"),
    "a.tar.zst": zstd(tarred(MEMBERS)),
    "inner.zip": zipped({"b.csv.gz": gzip.compress(BAD), "g.csv.zst": zstd(GOOD)}),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_kind_gives_the_rows_of_its_files(ingest, name):
    assert [row["text"] for row in ingest({name: ARCHIVES[name]}).rows] == ["bad", "good"]


def test_names_that_begin_with_a_point_and_a_slash_are_not_hidden(ingest):
    members = {"./data/b.csv": BAD, "./g.csv": GOOD, "./.hidden/x.csv": BAD}
    result = ingest({"a.tar.gz": tarred(members, "w:gz"), "a.zip": zipped(members)}, meta_columns="folder")
    assert [(row["text"], row["meta"]["folder"]) for row in result.rows] == [
        *(("bad", "data"), ("good", "a.tar.gz")),
        *(("bad", "data"), ("good", "a.zip")),
    ]


@pytest.mark.parametrize(("told", "folder"), [("auto", r"caf\xe9"), ("latin-1", "café")])
def test_names_in_a_tar_that_are_not_utf_8(ingest, told, folder):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        for name, content in {"café/b.csv": BAD, "café/g.csv": GOOD, "café/out.csv": None}.items():
            entry = link(tarfile.SYMTYPE, name) if content is None else tarfile.TarInfo(name)
            entry.size = len(content or b"")
            archive.addfile(entry, io.BytesIO(content or b""))
    result = ingest({"a.tar": out.getvalue()}, meta_columns="folder", encoding=told)
    assert [row["meta"]["folder"] for row in result.rows] == [folder] * 2
    assert [name for name, _, _ in result.rejects] == [f"a.tar/{folder}/out.csv"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.csv.gz", gzip.compress),
        ("a.csv.bz2", bz2.compress),
        ("a.csv.zst", zstd),
        ("a.csv.gz", lambda data: gzip.compress(data[:15]) + gzip.compress(data[15:])),
        ("a.csv.bz2", lambda data: bz2.compress(data[:15]) + bz2.compress(data[15:])),
        ("a.csv.zst", lambda data: zstd(data[:15]) + zstd(data[15:])),
    ],
)
def test_compressed_files_of_one_part_and_of_two(ingest, name, pack):
    result = ingest({name: pack(BAD + b"good,pos\n")}, meta_columns="file")
    assert [row["text"] for row in result.rows] == ["bad", "good"]
    assert result.rows[0]["meta"]["file"] == "a"


def test_globs_choose_inside_of_archives_too(ingest):
    files = {"a.zip": zipped({"x/b.csv": BAD, "x/g.csv": GOOD, "x/readme.txt": b"x"}), "n.csv": BAD, "p.csv": GOOD}
    assert [row["text"] for row in ingest(files, files="*.csv").rows] == ["bad", "good"]
    assert len(ingest(files, files="*.csv,*.zip").rows) == 4
    files["a.zip"] = zipped({"x/b.csv": BAD, "x/g.csv": GOOD})
    assert [row["meta"]["folder"] for row in ingest(files, files="*.zip", meta_columns="folder").rows] == ["x", "x"]


def test_an_archive_may_be_the_source(ingest, tmp_path):
    from components.shared.references import pin_local

    (tmp_path / "one.tgz").write_bytes(ARCHIVES["a.tgz"])
    reference = str(pin_local(str(tmp_path / "one.tgz"), "source"))
    assert len(ingest.reference(reference).rows) == 2
    with pytest.raises(UserError, match="holds no record"):
        ingest.reference(reference, files="*.tsv")


def link(kind, name="link.csv", target="/etc/passwd"):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def zip_link():
    entry = zipfile.ZipInfo("link.csv")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


HOSTILE = {
    "traversal.zip": (zipped({"../../out.csv": BAD}), "../../out.csv", "a name that leads out of its archive"),
    "windows.zip": (zipped({"..\\out.csv": BAD}), "..\\out.csv", "a name that leads out of its archive"),
    "absolute.zip": (zipped({"/tmp/out.csv": BAD}), "/tmp/out.csv", "a name that leads out of its archive"),
    "drive.zip": (zipped({"C:/out.csv": BAD}), "C:/out.csv", "a name that leads out of its archive"),
    "nameless.zip": (zipped({"abcd": BAD}).replace(b"abcd", b"\0bcd"), ".", "a name that leads out of its archive"),
    "symlink.zip": (zipped({zip_link(): b"/etc/passwd"}), "link.csv", "not a regular file inside an archive"),
    "traversal.tar": (tarred({"../out.csv": BAD}), "../out.csv", "a name that leads out of its archive"),
    "absolute.tgz": (tarred({"/tmp/out.csv": BAD}, "w:gz"), "/tmp/out.csv", "a name that leads out of its archive"),
    "symlink.tar": (tarred({link(tarfile.SYMTYPE): b""}), "link.csv", "not a regular file inside an archive"),
    "hardlink.tar": (tarred({link(tarfile.LNKTYPE): b""}), "link.csv", "not a regular file inside an archive"),
    "device.tar": (tarred({link(tarfile.CHRTYPE): b""}), "link.csv", "not a regular file inside an archive"),
    "fifo.tar": (tarred({link(tarfile.FIFOTYPE): b""}), "link.csv", "not a regular file inside an archive"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_leaves_its_archive(ingest, tmp_path, name):
    content, member, reason = HOSTILE[name]
    before = {path for path in tmp_path.parent.rglob("*") if "out" in path.name}
    result = ingest({name: content, "z.csv": BAD + b"good,pos\n"})
    assert result.rejects == [(f"{name}/{member}", 0, reason)]
    assert [row["text"] for row in result.rows] == ["bad", "good"]
    assert {path for path in tmp_path.parent.rglob("*") if "out" in path.name} == before


ZEROS = b"0" * (80 << 20)


def lying_zip():
    """A zip whose directory says that a member is short."""
    data = bytearray(zipped({"a.csv": ZEROS}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


def sparse_tar():
    """A tar of 1 kB that claims a file of a terabyte without a single byte."""
    entry = tarfile.TarInfo("a.csv")
    entry.size = 0
    entry.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0",
        "GNU.sparse.name": "a.csv", "GNU.sparse.realsize": str(1 << 40),
    }  # fmt: skip
    body = b"1\n0\n0\n".ljust(512, b"\0")
    entry.size = len(body)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry, io.BytesIO(body))
    return out.getvalue()


def endless_header():
    """The beginning of a tar whose header goes on for a gigabyte."""
    entry = tarfile.TarInfo("a")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 30
    return entry.tobuf()


BOMBS = {
    "a.csv.gz": lambda: gzip.compress(ZEROS),
    "a.csv.bz2": lambda: bz2.compress(ZEROS),
    "a.csv.zst": lambda: zstd(ZEROS),
    "a.zip": lambda: zipped({"a.csv": ZEROS}),
    "many.zip": lambda: zipped({f"{number}.txt": ZEROS[: 8 << 20] for number in range(10)}),
    "a.tgz": lambda: tarred({"a.csv": ZEROS}, "w:gz"),
    "headers.tgz": lambda: gzip.compress(endless_header() + ZEROS),
    "inner.zip": lambda: zipped({"a.csv.gz": gzip.compress(ZEROS)}),
    "sparse.tar": sparse_tar,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_fill_anything(ingest, tmp_path, name):
    with pytest.raises(UserError, match=r"more than 200 times its size, as bombs do. Unpack it yourself") as caught:
        ingest({name: BOMBS[name]()}, label_column="file")
    assert caught.value.where.startswith(name)
    assert not (tmp_path / "raw").exists()


def test_a_zip_that_lies_about_a_size(ingest):
    with pytest.raises(UserError, match=r"a\.zip: cannot be unpacked"):
        ingest({"a.zip": lying_zip()}, label_column="file", file_format="txt")


def test_more_than_the_user_allows_is_not_unpacked(ingest):
    files = {"a.zip": zipped({f"{number}.csv": BAD * 1000 for number in range(20)}, zipfile.ZIP_STORED)}
    with pytest.raises(UserError, match=r"more than allowed is unpacked.*Allow more"):
        ingest(files, max_source_gb=0.0001, file_format="txt", label_column="file")


def encrypted():
    data = bytearray(zipped({"a.csv": BAD}))
    data[6] |= 1
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def begins_before_its_beginning():
    """A zip whose directory is said to lie behind its end."""
    data = bytearray(zipped({"a.csv": BAD}))
    at = data.rindex(b"PK\x05\x06") + 16
    data[at : at + 4] = struct.pack("<I", 300)
    return bytes(data)


def broken_lzma():
    """A zip whose member begins as LZMA does, but is none."""
    data = bytearray(zipped({"a.csv": BAD}, zipfile.ZIP_LZMA))
    data[50:60] = b"\xff" * 10
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.zip", b"PK and no more", "a.zip: cannot be unpacked (File is not a zip file)"),
        ("a.zip", ARCHIVES["stored.ZIP"].replace(b"bad,neg", b"sad,neg"), "cannot be unpacked (Bad CRC-32"),
        ("a.zip", encrypted(), "a.zip: is encrypted. Give it without a password"),
        ("a.tar", b"x" * 2000, "a.tar: cannot be unpacked"),
        ("a.tar", ARCHIVES["a.tar"][:700], "a.tar: cannot be unpacked"),
        ("a.tgz", ARCHIVES["a.tgz"][:-20], "a.tgz: cannot be unpacked"),
        ("a.csv.gz", gzip.compress(BAD)[:-4], "a.csv.gz: cannot be unpacked"),
        ("a.csv.gz", BAD, "a.csv.gz: cannot be unpacked (Not a gzipped file"),
        ("a.csv.gz", gzip.compress(BAD)[:-8] + struct.pack("<II", zlib.crc32(b"x"), len(BAD)), "CRC check failed"),
        ("a.csv.bz2", bz2.compress(BAD)[:-4], "a.csv.bz2: cannot be unpacked"),
        ("a.csv.bz2", BAD, "a.csv.bz2: cannot be unpacked (Invalid data stream"),
        ("a.csv.zst", BAD, "a.csv.zst: cannot be unpacked"),
        ("a.csv.zst", zstd(BAD)[:-6], "a.csv.zst: cannot be unpacked"),
        ("a.zip", zipped({"inner.zip": ARCHIVES["a.zip"]}), "a.zip/inner.zip: is an archive inside an archive. Unpack"),
        ("a.zip", zipped({}), "holds no record"),
        (
            "a.zip",
            zipped({"é.csv": BAD}).replace("é".encode(), b"\xff\xff"),
            "cannot be unpacked ('utf-8' codec",
        ),
        ("a.zip", begins_before_its_beginning(), "a.zip: cannot be unpacked"),
        ("a.zip", broken_lzma(), "a.zip: cannot be unpacked (Corrupt input data)"),
    ],
)
def test_what_cannot_be_unpacked_is_told_in_one_line(ingest, tmp_path, name, content, message):
    with pytest.raises(UserError) as caught:
        ingest({name: content})
    assert message in caught.value.line
    assert not (tmp_path / "raw").exists()


class UnmarkedName(zipfile.ZipInfo):
    """A member whose name is in the encoding of its machine, as programs on Windows write it."""

    encoding = "gb18030"

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.filename.encode(self.encoding), self.flag_bits


@pytest.mark.parametrize(("encoding", "told"), [("gb18030", "gb18030"), ("utf-8", "auto"), ("utf-8", "utf-16")])
def test_names_in_a_zip_are_in_the_encoding_of_the_texts(ingest, monkeypatch, encoding, told):
    monkeypatch.setattr(UnmarkedName, "encoding", encoding)
    texts = {UnmarkedName(f"{label}/a.txt"): f"\ufeff{label}".encode() for label in ("正面", "负面")}
    result = ingest({"a.zip": zipped(texts)}, label_column="folder", encoding=told)
    assert [(row["text"], row["label"]) for row in result.rows] == [("正面", "正面"), ("负面", "负面")]
