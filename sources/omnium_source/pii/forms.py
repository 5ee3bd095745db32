"""Personal values that are found by their form in any text: e-mail addresses, phone numbers, birth numbers.

    with_hidden      a text with each such value replaced
    suspicious       which texts of a column have to be searched
    may_hold_any     whether any text has to be searched, for many texts at once

The rules for phone numbers must not match keys of other tables (EAN, order numbers, dates, SKUs):

- with a country code: `+47 …` always; `0047 …` if it has a separator, or if its length fits that country and it is not
  a GTIN by its check digit;
- without a country code: only with separators as the countries write them (`998 87 766`, `99 88 77 66`,
  `070-123 45 67`, `030/1234567`, `(030) 123456`, `06-12345678`), if it is not a date, and not in fields that name a
  thing (`is_identifier_name`);
- digits alone: only after a word such as `tlf.` in the same text, or if the name of the field says that it is a phone.

Escaped values and digits of other scripts are found too (`spellings.py`).

Birth numbers are recognised by their date and, if they have one, their check digit: Norwegian (eleven digits, two of
them check digits), Swedish (Luhn), Danish (`ddmmyy-nnnn`), Finnish (check character). German and Dutch numbers have no
distinctive form; only the name of their field shows them.
"""

import datetime as dt
import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.pii.spellings import OF_BYTES as OTHER_SPELLINGS
from omnium_source.pii.spellings import may_differ, usual

EMAIL_SIGN, PHONE_SIGN = "@", "+"
"""A text without `@` has no e-mail address, one without `+` no phone number that begins with it."""

_GAP = "[ \u00a0\u2009\u202f()./\u2010\u2011\u2013-]"
# The bound, the longest that mail allows, also keeps the search fast in long texts without spaces, such as an image.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_SPACE = r"[ \t\n\r\f\v]*"
_PLUS = (r"\w+", rf"\+[1-9](?:{_GAP}{{0,2}}\d){{6,14}}", r"\w")
_ZEROS = (r"\w+.,-", rf"00{_GAP}?[1-9](?:{_GAP}{{0,2}}\d){{7,14}}", r"\w")
_GROUPS = (
    r"\w.,+/-",
    "[2-9]\\d(?:[ \u00a0]\\d\\d){3}"  # 99 88 77 66
    "|[2-9]\\d\\d[ \u00a0.-]\\d\\d[ \u00a0.-]\\d{3}"  # 998 87 766
    rf"|\(0[1-9]\d{{0,4}}\){_GAP}?\d{{2,4}}(?:[ -]?\d{{2,4}}){{1,3}}"  # (030) 123 456
    rf"|0[1-9]\d{{0,3}}{_GAP}{{1,2}}\d{{2,8}}(?:[ -]\d{{2,4}}){{0,3}}",  # 070-123 45 67, 030/1234567, 06-12345678
    r"\w/-",
)
_LABEL = (
    r"\w",
    r"(?:tlf|tfn|(?:mobil)?telefoo?n(?:nummer|nr)?|telephone|tel|mob(?:il(?:nummer|nr)?)?|mobile|mobiltlf|mobiel|phone|cell(?:phone)?"
    r"|(?:matka)?puh(?:elin)?|gsm|handy(?:nummer)?|rufnummer|sms|whatsapp|(?:tele)?fax)"
    rf"\.?(?:{_SPACE}(?:nr|no|number|nummer)\.?)?{_SPACE}[:=]?{_SPACE}(\(?\d(?:{_GAP}{{0,2}}\d){{6,13}})",
    r"\w",
)
_BIRTH = (
    r"\w.,+-",
    r"(?P<no>\d{6}[ -]?\d{5})|(?P<century>19|20)?(?P<se>\d{6}[-+]?\d{4})|(?P<fi>\d{6}[-+A-FU-Y]\d{3}[0-9A-Ya-y])",
    r"\w-",
)
"""Each of these forms is three patterns: characters that must not come before it, the form itself, and characters that
must not follow it."""


def _compiled(form: tuple[str, str, str], beside: str = "", flags: int = 0) -> re.Pattern[str]:
    before, body, behind = form
    return re.compile(rf"(?<![{before}])(?:{body})(?![{behind}]{beside})", re.ASCII | flags)


_WITH_PLUS, _WITH_ZEROS = _compiled(_PLUS), _compiled(_ZEROS)
_GROUPED = _compiled(_GROUPS, r"|[., ]\d")
_LABELLED = _compiled(_LABEL, flags=re.IGNORECASE)
_BIRTH_NUMBER = _compiled(_BIRTH, r"|[.,]\d")


def _of_bytes(form: tuple[str, str, str]) -> str:
    """The same form as an expression for RE2 on bytes, which compiles ten times as fast. RE2 has no look-around.

    It matches at least all that the form matches: any byte beyond ASCII counts for any character beyond ASCII, and
    repetitions have no upper bound.
    """
    before, body, behind = form
    body = _CLASS.sub(_class_of_bytes, body)
    body = re.sub(r"\{(\d+),\d+\}", r"{\1,}", body)
    return rf"(?:^|[^{before}])(?:{body})(?:[^{behind}]|$)"


_CLASS = re.compile(r"(\[[^\]]*[^\x00-\x7f][^\]]*\])(\{\d,\d\}|\?)?")


def _class_of_bytes(found: re.Match[str]) -> str:
    signs = "".join(sign for sign in found[1][1:-1] if sign.isascii())
    count = "*" if found[2] in ("?", "{0,2}") else "+"
    return rf"[\x80-\xff{signs}]{count}"


_OF_IDENTIFIER = rf"^[ \t\r\n]*[{{\[]|{EMAIL_SIGN}|{_of_bytes(_PLUS)}"
_OF_TEXT = "|".join((_OF_IDENTIFIER, *map(_of_bytes, (_ZEROS, _GROUPS, _BIRTH)), f"(?i:{_of_bytes(_LABEL)})"))
_DATE = re.compile(r"\d{1,2}([./ -])\d{1,2}\1\d{2,4}|\d{4}([./ -])\d{1,2}\2\d{1,2}")
# A plain date matches no form but is in many texts.
_NO_DATE = r"(?<!\d)(?!\d{4}-\d\d-\d\d(?:\D|$))"
_MAY_HOLD_TEXT = re.compile(rf"@|\+\d|\d{{6}}[A-FU-Y]\d{{3}}|{_NO_DATE}\d(?:{_GAP}{{0,2}}\d){{6}}", re.ASCII)
_MAY_HOLD = re.compile(
    rb"@|\+\d|\d{6}[A-FU-Y]\d{3}|%b\d(?:[ ()./\xc2\xa0\xe2\x80-\xbf-]{0,6}\d){6}" % _NO_DATE.encode()
)
_NATIONAL_LENGTHS = {
    "47": range(8, 9), "45": range(8, 9), "46": range(7, 11), "358": range(5, 12),
    "49": range(6, 13), "31": range(9, 10), "43": range(7, 13), "41": range(9, 10),
    "32": range(8, 10), "354": range(7, 8), "298": range(6, 7), "44": range(9, 11),
    "33": range(9, 10), "48": range(9, 10), "370": range(8, 9), "371": range(8, 9),
    "372": range(7, 9),
}  # fmt: skip
"""Country code → possible numbers of digits after it, for the countries of the vendor's customers and neighbours."""
_FINNISH_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"

Hide = Callable[[str], str]


_ALL_GAPS = bytes({byte for sign in " ()./-\u00a0\u2009\u202f\u2010\u2011\u2013" for byte in sign.encode()})
_DIGITS_ALIKE = bytes(ord("0") if chr(code) in "0123456789" else code for code in range(256))


def suspicious(texts: pa.Array, *, is_identifier: bool = False) -> pa.Array:
    """Which of these texts `with_hidden` may change, or may be JSON. It misses none, and includes few others.

    All bytes of a column are searched first, which is enough for most tables. Python's expressions on each text would
    take twenty times as long.
    """
    data = texts.buffers()[2]
    together = data.to_pybytes() if data else b""
    is_other = may_differ(together)
    may_hold = is_other or may_hold_any(together, is_identifier=is_identifier)
    if not may_hold and b"[" not in together and b"{" not in together:
        return pa.repeat(pa.scalar(False), len(texts))
    pattern = _OF_IDENTIFIER if is_identifier else _OF_TEXT
    if is_other:
        pattern = f"{pattern}|{OTHER_SPELLINGS}"
    return pc.match_substring_regex(texts.view(pa.binary()), pattern).fill_null(False)


def may_hold_any(text: bytes, *, is_identifier: bool = False) -> bool:
    """Whether these texts, as UTF-8, may hold a personal value. `is_identifier`: the field names a thing."""
    has_sign = EMAIL_SIGN.encode() in text or PHONE_SIGN.encode() in text
    if is_identifier:
        return has_sign or may_differ(text)
    if has_sign:
        return _MAY_HOLD.search(text) is not None or may_differ(text)
    # A fast test first: most texts have no six digits in a row, even with all separators removed.
    alike = text.translate(_DIGITS_ALIKE, _ALL_GAPS)
    return (b"000000" in alike and _MAY_HOLD.search(text) is not None) or may_differ(text)


def with_hidden(text: str, hide: Hide, *, is_identifier: bool = False) -> str:
    """The text with `hide` applied to each personal value.

    `is_identifier`: the field names a thing, so only e-mail addresses and numbers with `+` count. If an escaped value
    is hidden, the returned text is in the usual spelling as a whole.
    """
    text = _in_usual_spelling(text, hide, is_identifier)
    plain = usual(text)
    if plain == text:
        return text
    hidden = _in_usual_spelling(plain, hide, is_identifier)
    return text if hidden == plain else hidden


def _in_usual_spelling(text: str, hide: Hide, is_identifier: bool) -> str:
    if not _MAY_HOLD_TEXT.search(text):
        return text
    if EMAIL_SIGN in text:
        text = _EMAIL.sub(lambda found: hide(found.group()), text)
    if PHONE_SIGN in text:
        text = _WITH_PLUS.sub(lambda found: hide(found.group()), text)
    if is_identifier:
        return text
    text = _BIRTH_NUMBER.sub(
        lambda found: hide(found.group()) if _is_birth_number(found) else found.group(), text
    )
    text = _WITH_ZEROS.sub(
        lambda found: hide(found.group()) if _has_country(found.group()) else found.group(), text
    )
    text = _LABELLED.sub(
        lambda found: found.group()[: found.start(1) - found.start()] + hide(found.group(1)), text
    )
    return _GROUPED.sub(
        lambda found: hide(found.group()) if _is_phone(found.group()) else found.group(), text
    )


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign in "0123456789")


def _has_country(text: str) -> bool:
    digits = _digits(text)
    for size in (2, 3):
        lengths = _NATIONAL_LENGTHS.get(digits[2 : 2 + size])
        if lengths is not None:
            # After 0047 some write the national trunk prefix 0 too.
            national = digits[2 + size :].removeprefix("0")
            return len(national) in lengths and (len(digits) < len(text) or not _is_gtin(digits))
    return len(digits) < len(text) and len(digits) >= 10


def _is_gtin(digits: str) -> bool:
    """Whether the digits are a GTIN: 8, 12, 13 or 14 of them, with a correct check digit."""
    if len(digits) not in (8, 12, 13, 14):
        return False
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits[:-1])))
    return (10 - total % 10) % 10 == int(digits[-1])


def _is_phone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 12 and not _DATE.fullmatch(text)


def _is_birth_number(found: re.Match[str]) -> bool:
    if found["no"]:
        return _is_norwegian(_digits(found["no"]))
    if found["fi"]:
        number = found["fi"]
        check = _FINNISH_CHECK[int(number[:6] + number[7:10]) % 31]
        return _is_date(number[4:6], number[2:4], number[:2]) and number[10].upper() == check
    number, century = found["se"], found["century"]
    digits = _digits(number)
    if _luhn(digits) and _is_date(digits[:2], digits[2:4], digits[4:6], coordination=True):
        return True
    return not century and number[6] == "-" and _is_date(digits[4:6], digits[2:4], digits[:2])


def _is_norwegian(digits: str) -> bool:
    """Whether it is a birth number or D-number (day + 40): a valid date, and two check digits modulo 11."""
    day = int(digits[:2]) % 40
    numbers = [int(digit) for digit in digits]
    sums = (
        sum(weight * number for weight, number in zip((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), numbers, strict=False)),
        sum(
            weight * number
            for weight, number in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), numbers, strict=False)
        ),
    )
    return all(total % 11 == 0 for total in sums) and _is_date(digits[4:6], digits[2:4], f"{day:02}")


def _luhn(digits: str) -> bool:
    total = 0
    for at, digit in enumerate(digits):
        number = int(digit) * (2 if at % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _is_date(year: str, month: str, day: str, *, coordination: bool = False) -> bool:
    """Whether the date exists in the 20th or 21st century. The day of a coordination number is 60 larger."""
    number = int(day) - 60 if coordination and int(day) > 60 else int(day)
    for century in ("19", "20"):
        try:
            dt.date(int(century + year), int(month), number)
        except ValueError:
            continue
        return True
    return False
