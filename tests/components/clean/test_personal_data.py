"""Personal data is found by form and checksum, and the same person always gets the same placeholder."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.clean import identifiers
from components.clean.config import PERSONAL_DATA
from components.clean.personal_data import Redactor
from components.clean.placeholders import KEYS_VARIABLE, Placeholders, only_placeholders
from components.shared.errors import UserError

KEY = "a secret of this test 0123456789"


def redacted(text, kinds=PERSONAL_DATA, key=""):
    return Redactor(kinds, Placeholders(key)).redact(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail jane.doe+x@mail.example.co.uk, please", "mail <EMAIL>, please"),
        ("联系jinli@qq.com可以", "联系<EMAIL>可以"),
        ("邮箱 jinli＠qq.com。价格１２３元", "邮箱 <EMAIL>。价格１２３元"),
        ("jane (at) example (dot) org, jane[at]example.org", "<EMAIL>, <EMAIL>"),
        ("from 192.168.0.1 to 8.8.8.8.", "from <IP> to <IP>."),
        ("host 2001:db8:85a3::8a2e:370:7334 down", "host <IP> down"),
        ("call (212) 555-0123 now", "call <PHONE> now"),
        ("call 1-800-555-0123", "call <PHONE>"),
        ("fax 212.555.0123", "fax <PHONE>"),
        ("ring +49 (0)30 1234567", "ring <PHONE>"),
        ("ring +442071234567", "ring <PHONE>"),
        ("tel: 555 01234", "tel: <PHONE>"),
        ("手机13812345678。电话：010-51236699", "手机<PHONE>。电话：<PHONE>"),
        ("138 1234 5678，138-1234-5678，0086 13812345678", "<PHONE>，<PHONE>，<PHONE>"),
        ("（021）61234567 电话：51236699", "<PHONE> 电话：<PHONE>"),
        ("手机号１３８１２３４５６７８", "手机号<PHONE>"),
        ("座机010 51236699，总机：0755-51236699-801", "座机<PHONE>，总机：<PHONE>"),
        ("来信ｊｉｎｌｉ＿９＠ＱＱ．ｃｏｍ", "来信<EMAIL>"),
        ("卡号6222 0202 0012 3456 788，6222-0202-0012-3456-79", "卡号<CARD>，<CARD>"),
        ("4111 1111 1111 1111 123", "<CARD> 123"),
        ("身份证11010519491231002X，440524188001010014", "身份证<ID>，<ID>"),
        ("ssn 219-09-9999, SSN: 219099999", "ssn <ID>, SSN: <ID>"),
        ("passport no. E12345678，护照号码：E12345678", "passport no. <ID>，护照号码：<ID>"),
        ("4111 1111 1111 1111 or 4111111111111111", "<CARD> or <CARD>"),
        ("378282246310005, 3782 822463 10005, 6212345678901232", "<CARD>, <CARD>, <CARD>"),
        ("GB29 NWBK 6016 1331 9268 19 OR DE89370400440532013000.", "<BANK> OR <BANK>."),
        ("BE68 5390 0754 7034 THEN", "<BANK> THEN"),
        ("https://jane:secret@host.org/x", "https://<CREDENTIALS>@host.org/x"),
        (
            "https://jane:p@ss@host.org/x，redis://:secret@host",
            "https://<CREDENTIALS>@host.org/x，redis://<CREDENTIALS>@host",
        ),
        ("iban de89370400440532013000", "iban <BANK>"),
        ("my ssn is 219099999, my phone number is 5551234567", "my ssn is <ID>, my phone number is <PHONE>"),
        ("tel. 0171 234 5678, tel 020-1234-5678", "tel. <PHONE>, tel <PHONE>"),
        ("https://x.org/?a=1&access_token=abcdef#x", "https://x.org/?a=1&access_token=<CREDENTIALS>#x"),
        ("https://x.org/#access_token=abcdef", "https://x.org/#access_token=<CREDENTIALS>"),
        ("https://jane%40x.org:p%3Ass@host.org/x", "https://<CREDENTIALS>@host.org/x"),
        ("联系user@例子.中国谢谢，user＠例子.com.cn。", "联系<EMAIL>谢谢，<EMAIL>。"),
        ("请写信 张三@例子.中国。", "请写信 <EMAIL>。"),
        ("user@bücher.example, jürgen@example.org", "<EMAIL>, <EMAIL>"),
        ("jane@example.orgом, jane@example.orgâ€™s", "<EMAIL>ом, <EMAIL>â€™s"),
        ("иван@почта.рф; user@xn--fsqu00a.xn--fiqs8s.", "<EMAIL>; <EMAIL>."),
        ("mailto:jane%40example.org?subject=x", "mailto:<EMAIL>?subject=x"),
        ("身份证号 110105 19491231 002x。", "身份证号 <ID>。"),
        ("110105-19491231-002X, 110105 1949 1231 002X", "<ID>, <ID>"),
        ("full-width Ｘ: 11010519491231002Ｘ", "full-width Ｘ: <ID>"),
        ("a dash of books: 219–09–9999, (212) 555–0123, 1939–1945", "a dash of books: <ID>, <PHONE>, 1939–1945"),
        ("(+86) 138 1234 5678, （+86）13812345678, (86)13812345678", "<PHONE>, <PHONE>, <PHONE>"),
        ("86-13812345678, 8613812345678, 138-12345678, 138.1234.5678", "<PHONE>, <PHONE>, <PHONE>, <PHONE>"),
        ("400-800-8820，客服热线400-1234-567，800-8208820", "<PHONE>，客服热线<PHONE>，<PHONE>"),
        ("热线：400 800 8820，电话：01051236699", "热线：<PHONE>，电话：<PHONE>"),
        ("010 5123 6699，010-5123-6699，(010)5123 6699", "<PHONE>，<PHONE>，<PHONE>"),
        ("（０２１）６１２３４５６７、＋８６　１３８　１２３４　５６７８", "<PHONE>、<PHONE>"),
        ("0049 30 1234567, 0086-10-51236699, 03-1234-5678", "<PHONE>, <PHONE>, <PHONE>"),
        ("ring (+49 30 1234567) or (+49) 30 1234567", "ring (<PHONE>) or <PHONE>"),
        ("DE89-3704-0044-0532-0130-00, de89 3704 0044 0532 0130 00 then", "<BANK>, <BANK> then"),
        ("fe80::1%eth0. ::ffff:192.0.2.128, 64:ff9b::192.0.2.33.", "<IP>. <IP>, <IP>."),
    ],
)
def test_personal_data_is_replaced(text, expected):
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "from 1939-1945 and 1997/2001",
        "I give it 10/10, or 7.5 of 10",
        "rated 8.5.2.1999 by 100000000 people",
        "version 1.2.3.4.5 and 300.1.2.3",
        "ISBN 978-3-16-148410-0",
        "$1,000,000.00 in 2008-06-09 11:40",
        "order 4006711669912346, QQ 710959285",
        "007, 24 hours, 9-11, +5 points, 555-1234",
        "user@home and @handle and a@b",
        "11010519491231002Y, 110105194912310021, 990105194912310020, 110105194913310020",
        "000-12-3456, 666-12-3456, 912-34-5678, 219-00-9999, 219-09-0000",
        "4111 1111 1111 1112 and 1234567812345670",
        "GB29 NWBK 6016 1331 9268 18 and ZZ29NWBK60161331926819 and GB29",
        "at 10:20:30, a::b, std::vector<int>, dead::beef",
        "version 1.2.3.4 or v10.15.7.1，版本3.11.2.1",
        "https://host.org:8080/path?page=2&sort=up and key: value",
        "one (at) a time, look [at] this",
        "价格１２３４元，２０２０年",
        "１８２４６３０５７９２/m，１．５－２．５",
        "//@小明：转发 看看@微博用户.好玩，关注@example.org，我@小明。中国很好",
        "user@例子，@例子.中国，×@÷.com",
        "ISO 100 200 400 800 1600 3200, 4000000000 people, 8000000000",
        "0010 0020 0030 0040, 0012 3456 7890, +5 -3",
        "1350000 2010, 1500 1600 1700, 01-02-2003, 12-31-1999, 0-306-40615-2",
        "110105 19491231 0021, 110105 11491231 002X, 12 34 56 78 90 12 34 56 78",
        "no12 that were some more than, de89 3704 0044 0532 0130 01",
        "100%40 off, 1::2, ::ffff:300.0.2.128, fe80::zz%eth0",
    ],
)
def test_other_numbers_stay(text):
    assert redacted(text) == text


@pytest.mark.parametrize("kind", PERSONAL_DATA)
def test_each_kind_can_be_left_out(kind):
    samples = {
        "email": "jane@x.org",
        "phone": "13812345678",
        "ip": "8.8.8.8",
        "id": "11010519491231002X",
        "card": "4111111111111111",
        "bank": "DE89370400440532013000",
        "credentials": "ftp://jane:secret@host/",
    }
    assert redacted(samples[kind]) != samples[kind]
    assert redacted(samples[kind], [other for other in PERSONAL_DATA if other != kind]) == samples[kind]


@pytest.mark.parametrize(
    "ways",
    [
        ("Jane.Doe@Example.org", "jane.doe@example.org", "jane.doe[at]example.org", "jane.doe＠example.org"),
        ("jane@example.org", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ"),
        ("13812345678", "138-1234-5678", "+86 138 1234 5678", "008613812345678", "１３８１２３４５６７８"),
        ("jane@example.org", "jane%40example.org"),
        ("user@bücher.example", "User@BÜCHER.example", "user@xn--bcher-kva.example", "user＠bücher．example"),
        ("user@例子.中国", "user@xn--fsqu00a.xn--fiqs8s", "user＠例子．中国"),
        (
            "13812345678",
            "(+86) 138-1234-5678",
            "86-13812345678",
            "8613812345678",
            "138 12345678",
            "１３８－１２３４－５６７８",
        ),
        ("400-800-8820", "400-8008820", "400-8008-820", "+86 400 800 8820"),
        ("010-51236699", "（010）51236699", "010 51236699", "+86 10 51236699"),
        (
            "010-51236699",
            "010 5123 6699",
            "+86 (010) 51236699",
            "0086-10-51236699",
            "0086 010 51236699",
            "(010)5123-6699",
        ),
        ("0755-51236699", "+86 755 5123 6699", "0086 0755 51236699"),
        ("(212) 555-0123", "212.555.0123", "1-212-555-0123", "+1 212 555 0123", "001 212 555 0123", "(212) 555–0123"),
        ("+49 30 1234567", "+49 (0)30 1234567", "+49301234567"),
        ("4111111111111111", "4111-1111-1111-1111", "4111 1111 1111 1111"),
        ("DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00"),
        (
            "11010519491231002X",
            "11010519491231002x",
            "110105 19491231 002X",
            "110105-1949-1231-002x",
            "１１０１０５１９４９１２３１００２Ｘ",
        ),
        ("219-09-9999", "219 09 9999", "219–09–9999"),
        ("192.0.2.128", "::ffff:192.0.2.128", "::FFFF:c000:280", "１９２．０．２．１２８"),
        ("2001:db8::8a2e:370", "2001:0DB8:0:0:0:0:8a2e:0370", "2001:db8::8a2e:370%eth0"),
    ],
)
def test_the_same_person_has_one_placeholder_however_it_is_written(ways):
    made = {redacted(way, key="published") for way in ways}
    assert len(made) == 1
    assert "_" in made.pop()


@given(
    st.from_regex(r"[a-z][a-z0-9.]{0,8}[a-z]@[a-z]{1,9}\.(?:org|co\.uk|cn)", fullmatch=True),
    st.sampled_from(["", "mail ", "（", "邮箱：", "<", "\n"]),
    st.sampled_from(["", ".", ", please", "）", "。", ">", "\nx"]),
)
def test_an_address_has_one_placeholder_wherever_it_stands(address, before, after):
    placeholder = redacted(address, key="published")
    assert placeholder.startswith("<EMAIL_")
    assert redacted(f"{before}{address}{after}", key="published") == f"{before}{placeholder}{after}"
    assert redacted(f"{before}{address.upper()}{after}", key="published") == f"{before}{placeholder}{after}"


def test_different_persons_have_different_placeholders():
    texts = [f"user{number}@example.org" for number in range(2000)]
    assert len({redacted(text, key="published") for text in texts}) == 2000


def test_another_key_gives_other_placeholders_and_no_key_none(monkeypatch):
    monkeypatch.setenv(KEYS_VARIABLE, f"a={KEY}, b={KEY[::-1]}")
    made = {redacted("jane@x.org", key=key) for key in ("a", "b", "published")}
    assert len(made) == 3
    assert redacted("jane@x.org") == "<EMAIL>"
    assert not any("jane" in text or KEY in text for text in made)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("", "no key 'mine'"),
        ("other=0123456789abcdef", "Add mine=<secret>"),
        ("mine=short", "shorter than 16"),
    ],
)
def test_a_missing_or_short_key_is_told_without_showing_it(monkeypatch, keys, told):
    monkeypatch.setenv(KEYS_VARIABLE, keys)
    with pytest.raises(UserError, match=told) as error:
        Placeholders("mine")
    assert "0123456789abcdef" not in error.value.line
    assert "short" not in error.value.line.replace("shorter", "")


@pytest.mark.parametrize("text", ["<EMAIL>", "<EMAIL_abc234> , <PHONE>!", "(<ID_aaaa>)\n<CARD>"])
def test_a_text_of_placeholders_only_is_told(text):
    assert only_placeholders(text)


@pytest.mark.parametrize("text", ["", "!!", "<<>>", "mail <EMAIL>", "<unk>", "<EMAIL_ABC>"])
def test_a_text_with_more_than_placeholders_is_none(text):
    assert not only_placeholders(text)


PIECES = st.sampled_from(
    [
        *("a@b.org", "1.2.3.4", "13812345678", "+49 30 123456", "219-09-9999", "4111111111111111", "::1:2:3", "@b.co"),
        *(*"@.- /:()x09_\n０＠\u0338", "://", "u:p@", "?sig=", "<EMAIL>", "tel: ", "DE89370400440532013000"),
        *("例子.中国", "张三", "ü", "%40", "–", "86", "110105 19491231 002X", "::ffff:", "%eth0", "+86 ", "0049 "),
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_redacting_twice_changes_nothing_more(text):
    once = redacted(text, key="published")
    assert redacted(once, key="published") == once


@given(st.integers(10**14, 10**15 - 1))
def test_luhn_catches_each_wrong_digit(number):
    body = "4" + str(number)[1:]
    valid = next(f"{body}{digit}" for digit in range(10) if identifiers.card_form(f"{body}{digit}"))
    place = random.Random(number).randrange(1, 16)
    wrong = valid[:place] + str((int(valid[place]) + 1) % 10) + valid[place + 1 :]
    assert not identifiers.card_form(wrong)


@given(st.integers(0, 999), st.dates().map(lambda day: day.replace(year=1900 + day.year % 120, day=min(day.day, 28))))
def test_resident_numbers_have_exactly_one_checksum(serial, born):
    body = f"440524{born:%Y%m%d}{serial:03}"
    assert sum(bool(identifiers.resident_id_form(f"{body}{check}")) for check in "0123456789X") == 1
