"""HTML to text. A text without known tags or entities is left as it is."""

from __future__ import annotations

import html
import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from components.clean.pages import content_lines, content_of, is_page, keep_content

_NAMES: Final = (
    "a|abbr|address|article|aside|audio|b|blockquote|body|br|button|canvas|caption|center|cite|code|col|dd|del|dfn"
    "|details|div|dl|dt|em|figcaption|figure|font|footer|form|frame|h1|h2|h3|h4|h5|h6|head|header|hr|html|i|iframe"
    "|img|input|ins|kbd|label|li|link|main|mark|meta|nav|noscript|object|ol|option|p|param|pre|q|rp|rt|ruby|s|samp|script|section|select"
    "|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|tt|u|ul"
    "|var|video"
)
HIDDEN: Final = ("head", "script", "style", "template", "noscript", "iframe", "object", "svg", "textarea", "select")
BLOCKS: Final = (
    "address, article, aside, blockquote, caption, center, dd, details, div, dl, dt, figcaption, figure, footer, form, "
    "h1, h2, h3, h4, h5, h6, header, hr, li, main, nav, ol, p, pre, section, table, tr, ul"
)
CELLS: Final = "td, th"
MOST_TAGS: Final = 20_000
"""From more tags on they are just removed: parsing takes the square of how deep they are nested."""
# Attributes must have values, so that "x<b and c>d" is no tag.
_TAG: Final = re.compile(
    rf"""<(?:!--|!doctype\b|/?(?:{_NAMES})(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*\s*/?>)""",
    re.IGNORECASE,
)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)


def to_text(text: str) -> str:
    """The text without markup: blocks and `<br>` become line breaks, cells are separated by tabs."""
    return _to_text(text, main_content=False)


def to_main_text(text: str) -> str:
    """The same; of a whole page only the main content."""
    return _to_text(text, main_content=True)


def _to_text(text: str, *, main_content: bool) -> str:
    if "<" in text and _TAG.search(text):
        text = _BREAK.sub("\n", text)
        if _TAG.search(text):
            if text.count("<") > MOST_TAGS:
                return html.unescape(_TAG.sub("\n", text))
            return _parsed(text, main_content and is_page(text))
    return html.unescape(text) if "&" in text and _ENTITY.search(text) else text


def _parsed(text: str, main_content: bool) -> str:
    tree = LexborHTMLParser(text)
    for node in tree.css(", ".join(HIDDEN)):
        node.decompose()
    if main_content:
        keep_content(tree)
    for node in tree.css(BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    for node in tree.css(CELLS):
        node.insert_after("\t")
    content = content_of(tree) if main_content else tree.body
    text = content.text() if content else ""
    return content_lines(text, known=content is not None and content.tag != "body") if main_content else text
