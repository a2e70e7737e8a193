"""Reports: one file without network, in which nothing from data is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.shared import charts
from components.shared.report import Page, shown

HOSTILE = '<script>中"</script>&$\\frac$'


def page() -> Page:
    made = Page(HOSTILE, HOSTILE)
    made.section(HOSTILE, HOSTILE)
    made.notice(HOSTILE, "bad")
    made.tiles({HOSTILE: (HOSTILE, HOSTILE)})
    made.facts({HOSTILE: HOSTILE})
    made.table([HOSTILE, "rows"], [[HOSTILE, 12345], [None, None]])
    made.figures([(charts.bars({HOSTILE: [1.0]}, [HOSTILE]), HOSTILE)])
    return made


def drawn() -> dict[str, str]:
    points = ([0.0, 1.0], [0.2, 0.8])
    return {
        "bars": charts.bars({HOSTILE: [1, 2], "b": [2, 1]}, [HOSTILE, "中"], axis="rows"),
        "intervals": charts.bars({"a": [1.0]}, ["x"], low=[0.5], high=[1.5]),
        "lying intervals": charts.bars({"a": [1.0]}, ["x"], low=[0.5], high=[1.5], horizontal=True),
        "lines": charts.lines({HOSTILE: points, "_pale": points}, x="step", y="loss"),
        "heatmap": charts.heatmap([[3, 1], [0, 0]], [HOSTILE, "中"], x="predicted", y="label"),
        "large heatmap": charts.heatmap([[1] * 40] * 40, [f"{i}" for i in range(40)], x="predicted", y="label"),
        "reliability": charts.reliability([0.6, 0.9], [0.5, 0.95], [10, 200]),
        "reliability of nothing": charts.reliability([], [], []),
        "roc": charts.roc({HOSTILE: points}),
        "histogram": charts.histogram({HOSTILE: [1, 2, 3], "b": [2]}, x="length"),
    }


def test_nothing_from_data_is_markup(tmp_path: Path) -> None:
    page().write(tmp_path / "deep" / "report.html")
    html = (tmp_path / "deep" / "report.html").read_text()
    tags: set[str] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.add(tag)  # type: ignore[method-assign]
    parser.feed(html)
    assert "script" not in tags
    assert {"table", "svg", "dl", "figure"} <= tags


def test_a_report_asks_for_nothing_from_the_network() -> None:
    html = page().html()
    links = set(re.findall(r"""(?:src|href)=["']([^"']+)|url\(([^)]+)\)|@import""", html))
    assert all("".join(link).startswith("#") for link in links)


def test_lone_surrogates_do_not_stop_a_report(tmp_path: Path) -> None:
    Page("a \ud800 b").write(tmp_path / "report.html")
    assert "a ? b" in (tmp_path / "report.html").read_text()


def test_numbers_are_set_to_the_right() -> None:
    html = page().html()
    assert '<td class="number">12,345</td>' in html
    assert '<th class="number">rows</th>' in html


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (True, "yes"), (12345, "12,345"), (0.8125, "0.812"), (1234.56, "1,234.6"), ("text", "text")],
)
def test_values_as_people_read_them(value: str | int | float | None, said: str) -> None:
    assert shown(value) == said


def test_charts_are_the_same_bytes_again_and_well_formed() -> None:
    first, second = drawn(), drawn()
    assert first == second
    for name, svg in first.items():
        assert ET.fromstring(svg).tag.endswith("svg"), name  # noqa: S314 - our own


def test_words_in_charts_are_words_in_the_colour_of_the_page() -> None:
    for name in ("bars", "heatmap", "roc"):
        svg = drawn()[name]
        words = {"".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("text")}  # noqa: S314
        assert HOSTILE in words, name
        assert "currentColor" in svg
        assert "#010203" not in svg


def test_long_labels_leave_room_to_draw() -> None:
    for svg in (
        charts.bars({"a": [1.0, 2.0]}, ["x" * 200, "y"], horizontal=True),
        charts.heatmap([[1, 2]] * 2, ["x" * 200, "y"], x="", y=""),
    ):
        assert f">{'x' * 27}…<" in svg


def test_heat_maps_of_many_labels_name_none() -> None:
    assert ">39<" not in drawn()["large heatmap"]
