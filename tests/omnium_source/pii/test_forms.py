"""Values by their form: what is hidden in a text, and what must not be, because tables are joined by it."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omnium_source.pii.forms import may_hold_any, suspicious, with_hidden

HIDDEN = [
    "{kari@nordmann.no}", "skriv til {kari.o'hara+x@post.example.co.uk}!", "{Åse.Bø@example.no}",
    "{+47 998 87 766}", "{+4799887766}", "tlf {+47-998.87.766}", "{+358 40 1234567}", "{+49 (0)171 1234567}",
    "{+46\u00a070\u00a0123\u00a045\u00a067}", "{0047 99887766}", "{0047 998 87 766}", "{0047-99887766}",
    "{004799887766}", "ring {00 47 99 88 77 66}.", "{0046701234567}", "{0049 171 1234567}", "{0031 6 12345678}",
    "{00358 40 1234567}", "{998 87 766}", "{99 88 77 66}", "{22 33 44 55}", "mobil {998 87 766}, etter kl 16",
    "{070-123 45 67}", "{08-123 456 78}", "{0701-23 45 67}", "{040 123 4567}", "{050-1234567}", "{0171 1234567}",
    "{030/1234567}", "{(030) 123 456 78}", "{06-12345678}", "{06 12 34 56 78}", "{020-1234567}", "tlf. {99887766}",
    "Tel: {99887766}", "mobilnr {99887766}", "puh {0401234567}", "Handy: {01711234567}", "{01018000055}",
    "{010180 00055}", "{41018000049}", "{19811228-9874}", "{811228-9874}", "{8112289874}", "{010180-1234}",
    "{131052-308T}", "{131052A308T}",
]  # fmt: skip
KEPT = [
    "7038010000123", "07038010000120", "0012345678905", "004712345671", "12345678", "99887766", "1234567890",
    "2024-001234", "10-1", "1E5", "000123", "2024-01-02", "01.02.2024", "01-02-2024", "1.2.24",
    "2024-01-01T10:00:00+02:00", "2024-01-01 10:00:00", "10:00-18:00", "192.168.10.200", "1.250.000,00",
    "1 250 000", "12 500,50", "100 x 200 x 300", "978-3-16-148410-0", "0123456789", "NO 987 654 321 MVA",
    "987 654 321", "SKU-0123-45-67", "A 070-123 45 67X", "1 + 1 = 2, 3+45678901234", "user@localhost",
    "3.14159265358979", "0150 Oslo", "60.123456, 10.654321", "00000000-0000-0000-0000-000000000000",
    "123e4567-e89b-12d3-a456-426614174000", "01018000056", "19811228-9875", "329980-1234", "131052-308X", "XL", "",
    "370380100001234567", "45 67 89", "0047", "IBAN NO93 8601 1117 947",
]  # fmt: skip


@pytest.mark.parametrize("text", HIDDEN)
def test_hidden(text: str) -> None:
    plain = text.replace("{", "").replace("}", "")
    assert with_hidden(plain, lambda found: "*" * len(found)) == re.sub(
        "{(.*?)}", lambda found: "*" * len(found[1]), text
    )
    assert may_hold_any(plain.encode())
    assert suspicious(pa.array([plain])).to_pylist() == [True]


OTHERWISE = [
    ("se https://x.no/?m=kari%40nordmann.no", "se https:*"),
    ("kari%2540nordmann.no", "*"), ("kari%252540nordmann.no", "*"),
    ("kari&#64;nordmann.no", "*"), ("kari&#x40;nordmann.no", "*"), ("kari&commat;nordmann.no", "*"),
    ("kari&amp;#64;nordmann.no", "*"),
    ("til kari＠nordmann.no nå", "til * nå"), ("ｋａｒｉ＠ｎｏｒｄｍａｎｎ．ｎｏ", "*"),
    ("tel=%2B4799887766", "tel=*"), ("%2b47%20998%2087%20766", "*"), ("＋４７ ９９８ ８７ ７６６", "*"),
    ("ring ９９８　８７　７６６", "ring *"),
    ("٠٠٤٧ ٩٩٨ ٨٧ ٧٦٦", "*"), ("+۴۷ ۹۹۸ ۸۷ ۷۶۶", "*"), ("०४०-१२३ ४५६७", "*"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "hidden"), OTHERWISE)
def test_what_is_written_otherwise_is_hidden(text: str, hidden: str) -> None:
    assert with_hidden(text, lambda found: "*") == hidden
    assert may_hold_any(text.encode())
    assert suspicious(pa.array([text])).to_pylist() == [True]


@pytest.mark.parametrize(
    "text", ["100%40g", "A&#64;B", "a%2Bb＝１２３", "salg %40 av", "https://x.no/%C3%A5?q=1%2B1", "٣٤٥"]
)
def test_other_spellings_of_nothing_personal_are_kept_as_they_are(text: str) -> None:
    assert with_hidden(text, lambda found: "*") == text


def test_where_something_names_a_thing_an_address_is_found_in_any_spelling() -> None:
    for text in ("https://x.no/?m=kari%40nordmann.no", "kari＠nordmann.no", "%2B4799887766"):
        assert "*" in with_hidden(text, lambda found: "*", is_identifier=True)
        assert may_hold_any(text.encode(), is_identifier=True)
        assert suspicious(pa.array([text]), is_identifier=True).to_pylist() == [True]


SIGNS = st.sampled_from(
    [
        *"0123456789" * 2,
        *" ()./-+@:,xÅ_\n\v\u00a0\u2011＠＋９０٩",
        "%40",
        "%2B",
        "%25",
        "&#64;",
        "tlf",
        "Mobil nr.",
        "00",
        "+47",
        "070-",
    ]
)


@given(st.lists(SIGNS, max_size=24).map("".join), st.booleans())
def test_what_is_hidden_is_suspicious(text: str, is_identifier: bool) -> None:
    is_changed = with_hidden(text, lambda found: "x", is_identifier=is_identifier) != text
    (is_suspicious,) = suspicious(pa.array([text]), is_identifier=is_identifier).to_pylist()
    assert is_suspicious or not is_changed


def test_few_others_are_suspicious() -> None:
    texts = [*KEPT, None, '{"a": 1}', "[1]"]
    suspects = suspicious(pa.array(texts)).to_pylist()
    assert sum(suspects) < 24, [text for text, is_one in zip(texts, suspects, strict=True) if is_one]
    assert suspects[-3:] == [False, True, True]


@pytest.mark.parametrize("text", KEPT)
def test_kept(text: str) -> None:
    assert with_hidden(text, lambda found: f"{{{found}}}") == text


@pytest.mark.parametrize(
    "text", ["998 87 766", "070-123 45 67", "0047 99887766", "01018000055", "tlf 99887766"]
)
def test_what_names_a_thing_is_kept(text: str) -> None:
    assert with_hidden(text, lambda found: f"{{{found}}}", is_identifier=True) == text


@pytest.mark.parametrize(
    "text",
    [
        "1" * 300_000,
        "1 " * 150_000,
        "a" * 300_000 + "@",
        "(0" * 100_000,
        "0047 " * 60_000,
        "%25" * 100_000,
        "%40" * 100_000,
        "&#64;" * 60_000,
        "＠" * 100_000,
        "&amp;" * 60_000 + "#64;",
    ],
)
def test_a_long_text_takes_no_time(text: str) -> None:
    with_hidden(text, lambda found: "x")
    may_hold_any(text.encode())
    suspicious(pa.array([text]))
