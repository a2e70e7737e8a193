"""The main content of HTML pages: articles without their menus, side bars and footers.

What is known to be none of it goes first (navigation, forms, what is named a side bar). Then each block of the
largest `article` or `main`, or of the page where it has neither, is judged as boilerplate detection does since
Kohlschütter et al. (2010): by its length and by how much of it is links. Short blocks follow what is around them, as in
jusText (Pomikálek, 2011): they stay beside a long one and between two without links, and so do headings before one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

_PAGE: Final = re.compile(r"<(?:html|body|!doctype\s+html)\b", re.IGNORECASE)
_AROUND: Final = (
    "nav, aside, footer, form, button, dialog, [role=navigation], [role=banner], [role=contentinfo], [role=search], "
    "[role=complementary], [hidden], [aria-hidden=true]"
)
_NAMED: Final = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu|side-?bar|footer|breadcrumbs?|cookies?|share|social|related|comments?"
    r"|ads?|advert\w*|promo\w*|subscribe|newsletter|pagination|copyright)(?:$|[\s_-])",
    re.IGNORECASE,
)
_CONTENT: Final = "article, main, [role=main]"
_LEAST_SHARE: Final = 0.3
"""Share of the page's text from which an `article` or `main` is the whole content."""
_MOST_LINKS: Final = 1 / 3
_LONG: Final = 80
_LONG_UNSPACED: Final = 30
_ENDS: Final = (".", "!", "?", "…", "。", "！", "？", '"', "”")
_LINK, _LINK_END, _HEADING = "\ue000", "\ue001", "\ue002"
_MARKS: Final = str.maketrans("", "", _LINK + _LINK_END + _HEADING)
_HEADING_REACH: Final = 3
"""Blocks from a heading to the long block that it may still belong to."""
_LINKS: Final = re.compile(f"{_LINK}[^{_LINK_END}]*{_LINK_END}")


def is_page(text: str) -> bool:
    """Whether a text is a whole HTML page and not a piece of one."""
    return _PAGE.search(text) is not None


def keep_content(tree: LexborHTMLParser) -> None:
    """Takes from a parsed page what lies around its content, and marks links and headings for `content_lines`."""
    body = tree.body
    if body is None:
        return
    for node in body.css(_AROUND):
        node.decompose()
    size = len(body.text())
    for node in body.css("div, section, ul, ol, table, header, p"):
        names = f"{node.attributes.get('class') or ''} {node.attributes.get('id') or ''}"
        if names != " " and _NAMED.search(names) and len(node.text()) < size / 2:
            node.decompose()
    for link in body.css("a"):
        link.insert_before(_LINK)
        link.insert_after(_LINK_END)
    for heading in body.css("h1, h2, h3, h4"):
        heading.insert_child(_HEADING)


def content_of(tree: LexborHTMLParser) -> LexborNode | None:
    """The node that holds the content."""
    body = tree.body
    if body is None:
        return None
    largest = max(body.css(_CONTENT), key=lambda node: len(node.text()), default=body)
    return largest if len(largest.text()) >= _LEAST_SHARE * len(body.text()) else body


def content_lines(text: str, *, known: bool) -> str:
    """The lines that are content, of a text with marks; all of them if none looks like content.

    Args:
        text: The text.
        known: Whether the page itself says that it is content: then lists, tables and code in it are, too.
    """
    lines = [line.strip() for line in text.split("\n")]
    plain = [line.translate(_MARKS).strip() for line in lines]
    shown = [number for number, line in enumerate(plain) if line]
    words = [_links(lines[number]) <= _MOST_LINKS for number in shown]
    long = [place for place, number in enumerate(shown) if words[place] and _is_long(plain[number])]
    kept = {shown[place] for place in _content(long, words, known) | _headings(long, [lines[n] for n in shown])}
    return "\n".join(line for number, line in enumerate(plain) if not line or number in kept or not kept)


def _content(long: Sequence[int], words: Sequence[bool], known: bool) -> set[int]:
    """The places of long blocks, and of short ones that are no links and lie beside or between them."""
    if known and long:
        return {place for place, said in enumerate(words) if said}
    kept = set(long)
    for place in long:
        kept.update(other for other in (place - 1, place + 1) if 0 <= other < len(words) and words[other])
    for before, after in pairwise(long):
        if all(words[before:after]):
            kept.update(range(before, after))
    return kept


def _headings(long: Sequence[int], lines: Sequence[str]) -> set[int]:
    """The places of headings that a long block follows soon."""
    near = {place - distance for place in long for distance in range(1, _HEADING_REACH + 1)}
    return {place for place in near if place >= 0 and _HEADING in lines[place] and _links(lines[place]) <= _MOST_LINKS}


def _is_long(line: str) -> bool:
    if line.isascii() or line.count(" ") > len(line) / 20:
        return len(line) >= _LONG or (len(line) >= _LONG / 2 and line.endswith(_ENDS))
    return len(line) >= _LONG_UNSPACED or (len(line) >= _LONG_UNSPACED / 2 and line.endswith(_ENDS))


def _links(line: str) -> float:
    """Share of a line that is links."""
    return sum(len(link) for link in _LINKS.findall(line)) / max(1, len(line))
