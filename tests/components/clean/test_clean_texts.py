"""What happens to a text by itself."""

from __future__ import annotations

import re

import pytest
from ftfy.badness import is_bad
from hypothesis import given
from hypothesis import strategies as st

from components.clean.characters import _SUSPECT, normaliser, repair, strip_invisible, tidy, to_half_width
from components.clean.markup import to_main_text, to_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("one<br /><br />two<BR>three", "one\n\ntwo\nthree"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>a <b>bold</b> word</div>", "a bold word"),
        ("<ul><li>x</li><li>y</li></ul>", "x\n\ny"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
        ("<script>alert(1)</script>text<style>p {}</style>", "text"),
        ('see <a href="https://x.org?a=1&amp;b=2">this</a>', "see this"),
        ("fish &amp; chips &#233;&#x4e0d;", "fish & chips é不"),
        ("<!-- hidden -->shown", "shown"),
        ("press <kbd>Ctrl</kbd>", "press Ctrl"),
        ("a<br>&lt;b&gt; is bold", "a\n<b> is bold"),
        ("<p>I rate it < 3</p>", "I rate it < 3"),
    ],
)
def test_markup_becomes_text(markup, text):
    assert tidy(to_text(markup)) == text


@pytest.mark.parametrize(
    "text",
    [
        "I <3 this",
        "x<b and c>d",
        "List<String> names",
        "<unk> token",
        "<EMAIL>",
        "AT&T",
        "Q&A; more",
        "a < b > c",
        "<>",
    ],
)
def test_text_that_only_looks_like_markup_stays(text):
    assert to_text(text) == text


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("schÃ¶n", "schön"),
        ("the movieâ€™s", "the movie’s"),
        ("РџСЂРёРІРµС‚, РјРёСЂ", "Привет, мир"),
        ("naïve café – “quoted” 不错", "naïve café – “quoted” 不错"),
        ("‘Ça va?’ «Déjà vu» £5 ½ ©2020 Ελλάδα Привет", "‘Ça va?’ «Déjà vu» £5 ½ ©2020 Ελλάδα Привет"),
        ("“很好”…——《书》", "“很好”…——《书》"),
        ("杩欓儴鐢靛奖 good", "这部电影 good"),
    ],
)
def test_mojibake_is_mended(broken, mended):
    assert repair(broken) == mended


CHINESE = ["这部电影很好看，我很喜欢。", "我爱北京天安门", "abc 这家店的服务态度 very good 不错"]


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_that_was_misread_is_mended(text):
    assert repair(text.encode("gb2312").decode("latin-1")) == text
    assert repair(text) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("créée à l'été, où ça va bien", "latin-1"),
        ("£50 ±2° ¿Qué? ¡Hola! ÁÉÍÓÚÑ ½½½½½½", "latin-1"),
        ("привет, это хороший фильм «да»", "cp1251"),
        ("её её ещё моё всё", "koi8-r"),
        ("안녕하세요 반갑습니다 영화 좋아요", "euc-kr"),
        ("日本語 東京大学", "euc-jp"),
        ("映画はとても面白かったです", "euc-jp"),
        ("สวัสดีครับ ภาพยนตร์ดีมาก", "tis-620"),
    ],
)
def test_other_languages_are_not_taken_for_chinese(text, encoding):
    assert not re.search("[一-龥]", repair(text.encode(encoding).decode("latin-1")))


@given(st.text(alphabet=st.one_of(st.sampled_from("âÃ¤€œ“”’‘•…™ Â£ßþ–√∂œвЂΒ€ā"), st.characters())))
def test_no_mojibake_escapes_the_quick_test(text):
    assert _SUSPECT.search(text) or not is_bad(text)


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("bell\x07 and\x00 null", "bell and null"),
        ("\u202egnirts\u202c", "gnirts"),
        ("a\u061cb\u2063c", "abc"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("tab\tand\nbreak", "tab\tand\nbreak"),
        ("שלום עולם 👍🏽 🇨🇳", "שלום עולם 👍🏽 🇨🇳"),
    ],
)
def test_what_cannot_be_seen_is_removed(text, visible):
    assert strip_invisible(text) == visible


@pytest.mark.parametrize(
    ("form", "text", "normal"),
    [
        ("NFC", "cafe\u0301", "café"),
        ("NFC", "ﬁne Ⅳ ＡＢＣ①", "ﬁne Ⅳ ＡＢＣ①"),
        ("NFKC", "ﬁne Ⅳ ＡＢＣ①", "fine IV ABC1"),
    ],
)
def test_texts_are_brought_into_a_normal_form(form, text, normal):
    assert normaliser(form)(text) == normal


@pytest.mark.parametrize(
    ("text", "half"),
    [
        ("ＡＢＣ１２３＠ｑｑ．ｃｏｍ", "ABC123@qq.com"),
        ("很好，真的！（推荐）：好？；", "很好，真的！（推荐）：好？；"),
        ("plain", "plain"),
    ],
)
def test_full_width_letters_become_ascii_and_chinese_punctuation_stays(text, half):
    assert to_half_width(text) == half


PAGE = """<!doctype html><html><head><title>T</title></head><body class="has-sidebar">
<nav><a href="/">Home</a> <a href="/a">About us</a></nav>
<div class="menu"><ul><li><a href="/1">One</a></li><li><a href="/2">Two</a></li></ul></div>
<article><h1>The news</h1><p>{first}</p><p>{second}</p></article>
<div id="related-links"><a href="/x">You may also like this</a></div>
<footer>Copyright 2020. All rights reserved.</footer></body></html>"""
FIRST = "The committee met on Monday and agreed, after a debate of many hours, on a new plan for the old harbour."
SECOND = "It will be built next year, and those who live there have been asked what they think of all the noise."


def test_of_a_page_the_main_content_is_kept():
    page = PAGE.format(first=FIRST, second=SECOND)
    assert tidy(to_main_text(page)) == f"The news\n\n{FIRST}\n\n{SECOND}"
    assert "About us" in to_text(page)


def test_a_page_without_an_article_is_judged_by_length_and_links():
    links = " ".join(f'<a href="/{n}">topic number {n} of many</a>' for n in range(9))
    page = f"<html><body><div>{links}</div><div>{FIRST}</div><div>{SECOND}</div><p>Share</p></body></html>"
    assert tidy(to_main_text(page)) == f"{FIRST}\n\n{SECOND}\n\nShare"


def test_lists_and_code_of_an_article_are_content():
    page = f"<html><main><h2>You need</h2><ul><li>salt</li></ul><p>{FIRST}</p><pre>a = 1\nb = 2</pre></main></html>"
    assert tidy(to_main_text(page)) == f"You need\n\nsalt\n\n{FIRST}\n\na = 1\nb = 2"


def test_headings_and_short_blocks_between_long_ones_are_content():
    links = "".join(f'<a href="/{n}">topic number {n}</a> ' for n in range(5))
    title = "<h1>The harbour</h1><p>By a reporter</p><p>Monday</p>"
    steps = "<ul><li>Boil.</li><li>Simmer.</li><li>Serve.</li></ul>"
    page = f"""<html><body><p>The Daily</p><p>Subscribe</p><p>{links}</p>{title}<p>{FIRST}</p>{steps}<p>{SECOND}</p>
<p>{links}</p><p>Top</p><p>Imprint</p></body></html>"""
    found = [line for line in tidy(to_main_text(page)).split("\n") if line]
    assert found == ["The harbour", "Monday", FIRST, "Boil.", "Simmer.", "Serve.", SECOND]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>short</p><p>piece</p>", "short\n\npiece"),
        ("<html><body><p>tiny page</p></body></html>", "tiny page"),
        ("<html><nav>only</nav></html>", ""),
    ],
)
def test_pieces_and_tiny_pages_keep_what_they_have(markup, text):
    assert tidy(to_main_text(markup)) == text


@pytest.mark.parametrize(
    ("untidy", "text"),
    [
        ("  a \t b\u00a0\u3000c ", "a b c"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\n \n\n\n b", "a\n\nb"),
        (" \n ", ""),
    ],
)
def test_white_space_is_tidied(untidy, text):
    assert tidy(untidy) == text
