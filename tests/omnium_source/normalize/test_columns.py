"""Numbers, times and other scalars: what comes in, what stands in the column."""

import datetime as dt
import time
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omnium_source.normalize.columns import (
    FITS,
    Kind,
    _decimals_of_floats,
    kind_of,
    microseconds,
)
from omnium_source.normalize.spelling import AmbiguousNumber, Bodies, Spelling


def fitted(kind: Kind, *texts: str) -> tuple[list[Any], list[int]]:
    """JSON texts of values → the column and the positions that do not fit, through the bytes of a page."""
    body = ("[" + ",".join(texts) + "]").encode()
    values = orjson.loads(body)
    spelling = Spelling(Bodies([body], [0]), np.zeros(len(values), dtype=np.int64))
    fit = FITS[kind](values, spelling)
    return fit.array.to_pylist(), fit.misfits


def one(kind: Kind, text: str) -> Any:
    column, misfits = fitted(kind, text, "null")
    assert misfits in ([], [0])
    return "misfit" if misfits else column[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", "100"),
        ("0.1", "0.1"),
        ("-0.0", "0"),
        ("1234.56", "1234.56"),
        ("89.2857142857142857142857142857", "89.285714286"),
        ("-89.2857142857142857142857142857", "-89.285714286"),
        ("1E-7", "0.0000001"),
        ("1.5E+3", "1500"),
        ("0.0000000005", "0"),
        ("0.0000000015", "0.000000002"),
        ("0.00000000050000000000000000001", "0.000000001"),
        ("1.0000000004999999999999999999", "1"),
        ("1.0000000005000000000000000001", "1.000000001"),
        ("12345678.123456789", "12345678.123456789"),
        ("12345678901234567890.123456789", "12345678901234567890.123456789"),
        ("99999999999999999999999999999.999999999", "99999999999999999999999999999.999999999"),
        ("2500000.1", "2500000.1"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("123456789012345678901234567", "123456789012345678901234567"),
        ("1E+300", "misfit"),
        ("100000000000000000000000000000", "misfit"),
        ('"12.50"', "12.50"),
        ('"-1E2"', "-100"),
        ('"0.1234567891"', "misfit"),
        ('"12,50"', "misfit"),
        ('""', "misfit"),
        ("true", "misfit"),
        ('{"amount":1}', "misfit"),
        ("[1]", "misfit"),
    ],
)
def test_amounts_are_exact(text: str, expected: str) -> None:
    value = one("decimal", text)
    assert value == ("misfit" if expected == "misfit" else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "is_noted"),
    [
        ("0.1234567891", True),
        ("1234.0000000001", True),
        ("-1234.00000000010", True),
        ("4E-10", True),
        ("0.0000000005", True),
        ("1.234E-9", True),
        ("99999.123456789", False),
        ("99.123456789012", True),
        ("1E-300", True),
        # Fifteen digits and more are what a division leaves: of a double, or of .NET's decimal.
        ("33.3333333333333", False),
        ("33.333333333333336", False),
        ("0.30000000000000004", False),
        ("0.000123333333333333", False),
        ("89.2857142857142857142857142857", False),
        # Its float is that of the short number.
        ("0.12345678910000000000000001", False),
        ("0.12345678910000000000000000", True),
        # More decimals than .NET's decimal has.
        ("0.123456789012345678901234567891", True),
        ("5.551115123125783E-17", True),
        ("0.10", False),
        ("0.100000000000000000000000000000000", False),
        ("123456789.5", False),
    ],
)
@pytest.mark.parametrize(
    "others", [(), ("1.5", "null", "2"), ("1E28", '"x"')], ids=["alone", "floats", "mixed"]
)
def test_a_number_that_was_meant_with_more_than_nine_decimals_is_noted(
    text: str, is_noted: bool, others: tuple[str, ...]
) -> None:
    body = f"[{','.join((*others, text, 'null'))}]".encode()
    values = orjson.loads(body)
    spelling = Spelling(Bodies([body], [0]), np.zeros(len(values), dtype=np.int64))
    assert FITS["decimal"](values, spelling).rounded == [len(others)] * is_noted


@given(st.lists(st.tuples(st.integers(-(10**16), 10**16), st.integers(0, 30)), min_size=1))
def test_what_is_noted_depends_on_the_digits_alone(numbers: list[tuple[int, int]]) -> None:
    body = f"[1.5,{','.join(f'{digits}E-{places}' for digits, places in numbers)}]".encode()
    values = orjson.loads(body)
    spelling = Spelling(Bodies([body], [0]), np.zeros(len(values), dtype=np.int64))
    lossy = []
    for row, (digits, places) in enumerate(numbers, 1):
        meant = str(digits).rstrip("0")
        decimals = places - len(str(digits)) + len(meant)
        if meant and (decimals > 28 or (decimals > 9 and len(meant.lstrip("-")) <= 14)):
            lossy.append(row)
    assert FITS["decimal"](values, spelling).rounded == lossy


def test_a_column_of_amounts_keeps_its_nulls_and_its_order() -> None:
    column, misfits = fitted(
        "decimal", "1.5", "null", "89.2857142857142857142857142857", '"x"', "3", "1E+300"
    )
    assert column == [Decimal("1.5"), None, Decimal("89.285714286"), None, Decimal(3), None]
    assert misfits == [3, 5]


def test_a_boolean_among_amounts_is_none_of_them() -> None:
    """Arrow takes `true` after a float for 1."""
    assert fitted("decimal", "0.5", "true", "false") == ([Decimal("0.5"), None, None], [1, 2])


def test_what_stands_below_a_null_is_no_amount() -> None:
    numbers = pa.py_buffer(np.array([1.5, 1e300, 2.0]))
    floats = pa.Array.from_buffers(pa.float64(), 3, [pa.py_buffer(b"\x05"), numbers])
    fitted = _decimals_of_floats(floats, Spelling(Bodies([b""], [0]), np.zeros(3, dtype=np.int64)))
    assert fitted is not None
    assert fitted.array.to_pylist() == [Decimal("1.500000000"), None, Decimal("2.000000000")]


def test_two_amounts_that_one_float_cannot_tell_apart() -> None:
    with pytest.raises(AmbiguousNumber):
        fitted("decimal", "12345678901.000000001", "12345678901.000000002")


@pytest.mark.parametrize(
    ("short", "is_ambiguous"),
    [
        ("12345678901.5", True),
        ("12345678901.50", True),
        ("1.23456789015E10", True),
        ("12345678901.25", False),
        ("-12345678901.5", False),
        ('"12345678901.5"', False),
    ],
)
def test_a_number_that_its_float_tells_beside_one_that_has_the_same(short: str, is_ambiguous: bool) -> None:
    numbers = ("12345678901.500000001", short)
    if is_ambiguous:
        with pytest.raises(AmbiguousNumber):
            fitted("decimal", *numbers)
    else:
        assert fitted("decimal", *numbers)[0][0] == Decimal("12345678901.500000001")


def test_many_long_amounts_cost_no_look_through_the_page_each() -> None:
    """.NET divides to 28 digits: a page of large totals has thousands of them."""
    texts = [f"{5_000_000 + number}.333333333333333333333" for number in range(20_000)]
    started = time.process_time()
    column, misfits = fitted("decimal", *texts)
    assert time.process_time() - started < 5
    assert (column[-1], misfits) == (Decimal("5019999.333333333"), [])


@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=12).filter(lambda n: abs(n) < 10**9))
)
def test_amounts_agree_with_decimal_arithmetic(numbers: list[Decimal]) -> None:
    try:
        column, misfits = fitted("decimal", *(f"{number:f}" for number in numbers))
    except AmbiguousNumber:
        return
    assert misfits == []
    assert column == [round(number, 9) for number in numbers]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("1.0", 1),
        ("-3E2", -300),
        ('"42"', 42),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", "misfit"),
        ("1.5", "misfit"),
        ("12345678901234567890123", "misfit"),
        ('"1.5"', "misfit"),
        ('"many"', "misfit"),
        ("false", "misfit"),
        ("{}", "misfit"),
    ],
)
def test_whole_numbers(text: str, expected: Any) -> None:
    assert one("bigint", text) == expected


def test_a_fraction_among_whole_numbers_is_not_cut_off() -> None:
    assert fitted("bigint", "1", "1.5", "2.0", "null") == ([1, None, 2, None], [1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"A-1"', "A-1"),
        ("1000045", "1000045"),
        ("12.5", "12.5"),
        ("1E-7", "1e-7"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("-9536743164062500000", "-9536743164062500000"),
        ("100000000000000000000", "100000000000000000000"),
        ("0.12345678901234567890", "0.12345678901234567890"),
        ("true", "true"),
        ('""', ""),
        ('{"a":1}', "misfit"),
        ("[]", "misfit"),
    ],
)
def test_text_takes_numbers_as_they_are_written(text: str, expected: str) -> None:
    assert one("text", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ('"False"', False),
        ("1", True),
        ("0", False),
        ("1.0", True),
        ("2", "misfit"),
        ('"1"', "misfit"),
        ('"yes"', "misfit"),
    ],
)
def test_booleans(text: str, expected: Any) -> None:
    assert one("boolean", text) == expected


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


TIMES = [
    ("2024-05-01T10:11:12Z", utc(2024, 5, 1, 10, 11, 12)),
    ("2024-05-01T10:11:12.1234567Z", utc(2024, 5, 1, 10, 11, 12, 123456)),
    ("2024-05-01T10:11:12.5Z", utc(2024, 5, 1, 10, 11, 12, 500000)),
    ("2024-05-01T10:11:12.123456789012Z", utc(2024, 5, 1, 10, 11, 12, 123456)),
    ("2024-05-01T10:11:12", utc(2024, 5, 1, 10, 11, 12)),
    ("2024-05-01T10:11", utc(2024, 5, 1, 10, 11)),
    ("2024-05-01 10:11:12", utc(2024, 5, 1, 10, 11, 12)),
    ("2024-05-01", utc(2024, 5, 1)),
    ("2024-05-01T10:11:12+02:00", utc(2024, 5, 1, 8, 11, 12)),
    ("2024-05-01T10:11:12.1234567+02:00", utc(2024, 5, 1, 8, 11, 12, 123456)),
    ("2024-05-01T10:11:12-0330", utc(2024, 5, 1, 13, 41, 12)),
    ("0001-01-01T00:00:00", utc(1, 1, 1)),
    ("0001-01-01T00:00:00+02:00", utc(1, 1, 1)),
    ("9999-12-31T23:59:59.9999999Z", utc(9999, 12, 31)),
    ("2024-05-01T10:11:12+23:59", utc(2024, 4, 30, 10, 12, 12)),
    ("2024-05-01T10:11:12+24:00", "misfit"),
    ("2024-05-01T10:11:12+9900", "misfit"),
    ("2024-05-01T10:11:12-05:60", "misfit"),
    ("2024-02-30T00:00:00Z", "misfit"),
    ("2024-05-01T10:11:12.123456xy", "misfit"),
    ("01.05.2024", "misfit"),
    ("soon", "misfit"),
    ("", "misfit"),
]


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_times(text: str, expected: Any) -> None:
    assert one("timestamp", f'"{text}"') == expected


def test_times_of_all_kinds_in_one_column() -> None:
    column, misfits = fitted("timestamp", *(f'"{text}"' for text, _ in TIMES), "null", "20240501", "{}")
    assert column == [None if moment == "misfit" else moment for _, moment in TIMES] + [None, None, None]
    assert misfits == [at for at, (_, moment) in enumerate(TIMES) if moment == "misfit"] + [24, 25]


@given(st.lists(st.datetimes(timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=-5))]))))
def test_the_fast_and_the_slow_way_to_read_times_agree(moments: list[dt.datetime]) -> None:
    texts = [moment.isoformat() for moment in moments]
    column, misfits = fitted("timestamp", *(f'"{text}"' for text in texts))
    assert misfits == []
    assert [(moment - utc(1970, 1, 1)) // dt.timedelta(microseconds=1) for moment in column] == [
        microseconds(text) for text in texts
    ]


def test_json_keeps_what_it_gets() -> None:
    assert fitted("json", '["a",1,null]', "[]", "null", '"x"', '{"b":1.5,"a":{}}') == (
        ['["a",1,null]', "[]", None, '"x"', '{"b":1.5,"a":{}}'],
        [],
    )


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None], "decimal"),
        ([1, 2], "decimal"),
        ([True, None], "boolean"),
        ([True, 1], "text"),
        (["2024-05-01T10:00:00Z"], "timestamp"),
        (["2024-05-01"], "text"),
        (["2024-05-01T10:00:00Z", "soon"], "text"),
        (["x", {"a": 1}], "json"),
        ([[1]], "json"),
    ],
)
def test_the_kind_of_a_field_that_the_contract_lacks(values: list[Any], kind: Kind) -> None:
    assert kind_of(values) == kind
