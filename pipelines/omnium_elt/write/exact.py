"""JSON objects whose fields go back as they came, to the last digit, unknown ones too."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_EXACT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def fields(content: bytes) -> dict[str, bytes]:
    """The fields of an object, each value as the bytes that it came as. Raises ValueError: it is no JSON object."""
    return {name: bytes(value) for name, value in _FIELDS.decode(content).items()}


def value(content: bytes) -> Any:
    """What JSON says, numbers with a fraction as Decimal. Raises ValueError."""
    return _EXACT.decode(content)


def text(value: Any) -> bytes:
    """A value as JSON, a Decimal as a number with all its digits."""
    return _ENCODER.encode(value)


def with_fields(content: bytes, changes: Mapping[str, Any]) -> bytes:
    """The object with some fields changed or added, all others byte for byte as they came, in their order."""
    kept = {**fields(content), **{name: text(value) for name, value in changes.items()}}
    return b"{" + b",".join(text(name) + b":" + value for name, value in kept.items()) + b"}"


def fingerprint(content: bytes, salt: str) -> dict[str, str]:
    """A keyed digest of each field's value, however it is spelled: what may be kept of personal data."""
    return {name: _digest(raw, salt) for name, raw in fields(content).items()}


def differing(before: Mapping[str, str], salt: str, after: bytes) -> set[str]:
    """The fields in which an object differs from the one of which `before` is the fingerprint.

    One that was not there may be there as nothing: null, 0, or an empty text, list or object.
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
    """1, 1.0 and 1.00 are one number."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"number {Decimal(value).normalize()}"
    return value
