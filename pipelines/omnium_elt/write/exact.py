"""Changes some fields of a JSON object; all others, unknown ones too, stay byte for byte as they were."""

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_SPACE = re.compile(r"[ \t\r\n]*")
_LONGEST_INTEGER = 18
"""Most digits of an integer that becomes an int; longer ones become Decimals, as int() takes at most 4,300 digits."""


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Decimal(digits)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_whole, parse_constant=_refuse)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def fields(content: bytes) -> dict[str, bytes]:
    """The fields of an object, each value as the bytes received. Raises ValueError if it is not a JSON object.

    If a field occurs twice, the last value counts, as in most JSON parsers.
    """
    written = content.decode("utf-8-sig")
    return {name: written[start:end].encode() for name, start, end in _places(written)}


def _places(written: str) -> list[tuple[str, int, int]]:
    """The fields of an object: the name, and where in `written` its value begins and ends. Raises ValueError."""
    if not isinstance(_decoded(written), dict):
        raise ValueError("it is JSON, but no object")
    places, at = [], _after_space(written, written.index("{") + 1)
    while written[at] != "}":
        name, at = _DECODER.raw_decode(written, at)
        start = _after_space(written, _after_space(written, at) + 1)
        _, end = _DECODER.raw_decode(written, start)
        places.append((name, start, end))
        at = _after_space(written, end)
        if written[at] == ",":
            at = _after_space(written, at + 1)
    return places


def _decoded(written: str) -> Any:
    try:
        return _DECODER.decode(written)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _after_space(written: str, at: int) -> int:
    found = _SPACE.match(written, at)
    return found.end() if found else at


def value(content: bytes) -> Any:
    """Parse JSON; numbers with a fraction become Decimals. Raises ValueError."""
    return _decoded(content.decode("utf-8-sig"))


def text(value: Any) -> bytes:
    """Encode a value as JSON; a Decimal becomes a number with all its digits."""
    return _ENCODER.encode(value)


def with_fields(content: bytes, changes: Mapping[str, Any]) -> bytes:
    """The object with some fields changed or added; everything else stays byte for byte as it was."""
    written = content.decode("utf-8-sig")
    places = _places(written)
    values = {name: text(value).decode() for name, value in changes.items()}
    made, at = list[str](), 0
    for name, start, end in places:
        if name in values:
            made += [written[at:start], values[name]]
            at = end
    names = {name for name, _, _ in places}
    added = [f"{json.dumps(name)}:{value}" for name, value in values.items() if name not in names]
    closing = written.rindex("}")
    made += [written[at:closing], "," if places and added else "", ",".join(added), written[closing:]]
    return "".join(made).encode()


def fingerprint(content: bytes, salt: str) -> dict[str, str]:
    """A keyed digest of each field's value, however that is spelled; unlike personal data, it may be stored."""
    return {name: _digest(raw, salt) for name, raw in fields(content).items()}


def differing(before: Mapping[str, str], salt: str, after: bytes) -> set[str]:
    """The fields in which the object `after` differs from the one whose fingerprint is `before`.

    A new field counts only if it has a value other than null, 0, false, or an empty text, list or object.
    """
    now = fields(after)
    return {
        name
        for name in before.keys() | now.keys()
        if (value(now[name]) if name not in before else _digest(now.get(name, b"null"), salt) != before[name])
    }


def _digest(raw: bytes, salt: str) -> str:
    kept = json.dumps(_plain(value(raw)), sort_keys=True)
    return hashlib.blake2b(kept.encode(), key=bytes.fromhex(salt), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """Replace numbers by one spelling of their value, so that 1, 1.0 and 1.00 are equal."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"number {_digits(Decimal(value))}"
    return value


def _digits(number: Decimal) -> str:
    """A number with all its significant digits; Decimal's `normalize` would round to the precision of its context."""
    sign, digits, exponent = number.as_tuple()
    written = "".join(map(str, digits)).lstrip("0")
    if not written:
        return "0"
    significant = written.rstrip("0")
    return f"{'-' if sign else ''}{significant}e{int(exponent) + len(written) - len(significant)}"
