"""Files inside archives and compressed files, unpacked one at a time under a name of our own.

Nothing is ever written to a name that an archive gives, so that nothing can leave its folder; what is no regular file
is rejected; and what unpacks to far more than its size is refused.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, NamedTuple

from components.shared.errors import UserError
from components.shared.source_files import COMPRESSED, Pattern, is_archive, readable_name

RATIO: Final = 200
"""How many times its own size an archive may unpack to; texts reach 10, a bomb 1,000 and more."""
ALWAYS: Final = 64 << 20
"""Bytes that any archive may unpack to."""
SPECIAL: Final = "not a regular file inside an archive"
ESCAPES: Final = "a name that leads out of its archive"
_CHUNK: Final = 1 << 18
_DAMAGED: Final = (
    *(EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, struct.error),
    *(NotImplementedError, ValueError),  # ValueError: names that are not UTF-8 although they are said to be
)
"""What the unpackers of the standard library raise."""
_UTF_8_NAME: Final = 0x800
LIMIT: Final = "ingest.max_source_gb"


class Opened(NamedTuple):
    """A file that can be read: its name in the source, and where its bytes are; or why it cannot."""

    name: str
    path: Path
    reason: str = ""


class Budget:
    """Bytes that may still be downloaded or unpacked.

    Args:
        gigabytes: How many at first.
    """

    def __init__(self, gigabytes: float) -> None:
        self.left = int(gigabytes * (1 << 30))

    def spend(self, size: int, name: str) -> None:
        """Takes some; raises UserError if there are not so many left."""
        self.left -= size
        if self.left < 0:
            raise UserError(f"{name}: more than allowed is unpacked or downloaded", where=LIMIT, remedy="allow more")


def opened(
    path: Path, name: str, pattern: Pattern, budget: Budget, scratch: Path, encoding: str = ""
) -> Iterator[Opened]:
    """The file itself, or the chosen files that it contains, each readable until the next one is asked for.

    Raises:
        UserError: for an archive that is damaged, encrypted or a bomb.
    """
    if not is_archive(name):
        yield from _uncompressed(Opened(name, path), budget, scratch)
        return
    unpack = _of_zip if name.lower().endswith(".zip") else _of_tar
    with _translated(name):
        for member in unpack(path, name, pattern, budget, scratch, encoding):
            yield from _uncompressed(member, budget, scratch)


def _of_zip(path: Path, name: str, pattern: Pattern, budget: Budget, scratch: Path, encoding: str) -> Iterator[Opened]:
    meter = _Meter(path, name, budget)
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.filename.endswith("/"):
                continue
            kind, inside = stat.S_IFMT(item.external_attr >> 16), _name_of(item, encoding)
            if reason := _refusal(inside, kind in (0, stat.S_IFREG)):
                yield Opened(f"{name}/{inside}", path, reason)
            elif pattern.chooses_inside(inside):
                with archive.open(item) as member:
                    yield Opened(f"{name}/{inside}", meter.copied(member, scratch / "member"))


def _name_of(item: zipfile.ZipInfo, encoding: str) -> str:
    """The name of a file in a zip; one that is not said to be UTF-8, and is not, is in the encoding of the texts."""
    if item.flag_bits & _UTF_8_NAME or item.filename.isascii():
        return _plain(item.filename)
    for one in ("utf-8", encoding):
        with suppress(LookupError, ValueError):
            return _plain(item.filename.encode("cp437").decode(one))
    return _plain(item.filename)


def _of_tar(path: Path, name: str, pattern: Pattern, budget: Budget, scratch: Path, encoding: str) -> Iterator[Opened]:
    meter, raw = _Meter(path, name, budget), _Meter(path, name, budget)
    with _decompressed(path, name) as stream, _stream_of_tar(_Metered(stream, raw)) as archive:
        for item in archive:
            if item.isdir():
                continue
            inside = _plain(readable_name(item.name, encoding))
            if reason := _refusal(inside, item.isreg()):
                yield Opened(f"{name}/{inside}", path, reason)
            elif pattern.chooses_inside(inside) and (member := archive.extractfile(item)):
                # A sparse file unpacks to more than its archive holds.
                yield Opened(f"{name}/{inside}", meter.copied(member, scratch / "member"))


def _plain(name: str) -> str:
    """A name without the `./` that `tar -c .` begins all names with: they are no hidden files."""
    return str(PurePosixPath(name))


def _stream_of_tar(stream: Any) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|")


def _refusal(name: str, regular: bool) -> str:
    if not regular:
        return SPECIAL
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return ESCAPES if ".." in parts or name.startswith(("/", "\\")) or ":" in (parts or (":",))[0] else ""


def _uncompressed(file: Opened, budget: Budget, scratch: Path) -> Iterator[Opened]:
    if file.reason or not file.name.lower().endswith(COMPRESSED):
        yield file
        return
    with _translated(file.name), _decompressed(file.path, file.name) as stream:
        path = _Meter(file.path, file.name, budget).copied(stream, scratch / "plain")
    yield Opened(file.name, path)


def _decompressed(path: Path, name: str) -> Any:
    lower = name.lower()
    if lower.endswith((".gz", ".tgz")):
        return gzip.open(path, "rb")
    if lower.endswith((".bz2", ".tbz2")):
        return bz2.open(path, "rb")
    if lower.endswith(".zst"):
        import pyarrow as pa

        return pa.input_stream(str(path), compression="zstd")
    return path.open("rb")


class _Meter:
    """Counts what an archive unpacks to, and refuses a bomb before it fills the disk or the memory."""

    def __init__(self, path: Path, name: str, budget: Budget) -> None:
        self.name, self.budget = name, budget
        self.allowed = max(ALWAYS, RATIO * path.stat().st_size)

    def count(self, size: int) -> None:
        """Counts bytes that came out; raises UserError if they are too many."""
        self.allowed -= size
        if self.allowed < 0:
            raise UserError(
                f"unpacks to more than {RATIO} times its size, as bombs do",
                where=self.name,
                remedy="unpack it yourself if it is sound",
            )

    def copied(self, stream: IO[bytes], path: Path) -> Path:
        """Writes what a stream holds to a file."""
        with path.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                self.count(len(chunk))
                self.budget.spend(len(chunk), self.name)
                file.write(chunk)
        return path


class _Metered:
    """A stream whose bytes are counted as they are read: also headers, of which a tar may have endless ones."""

    def __init__(self, stream: IO[bytes], meter: _Meter) -> None:
        self.stream, self.meter = stream, meter

    def read(self, size: int) -> bytes:
        """Reads up to `size` bytes."""
        data = self.stream.read(min(size, _CHUNK))
        self.meter.count(len(data))
        return data

    def close(self) -> None:
        """Leaves the stream to who opened it."""


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turns what the unpackers raise into a UserError."""
    import pyarrow as pa

    try:
        yield
    except (*_DAMAGED, pa.ArrowException) as error:
        raise _damaged(name, error) from error
    except RuntimeError as error:
        if "encrypted" not in str(error):
            raise
        raise UserError("is encrypted", where=name, remedy="give it without a password") from None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: it says that a part of it begins before its beginning
            raise
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> UserError:
    what = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"cannot be unpacked ({what})", where=name, remedy="download or pack it again")
