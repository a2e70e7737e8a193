"""What happens to a text by itself."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clean.characters import repair, tidy
from components.clean.markup import to_text
from components.clean.personal_data import redact


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
        ("cafe\u0301", "café"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("bell\x07 and\x00 null", "bell and null"),
        ("\u202egnirts\u202c", "gnirts"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("naïve café – “quoted” 不错", "naïve café – “quoted” 不错"),
        ("tab\tand\nbreak", "tab\tand\nbreak"),
    ],
)
def test_characters_are_repaired(broken, mended):
    assert repair(broken) == mended


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


@given(st.text())
def test_repairing_and_tidying_twice_changes_nothing_more(text):
    once = tidy(repair(text))
    assert tidy(once) == once


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail jane.doe+x@mail.example.co.uk, please", "mail <EMAIL>, please"),
        ("联系jinli@qq.com可以", "联系<EMAIL>可以"),
        ("from 192.168.0.1 to 8.8.8.8.", "from <IP> to <IP>."),
        ("call (212) 555-0123 now", "call <PHONE> now"),
        ("call 1-800-555-0123", "call <PHONE>"),
        ("fax 212.555.0123", "fax <PHONE>"),
        ("ring +49 (0)30 1234567", "ring <PHONE>"),
        ("ring +442071234567", "ring <PHONE>"),
        ("手机13812345678。电话：010-51236699", "手机<PHONE>。电话：<PHONE>"),
    ],
)
def test_personal_data_is_replaced(text, redacted):
    found = Counter()
    assert redact(text, found) == redacted
    assert found.total() == redacted.count("<")


@pytest.mark.parametrize(
    "text",
    [
        "from 1939-1945 and 1997/2001",
        "I give it 10/10, or 7.5 of 10",
        "rated 8.5.2.1999 by 100000000 people",
        "version 1.2.3.4.5 and 300.1.2.3",
        "ISBN 978-3-16-148410-0",
        "$1,000,000.00 in 2008-06-09 11:40",
        "order 4006711669912345, QQ 710959285",
        "007, 24 hours, 9-11, +5 points, 555-1234",
        "user@home and @handle and a@b",
    ],
)
def test_other_numbers_stay(text):
    assert redact(text, Counter()) == text
