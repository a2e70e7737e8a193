"""What each filter must catch, and what it must leave alone."""

from __future__ import annotations

import random

import eldc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clean import quality, repeated_lines
from components.clean.config import LANGUAGES, LINE_RULES, QUALITY_LIMITS, Config
from components.clean.decontamination import EvaluationSet
from components.clean.languages import language_of
from components.clean.line_rules import RULES
from components.clean.operations import Operations
from components.clean.quality import violated
from components.clean.repeated_lines import count_lines, without_lines
from components.clean.word_lists import WordList, read_words
from components.shared.errors import UserError

PROSE = (
    "The harbour was built in the last years of the century, and for a long time it was the largest of the coast. "
    "Ships that came from the south brought wine and fruit, those from the north timber and fish.\n"
    "Today only a few boats are left. People walk along the old walls in the evening, look at the water, "
    "and have a glass of the wine that still bears the name of the town."
)
CHINESE = (
    "这座港口建于上个世纪的最后几年，在很长一段时间里，它是这一带海岸上最大的港口。"
    "从南方来的船只带来了葡萄酒和水果，从北方来的船只则运来木材和鱼。\n"
    "如今这里只剩下几条小船了。傍晚的时候，人们沿着古老的城墙散步，看着水面，"
    "喝上一杯仍然以这座小镇命名的葡萄酒。镇上的老人说，他们小时候常常在码头上等父亲回家，"
    "那时候灯塔每天晚上都会亮起来，照着远处的海面。现在灯塔变成了博物馆，里面陈列着旧照片和航海图，"
    "每到夏天都有许多学生来参观，听讲解员讲述过去的故事，了解这里的人们怎样生活和劳动。"
)


def limits(*families):
    return {name: limit for family in families for name, limit in QUALITY_LIMITS[family].items()}


@pytest.mark.parametrize("family", ["gopher", "c4", "fineweb"])
@pytest.mark.parametrize("text", [PROSE, CHINESE], ids=["english", "chinese"])
def test_prose_keeps_all_rules(family, text):
    assert violated(text, limits(family)) == ""


def test_chinese_prose_keeps_the_chinese_rules():
    assert violated(CHINESE, limits("chinese")) == ""


def words(count, seed=1):
    chance = random.Random(seed)
    return [" ".join(chance.choices("abcdefghij", k=1)) + str(number) + "xyz" for number in range(count)]


LOG = "\n".join(f"the item {number} of the list was found and that is all" for number in range(30))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("min_words", "the end of it."),
        ("min_words", "很好的书，值得一看。"),
        ("max_words", "a " * 100_001),
        ("min_word_length", "a b c d e f g h i j " * 9),
        ("max_word_length", "donaudampfschifffahrt gesellschaft " * 30),
        ("max_symbols", "#one #two #three of the"),
        ("max_bullet_lines", "\n".join(f"• item {n}" for n in range(12))),
        ("max_ellipsis_lines", "Read more...\nAnd more…\nThe end."),
        ("min_alphabetic_words", "12 34 56 the 78"),
        ("min_alphabetic_words", "价格：１２３！！？？——【】￥￥"),
        ("min_stop_words", "Buy cheap watches online today"),
        ("min_stop_words", "手表价格便宜商店网上购买"),
        ("max_duplicate_lines", "same line\n" * 3 + "other"),
        ("max_duplicate_paragraphs", "A paragraph.\n\nAnother one.\n\nA paragraph.\n \nA paragraph."),
        ("max_duplicate_paragraphs", "今天天气很好。\n\n我们去公园。\n\n今天天气很好。\n\n今天天气很好。"),
        ("max_duplicate_paragraph_characters", "A rather long paragraph\nthat is repeated.\n\n" * 2 + "Short."),
        ("max_duplicate_line_characters", "a rather long line that is repeated\n" * 2 + "short"),
        ("max_top_2_words", "buy now " * 9),
        ("max_top_2_words", "点击购买" * 9),
        ("max_top_3_words", "buy it now " * 5 + " ".join(words(20))),
        ("max_top_4_words", "please buy it now " * 5 + " ".join(words(20))),
        ("max_repeated_5_words", "one two three four five " * 2),
        ("max_repeated_10_words", " ".join(words(10) * 2)),
        ("min_sentences", "Only one sentence. And a heading"),
        ("min_sentences", "只有一句话。还有标题"),
        ("max_lorem_ipsum", "Lorem ipsum dolor sit amet."),
        ("max_curly_brackets", "function f() { return 1; }"),
        ("min_punctuated_lines", "\n".join(["Menu", "Home", "About", "Contact"] * 3)),
        ("max_short_lines", "\n".join(["Home", "About", "News"])),
        ("max_short_lines", "\n".join(["首页", "关于我们", "新闻"])),
        ("max_repeated_line_characters", "a line of the page\nanother one\na line of the page"),
        ("min_line_length", "短行\n短行二\n短行三"),
        ("min_characters", "太短了"),
        ("min_chinese_share", "mostly English 只有 a few"),
        ("max_repeated_13_characters", "今天天气很好我们一起去公园玩吧" * 4),
    ],
)
def test_each_rule_catches_what_it_is_for(name, text):
    limit = next(found[name] for found in QUALITY_LIMITS.values() if name in found)
    assert violated(text, {name: limit}) == f"quality: {name} {limit:g}"
    assert (
        violated(
            PROSE if name != "min_chinese_share" else CHINESE,
            {name: limit if "characters" not in name else 0.5 if "max" in name else 9},
        )
        == ""
    )


def test_every_limit_has_a_measure():
    names = {name for family in QUALITY_LIMITS.values() for name in family}
    assert names == set(quality.RULES)


@pytest.mark.parametrize(
    ("rule", "line", "left"),
    [
        ("punctuation", "Home and About and Contact us", ""),
        ("punctuation", "首页 关于我们 联系方式，", ""),
        ("words", "Read this now.", ""),
        ("words", "请阅读这个。", ""),
        ("javascript", "Please enable JavaScript to see this page.", ""),
        ("javascript", "请在浏览器中启用脚本后再访问本页面。", ""),
        ("policies", "By going on you accept our Privacy Policy and more.", ""),
        ("policies", "继续浏览即表示您同意本网站使用Cookie和类似的技术。", ""),
        ("citations", "The town was founded in 1203.[12][citation needed]", "The town was founded in 1203."),
        ("citations", "这座小镇建于一二〇三年。[3][来源请求]", "这座小镇建于一二〇三年。"),
    ],
)
def test_each_rule_for_lines_removes_what_it_is_for_and_keeps_prose(rule, line, left):
    clean = operations(line_rules=rule).clean
    assert clean(f"{PROSE}\n{line}\n{CHINESE}") == "\n".join(filter(None, (PROSE, left, CHINESE)))


def test_rules_for_lines_see_what_others_leave_and_may_leave_nothing():
    both = operations(line_rules="punctuation,citations")
    assert both.clean("The mark is taken away first.[1]\n\nMenu\n\nIt was.") == (
        "The mark is taken away first.\n\nIt was."
    )
    assert both.defect({"text": both.clean("Just a title")}) == "empty after cleaning"
    assert both.changed["line rules"] == 2
    assert set(RULES) == set(LINE_RULES)


@pytest.mark.parametrize("rules", ["gopher,c4,fineweb,chinese"])
@given(text=st.text(max_size=60))
def test_rules_hold_for_any_text(rules, text):
    assert violated(text, limits(*rules.split(","))).startswith("quality: ")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("This film is one of the best that I have seen in many years.", "en"),
        ("这本书很不错，值得一看，推荐给大家。", "zh"),
        ("Das ist kein guter Film gewesen, leider.", "de"),
        ("Это был очень хороший фильм.", "ru"),
        ("هذا فيلم جميل جدا وأنصح الجميع بمشاهدته", "ar"),
        ("", ""),
        ("12345 !!!", ""),
        ("ok", ""),
        ("👍👍👍", ""),
        ("\ud800", ""),
    ],
)
def test_languages_are_told_or_left_open(text, language):
    assert language_of(text) == language


def test_the_languages_that_can_be_chosen_are_those_of_the_model():
    assert list(LANGUAGES) == sorted(eldc.LANGUAGES)


def test_words_count_whole_and_characters_anywhere():
    found = WordList(["ass", "kiss my", "混蛋", "C++"])
    assert found.count("ASS! pass the class, kiss  my hand, 大混蛋混蛋, c++ c++x") == 1 + 1 + 2 + 1
    assert found.count("grass and kissing, 混 蛋") == 0


def test_a_list_of_words_may_be_decomposed():
    assert WordList(["cafe\u0301", "fou a\u0300 lier"]).count("Un CAF\u00c9, fou \u00e0 lier, cafe") == 2


def test_a_list_of_words_must_hold_some(tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    with pytest.raises(UserError, match="holds no word"):
        read_words(tmp_path / "empty.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a text file in UTF-8"):
        read_words(tmp_path / "binary.txt")


WORDS = [f"word{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("known", "text", "overlaps"),
    [
        (WORDS, ["x", *WORDS[7:20], "y"], True),
        (WORDS, ["x", *WORDS[7:19], "y"], False),
        (WORDS[:8], ["x", *WORDS[:8], "y"], True),
        (WORDS[:8], WORDS[:7], False),
        (["good", "film"], ["Good", "film!"], True),
        (["good", "film"], ["good", "film", "indeed"], False),
        (["!!!"], ["!!!"], False),
        (list("这本书很不错值得一看推荐给大家"), ["我说这本书很不错，值得一看推荐给你！"], True),
        (list("这本书很不错值得一看推荐给大家"), ["这本书很不错，我喜欢"], False),
    ],
)
def test_a_run_of_thirteen_words_is_an_overlap(known, text, overlaps):
    assert EvaluationSet([" ".join(known)], 13).overlaps(" ".join(text)) is overlaps


@pytest.mark.parametrize("batch", [1, 2, 1 << 20])
def test_lines_are_counted_once_for_each_text_and_short_ones_never(monkeypatch, batch):
    footer, often = "All rights reserved", "Very good!!"
    monkeypatch.setattr(repeated_lines, "_BATCH", batch)
    counts = count_lines([f"a\n{footer}\n{footer}", "b\nall  RIGHTS reserved\nOK", f"{often}\n{often}\nOK", "OK"])
    repeated = counts.repeated(2)
    assert len(repeated) == 1
    assert without_lines(f"x\n{footer}\nOK", repeated) == "x\nOK"
    assert without_lines(often, repeated) == often


def operations(**options):
    unset = dict.fromkeys(("raw", "cleaned", "findings", "report"))
    return Operations(Config(task="classification", **unset, **options))


PIECES = (
    *("Ã¤", "â€™", "\u200b", "\u202e", "e\u0301", "ﬁ", "１２", "  ", "\n\n\n", "\r", "a@b.org", "13812345678", "tel: "),
    *("中文", "，", "x", ".", "<", "b>", "\x07", "\u0338", "\ud800", "\x85", "\xa0"),
)
STRANGE = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=15).map("".join))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"line_rules": ",".join(LINE_RULES)},
        {"normal_form": "NFKC", "full_width": True, "personal_data_key": "published"},
    ],
)
def test_cleaning_twice_changes_nothing_more(options):
    clean = operations(markup=False, **options).clean

    @given(STRANGE)
    def holds(text):
        once = clean(text)
        assert clean(once) == once

    holds()


@given(st.text(alphabet=st.characters(exclude_characters="<&")))
def test_texts_without_markup_are_the_same_with_and_without_its_removal(text):
    assert operations().clean(text) == operations(markup=False).clean(text)
