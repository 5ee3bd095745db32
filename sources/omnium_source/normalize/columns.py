"""Turns one field of many JSON objects into one exact Arrow column.

The objects come from orjson, which reads numbers as floats. A float keeps the first fifteen digits of a number, and
amounts have nine decimals, so a float is enough as long as it is small and not near the middle between two neighbouring
amounts. For the few others, `Spelling` looks up how the number was written in the page.

Every `fit_…` function returns the column and the positions of values that do not fit or were changed to fit (`Fit`).
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.json_values import is_container
from omnium_source.normalize.spelling import INT64, NUMBER, Spelling, is_beyond

Kind = Literal["text", "bigint", "decimal", "boolean", "timestamp", "json"]

DECIMAL = pa.decimal128(38, 9)
TIMESTAMP = pa.timestamp("us", tz="UTC")
ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "decimal": DECIMAL,
    "boolean": pa.bool_(),
    "timestamp": TIMESTAMP,
    "json": pa.string(),
}

SCALE = 9
"""Decimals of an amount."""
LARGEST_UNSCALED = 10**38
_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN)
_LARGEST_CERTAIN = float(2**50)
"""In units of the ninth decimal: for a larger number, its spelling in the page is looked up."""
_ROUNDING_ERROR = 4.5e-16
"""How far a float times 1e9 may be off, relative to itself."""
_TINY = 1e-3
"""In units of the ninth decimal: a smaller number may have more decimals than `PLACES`, even if a float holds it."""
MEANT = 14
"""The most digits of a number that was meant as it is written. Computations have 15 to 17 in doubles, 28 in .NET's
decimals, and rounding these tails to nine decimals is no loss."""

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?"
    r" ?(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_TEXT_END = 2**31 - 1
"""The end of a slice: pyarrow fails on a slice without one."""
_AFTER_MICROSECONDS = re.compile(rb"\d*Z?")
_EPOCH = dt.datetime(1970, 1, 1)
_FIRST_MOMENT = (dt.datetime.min - _EPOCH) // dt.timedelta(microseconds=1)
_LAST_MOMENT = (dt.datetime(9999, 12, 31) - _EPOCH) // dt.timedelta(microseconds=1)
"""Only the first moment of the last day counts, which is the same day in UTC: what comes later lies in the year 10000
of some time zone, and neither Python nor programs built on it can represent that."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A column, the positions of values that do not fit it, and of those that were changed to fit.

    `misfits` are null in the column. `rounded` values lost more than the tail of a computation (`loses_digits`).
    `clamped` values are moments that programs cannot represent.
    """

    array: pa.Array
    misfits: list[int] = field(default_factory=list)
    rounded: list[int] = field(default_factory=list)
    clamped: list[int] = field(default_factory=list)


def fit_text(values: Sequence[Any], spelling: Spelling) -> Fit:
    """Strings; numbers and booleans as JSON writes them. Objects and lists do not fit."""
    try:
        return Fit(pa.array(values, pa.string()))
    except pa.ArrowException:
        misfits = [row for row, value in enumerate(values) if is_container(value)]
        texts = [
            None if value is None or is_container(value) else spelling.scalar(value, row)
            for row, value in enumerate(values)
        ]
        return Fit(pa.array(texts, pa.string()), misfits)


def fit_json(values: Sequence[Any], spelling: Spelling) -> Fit:
    """Anything, as JSON text."""
    return Fit(pa.array(spelling.json(values), pa.string()))


def fit_boolean(values: Sequence[Any], spelling: Spelling) -> Fit:
    """Booleans, the words true and false, and the numbers 1 and 0."""
    try:
        return Fit(pa.array(values, pa.bool_()))
    except pa.ArrowException:
        return _one_by_one(values, pa.bool_(), lambda value, row: _boolean(value))


def _boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if value in (0, 1):
        return bool(value)
    return {"true": True, "false": False}.get(value.lower()) if type(value) is str else None


def fit_bigint(values: Sequence[Any], spelling: Spelling) -> Fit:
    """Integers of 64 bits, also written as 1.0 or "1"."""
    inferred = _inferred(values)
    if inferred is not None and (pa.types.is_null(inferred.type) or pa.types.is_int64(inferred.type)):
        return Fit(inferred.cast(pa.int64()))
    return _one_by_one(values, pa.int64(), lambda value, row: _bigint(_number(value, row, spelling)))


def _bigint(number: Decimal | None) -> int | None:
    # The exponent is checked first, so that a number such as 1E+9999 is never written out.
    if number is None or not number.is_finite() or number.adjusted() > 20:
        return None
    if number != number.to_integral_value(context=_EXACT):
        return None
    integer = int(number)
    return integer if integer in INT64 else None


def fit_decimal(values: Sequence[Any], spelling: Spelling) -> Fit:
    """Numbers of up to 29 digits before and 9 after the point; more decimals are rounded half to even."""
    inferred = _inferred(values)
    if inferred is not None:
        if pa.types.is_null(inferred.type) or pa.types.is_int64(inferred.type):
            return Fit(inferred.cast(DECIMAL))
        # Arrow turns a boolean among floats into 1 or 0.
        if pa.types.is_float64(inferred.type) and bool not in set(map(type, values)):
            fitted = _decimals_of_floats(inferred, spelling)
            if fitted is not None:
                return fitted
    rounded: list[int] = []

    def convert(value: Any, row: int) -> Decimal | None:
        number = _number(value, row, spelling)
        amount = None if number is None else _amount(number)
        if number is None or amount is None or amount == number:
            return amount
        if type(value) is str:
            return None  # a text is taken as a number only if it needs no rounding
        if loses_digits(number):
            rounded.append(row)
        return amount

    fit = _one_by_one(values, DECIMAL, convert)
    return replace(fit, rounded=rounded)


def _inferred(values: Sequence[Any]) -> pa.Array | None:
    """The array that Arrow infers from the values, None if no type fits all of them."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return None


def _decimals_of_floats(floats: pa.Array, spelling: Spelling) -> Fit | None:
    """Exact decimals; None if a number is too large for them.

    `scaled` is off by less than 2.3e-16 of itself: half a unit in the last place for the float, and as much again for
    the product. If rounding could go either way within that, or if nine decimals are more than a float keeps, the
    spelling of the number in the page is looked up.
    """
    validity, data = floats.buffers()
    amounts = np.frombuffer(data, np.float64, len(floats))
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = amounts * 1e9
        rounded = np.rint(scaled)
        size = np.abs(scaled)
        off, error = np.abs(scaled - rounded), size * _ROUNDING_ERROR
        certain = (size < _LARGEST_CERTAIN) & (0.5 - off > error)
        has_more_decimals = off > error
    lossy = _maybe_lossy(amounts, size, has_more_decimals) if has_more_decimals.any() else has_more_decimals
    if spelling.beyond.size:
        lossy |= np.isin(amounts, spelling.beyond)
    unscaled = np.empty((len(floats), 2), dtype=np.int64)
    unscaled[:, 0] = rounded if certain.all() else np.where(certain, rounded, 0)
    np.right_shift(unscaled[:, 0], 63, out=unscaled[:, 1])
    for row in np.flatnonzero(~certain).tolist():
        number = floats[row].as_py()
        if number is None:
            continue  # the value behind a null is undefined
        amount = _unscaled(spelling.exact(number, row))
        if amount is None:
            return None
        unscaled[row] = np.frombuffer(amount.to_bytes(16, "little", signed=True), dtype=np.int64)
    array = pa.Array.from_buffers(DECIMAL, len(floats), [validity, pa.py_buffer(unscaled)])
    lost = [
        row
        for row in np.flatnonzero(lossy).tolist()
        if (number := floats[row].as_py()) is not None and loses_digits(spelling.exact(number, row))
    ]
    return Fit(array, rounded=lost)


def _maybe_lossy(amounts: np.ndarray, size: np.ndarray, has_more_decimals: np.ndarray) -> np.ndarray:
    """Which floats with more than nine decimals have at most `MEANT` digits, or may have more decimals than `PLACES`.

    `size`: in units of the ninth decimal. A float is multiplied so that `MEANT` digits stand before its point: what is
    left behind it are further digits, or else the error of float and product, less than two units of the last place.
    """
    rows = np.flatnonzero(has_more_decimals & (size < 10**MEANT))
    floats = np.abs(amounts[rows])
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = floats * 10.0 ** (MEANT - 1 - np.floor(np.log10(floats)))
        near = np.abs(shifted - np.rint(shifted)) < 2 * np.spacing(shifted)
    lossy = np.zeros(len(amounts), dtype=bool)
    lossy[rows[size[rows] < _TINY]] = True
    for row in rows[near].tolist():
        digits = repr(float(amounts[row])).partition("e")[0].replace(".", "").strip("-0")
        lossy[row] |= len(digits) <= MEANT
    return lossy


def loses_digits(number: Decimal) -> bool:
    """Whether a number with more than nine decimals loses more by rounding than the tail of a computation."""
    digits = number.as_tuple().digits
    is_meant = len("".join(map(str, digits)).rstrip("0")) <= MEANT
    return (is_meant and number != _amount(number)) or is_beyond(number)


def _unscaled(number: Decimal) -> int | None:
    """The number in units of 1e-9, rounded half to even; None if that needs more than 38 digits."""
    if not number.is_finite() or number.adjusted() > 30:
        return None
    if number.adjusted() < -SCALE - 1:
        return 0
    amount = int(number.scaleb(SCALE, context=_EXACT).to_integral_value(context=_EXACT))
    return amount if abs(amount) < LARGEST_UNSCALED else None


def _amount(number: Decimal) -> Decimal | None:
    unscaled = _unscaled(number)
    return None if unscaled is None else Decimal(unscaled).scaleb(-SCALE, context=_EXACT)


def _number(value: Any, row: int, spelling: Spelling) -> Decimal | None:
    if type(value) is int or isinstance(value, Decimal):
        return Decimal(value)
    if type(value) is float:
        return spelling.exact(value, row)
    if type(value) is str and NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def fit_timestamp(values: Sequence[Any], spelling: Spelling) -> Fit:
    """ISO 8601 in any zone (UTC if none is given) and any precision, cut to microseconds; a date is its midnight."""
    try:
        texts = pa.array(values, pa.string())
    except pa.ArrowException:
        texts = None
    times = None if texts is None else _times_in_utc(texts)
    if times is None:
        fit = _one_by_one(values, pa.int64(), lambda value, row: _microseconds_of(value))
        times, misfits = fit.array.cast(TIMESTAMP), fit.misfits
    else:
        misfits = []
    return _clamped(times, misfits)


def _clamped(times: pa.Array, misfits: list[int]) -> Fit:
    """The moments, moved into the range that programs can represent."""
    counts = times.view(pa.int64())
    last = pc.max(counts).as_py()
    # .NET's 0001-01-01T00:00:00+02:00 lies before the first moment that most programs know. It means that no
    # date was set, so it is not reported as clamped.
    if last is None or (last <= _LAST_MOMENT and pc.min(counts).as_py() >= _FIRST_MOMENT):
        return Fit(times, misfits)
    late = pc.fill_null(pc.greater(counts, _LAST_MOMENT), False)
    counts = pc.min_element_wise(
        pc.max_element_wise(counts, _FIRST_MOMENT, skip_nulls=False), _LAST_MOMENT, skip_nulls=False
    )
    return Fit(
        counts.view(TIMESTAMP), misfits, clamped=np.flatnonzero(late.to_numpy(zero_copy_only=False)).tolist()
    )


def _times_in_utc(texts: pa.Array) -> pa.Array | None:
    """All moments of a column at once; None if not all of them are well formed."""
    try:
        # Arrow requires a zone, and takes no more than microseconds.
        return texts.cast(TIMESTAMP)
    except pa.ArrowException:
        return _times_of_any_precision(texts)


def _times_of_any_precision(texts: pa.Array) -> pa.Array | None:
    """The same for texts that have no zone or more digits, if none has a zone other than UTC."""
    # As bytes: a slice of text would have to count characters.
    raw = texts.view(pa.binary())
    zone = pc.binary_slice(raw, 19, _TEXT_END)
    if pc.any(pc.or_(pc.match_substring(zone, b"+"), pc.match_substring(zone, b"-"))).as_py():
        return None
    rest = pc.unique(pc.binary_slice(zone, 7, _TEXT_END)).to_pylist()
    if not all(text is None or _AFTER_MICROSECONDS.fullmatch(text) for text in rest):
        return None
    moments = pc.ascii_rtrim(pc.binary_slice(raw, 0, 26).view(pa.string()), "Z")
    try:
        return moments.cast(pa.timestamp("us")).cast(TIMESTAMP)
    except pa.ArrowException:
        return None


@lru_cache(maxsize=100_000)
def _microseconds(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = dt.datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    count = (moment - _EPOCH) // dt.timedelta(microseconds=1) + int((fraction or "")[:6].ljust(6, "0"))
    if zone and zone not in "Zz":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
        count -= offset if zone[0] == "+" else -offset
    return count


def _microseconds_of(value: Any) -> int | None:
    return _microseconds(value) if type(value) is str else None


def microseconds(value: Any) -> int | None:
    """Microseconds since 1970 of an ISO 8601 text, limited to what programs can represent; None for anything else."""
    count = _microseconds_of(value)
    return None if count is None else min(max(count, _FIRST_MOMENT), _LAST_MOMENT)


def _one_by_one(values: Sequence[Any], arrow_type: pa.DataType, convert: Callable[[Any, int], Any]) -> Fit:
    converted = [None if value is None else convert(value, row) for row, value in enumerate(values)]
    misfits = [row for row, value in enumerate(values) if value is not None and converted[row] is None]
    return Fit(pa.array(converted, arrow_type), misfits)


FITS: dict[Kind, Callable[[Sequence[Any], Spelling], Fit]] = {
    "text": fit_text,
    "bigint": fit_bigint,
    "decimal": fit_decimal,
    "boolean": fit_boolean,
    "timestamp": fit_timestamp,
    "json": fit_json,
}


def kind_of(values: Sequence[Any]) -> Kind:
    """The kind of column that fits the values of a field that the contract does not have."""
    present = [value for value in values if value is not None]
    types = set(map(type, present))
    if types & {dict, list}:
        return "json"
    if types == {bool}:
        return "boolean"
    if types <= {int, float, Decimal}:
        return "decimal"
    if types == {str} and all("T" in value and microseconds(value) is not None for value in present):
        return "timestamp"
    return "text"
