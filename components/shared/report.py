"""HTML reports in one file: no network, light and dark, readable on a phone.

    page = Page("Evaluation of reviews", "dataset reviews/v3")
    page.tiles({"Accuracy": ("0.812", "0.794 to 0.829")})
    page.section("By label")
    page.table(["label", "rows", "recall"], [["positive", 640, 0.83]])
    page.figures([(charts.bars(...), "What the chart shows")])
    page.write(path)

Everything from data is escaped. Charts come from `charts` as inline SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from components.shared.files import write_atomically

Cell = str | int | float | None
LONG: Final = 20
"""A column with a longer text breaks its lines."""

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6472; --page: #f5f6f8; --card: #fff; --line: #dfe3e8;
  --accent: #2563ab; --good: #1a7f52; --bad: #b3342d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa4b2; --page: #14171c; --card: #1c2128;
  --line: #333b46; --accent: #6cb0f5; --good: #4cc38a; --bad: #f2827a } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem }
p { margin: .4rem 0 .8rem; max-width: 46rem }
.soft, figcaption, dt { color: var(--soft) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.2rem 0 }
.tile, figure, .scroll, dl, .notice { background: var(--card); border: 1px solid var(--line); border-radius: 8px }
.tile { padding: .7rem .9rem; overflow-wrap: anywhere }
.tile b { display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.tile span { display: block; color: var(--soft); font-size: .83rem }
.notice { padding: .7rem 1rem; border-left: 4px solid var(--accent); margin: 1rem 0; max-width: none }
.notice.good { border-left-color: var(--good) }
.notice.bad { border-left-color: var(--bad) }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: .75rem }
figure { margin: 0; padding: .8rem }
figure svg { display: block; width: 100%; height: auto; max-height: 26rem }
figure svg text { font-family: inherit !important }
figcaption { font-size: .85rem; margin-top: .4rem }
.scroll { overflow-x: auto; margin: .6rem 0 }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { padding: .4rem .75rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
tr:last-child td { border-bottom: 0 }
th { color: var(--soft); font-weight: 600; white-space: nowrap }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.long { min-width: 11rem; overflow-wrap: anywhere; white-space: pre-line }
dl { display: grid; grid-template-columns: minmax(8rem, 13rem) 1fr; gap: .3rem 1rem; margin: .6rem 0;
  padding: .8rem 1rem; font-size: .9rem }
dd { margin: 0; overflow-wrap: anywhere }
"""


class Page:
    """A report that grows from top to bottom."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]
        if subtitle:
            self._parts.append(f'<p class="soft">{escape(subtitle)}</p>')

    def section(self, title: str, text: str = "") -> None:
        """A heading, with a paragraph below it."""
        self._parts.append(f"<h2>{escape(title)}</h2>")
        if text:
            self.text(text)

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def notice(self, text: str, tone: str = "") -> None:
        """A paragraph that stands out; `tone` is "good", "bad" or neutral."""
        self._parts.append(f'<p class="notice {escape(tone)}">{escape(text)}</p>')

    def tiles(self, tiles: Mapping[str, tuple[str, str]]) -> None:
        """The main figures: name to value and a note."""
        cells = (
            f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(note)}</span></div>'
            for name, (value, note) in tiles.items()
        )
        self._parts.append(f'<div class="tiles">{"".join(cells)}</div>')

    def facts(self, facts: Mapping[str, Cell]) -> None:
        """Names with their values."""
        rows = (f"<dt>{escape(name)}</dt><dd>{escape(shown(value))}</dd>" for name, value in facts.items())
        self._parts.append(f"<dl>{''.join(rows)}</dl>")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """A table; columns of numbers are set to the right."""
        body = list(rows)
        numeric = [any(isinstance(row[i], int | float) for row in body) for i in range(len(columns))]
        head = "".join(
            f'<th class="number">{escape(name)}</th>' if number else f"<th>{escape(name)}</th>"
            for name, number in zip(columns, numeric, strict=True)
        )
        long = [any(len(shown(row[i])) > LONG for row in body) for i in range(len(columns))]
        lines = (f"<tr>{''.join(map(_cell, row, numeric, long))}</tr>" for row in body)
        self._parts.append(
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        )

    def figures(self, figures: Iterable[tuple[str, str]]) -> None:
        """Charts side by side where there is room: SVG of `charts`, and a caption."""
        cells = (f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for svg, caption in figures)
        self._parts.append(f'<div class="figures">{"".join(cells)}</div>')

    def html(self) -> str:
        """The whole page."""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_STYLE}</style></head>\n"
            "<body><main>\n" + "\n".join(self._parts) + "\n</main></body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Writes the page to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, self.html().encode("utf-8", "replace"))


def shown(value: Cell) -> str:
    """A value as people read it: 12,345 and 0.812."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"
    return value


def _cell(value: Cell, number: bool, long: bool) -> str:
    text = shown(value)
    kind = ' class="number"' if number else ' class="long"' if long else ""
    return f"<td{kind}>{escape(text)}</td>"
