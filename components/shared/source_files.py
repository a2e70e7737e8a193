"""Files of sources: what one is, and which of them a pattern chooses."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.shared.errors import UserError

ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.zst")
COMPRESSED: Final = (".gz", ".bz2", ".zst")
_PIECES: Final = re.compile(r"(\*\*/|\*\*|\*|\?|\[[^\]/]+\])")
_MEANING: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_LEFT_OUT: Final = ("__MACOSX", "__pycache__")


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a pinned source.

    Attributes:
        name: Its name inside the source.
        content: What identifies its bytes wherever it lies, such as `sha256=…`.
        fetch: Gives the file on this machine; what has to be downloaded goes into the given directory.
        size: Bytes that a download will take; 0 when there is none.
        check: Raises UserError if the file is not what it was when it was listed.
        defect: Why it must not be read; empty when it may.
    """

    name: str
    content: str
    fetch: Callable[[Path], Path]
    size: int = 0
    check: Callable[[], None] = lambda: None
    defect: str = ""


class Pattern:
    """Globs with commas between them; `**` stands for any folders, and one without `/` holds at any depth.

    Args:
        globs: The text of the option.
        option: Its name, for errors.
    """

    def __init__(self, globs: str, option: str = "ingest.files") -> None:
        self.option = option
        self.globs = tuple(filter(None, (glob.strip() for glob in globs.split(","))))
        self._any = _compiled(self.globs, option)
        inside = tuple(glob for glob in self.globs if not is_archive(glob))
        self._inside = _compiled(inside or ("*",), option)

    def chooses(self, name: str) -> bool:
        """Whether a file of a source is read."""
        return _visible(name) and bool(self._any.fullmatch(name))

    def chooses_inside(self, name: str) -> bool:
        """Whether a file inside an archive is read: all of them if the globs name nothing but archives."""
        return _visible(name) and bool(self._inside.fullmatch(name))

    def require(self, found: object, uri: str, where: str) -> None:
        """Raises UserError if nothing was found."""
        if not found:
            globs = ",".join(self.globs)
            raise UserError(f"no file in {uri} matches {globs!r}", where=where, remedy=f"correct it or {self.option}")


def is_archive(name: str) -> bool:
    """Whether the name is that of an archive."""
    return name.lower().endswith(ARCHIVES)


def readable_name(name: str, encoding: str) -> str:
    """The name of a file as text: bytes of it that are not UTF-8 are in the encoding of the texts, or written out.

    Args:
        name: The name as Python gives it, with lone surrogates for such bytes.
        encoding: What the user says of texts; `auto` tells nothing.
    """
    raw = name.encode("utf-8", "surrogateescape")
    for one in ("utf-8", encoding):
        with suppress(LookupError, ValueError):
            return raw.decode(one)
    return raw.decode("utf-8", "backslashreplace")


def changed(what: str, where: str) -> UserError:
    """The error for a source that is not what was pinned."""
    return UserError(f"{what} is not what it was when it was resolved", where=where, remedy="run `resolve` again")


def _visible(name: str) -> bool:
    parts = name.split("/")
    return not any(part.startswith(".") or part in _LEFT_OUT for part in parts)


def _compiled(globs: tuple[str, ...], option: str) -> re.Pattern[str]:
    try:
        return re.compile("|".join(_expression(glob if "/" in glob else f"**/{glob}") for glob in globs), re.DOTALL)
    except re.error as error:
        raise UserError(
            f"{','.join(globs)!r} is not a glob ({error.msg})",
            where=option,
            remedy="correct what stands in brackets; [[] means the bracket itself",
        ) from None


def _expression(glob: str) -> str:
    pieces = []
    for piece in _PIECES.split(glob):
        if piece.startswith("[") and piece.endswith("]"):
            negated = piece[1] == "!"
            pieces.append(
                f"[{'^' if negated else ''}{re.escape(piece[1 + negated : -1]).replace(re.escape('-'), '-')}]"
            )
        else:
            pieces.append(_MEANING.get(piece, re.escape(piece)))
    return "".join(pieces)
