"""Decode the bytes of an answer as JSON, leniently if they are not quite JSON.

    decode(body)    the document, and its faults: values that had to be changed, and where

Some tenants' texts hold half of a surrogate pair, a zero character, or bytes of another encoding. Some serializers
write `NaN`, or numbers that no float holds. orjson refuses an answer with one such value, and repeating the request
does not help. So the answer is parsed a second time, leniently and much more slowly: invalid characters become U+FFFD,
values that are not numbers become null, and each such place is a fault that names its row.

An answer that is not JSON at all (a proxy's page, half an answer) raises ValueError; repeating the request may help.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Literal

import orjson

from omnium_source.errors import Incomplete
from omnium_source.json_values import json_bytes, members

What = Literal["replaced_text", "no_number", "doubled_name", "too_deep", "no_row"]
"""What is wrong with a value:

replaced_text  characters of it were replaced
no_number      it is not a number and became null
doubled_name   its object has the same name twice; the last value counts
too_deep       it lies deeper than `DEEPEST` and is kept as JSON text
no_row         it stands among the rows of a page and is not an object
"""

DEEPEST = 250
"""Levels of objects and lists that are kept of a document that is deeper than orjson can read (1,024)."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST_WHOLE = 4_000
"""Most digits of a number that is converted to an integer: the time for that grows with their square."""

_ESCAPED_NUL = rb"\u0000"
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_AROUND = "\ufeff\x00 \t\r\n"


class _NoNumber:
    """Placeholder for NaN and the infinities, until their place in the document is known."""


_NO_NUMBER = _NoNumber()


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that had to be changed, or an element that is not a row.

    `row`: the position of its row among the elements of the answer; None if it belongs to no row. `path`: the fields
    that lead from the row to the value, without positions in lists. `json_type`: the type of an element that is not a
    row (`no_row`).
    """

    row: int | None
    path: tuple[str, ...]
    what: What
    json_type: str = "text"


@dataclass(frozen=True, slots=True)
class Decoded:
    """An answer's document, which is valid JSON for every writer and destination, and its faults."""

    document: Any
    faults: tuple[Fault, ...] = ()

    @property
    def elements(self) -> list[Any]:
        """The `result` of an envelope, or a bare list; empty if the document is neither."""
        elements = self.document.get("result") if isinstance(self.document, dict) else self.document
        return elements if isinstance(elements, list) else []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The elements that are objects."""
        return [element for element in self.elements if type(element) is dict]


def decode(body: bytes) -> Decoded:
    """The JSON in an answer's bytes.

    Raises:
        ValueError: even the lenient parser cannot read it.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _leniently(body)
    # Databases with C strings cannot store a zero character, and the data should be the same in every destination.
    # Searching for one byte first is ten times as fast as searching for six.
    has_nul = b"\\" in body and _ESCAPED_NUL in body
    return _leniently(body) if has_nul else Decoded(document)


def page_of(body: bytes, *, is_exact: bool = False) -> Decoded:
    """Decode a page of rows; an element that is not an object is a fault.

    `is_exact`: decode numbers as decimals. Raises Incomplete if the page is not JSON.
    """
    try:
        decoded = _leniently(body) if is_exact else decode(body)
    except ValueError as error:
        raise Incomplete(f"a page is no JSON: {error}") from None
    faults = tuple(
        Fault(position, (), "no_row", json_type_of(element))
        for position, element in enumerate(decoded.elements)
        if type(element) is not dict
    )
    return replace(decoded, faults=(*decoded.faults, *faults)) if faults else decoded


def json_type_of(value: Any) -> str:
    """The name of a value's type in JSON."""
    names = {type(None): "null", bool: "boolean", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "number")


def mended(body: bytes) -> bytes:
    """An answer that is not quite JSON, as valid JSON. Raises ValueError if it is valid already, or is not JSON."""
    lenient = _leniently(body)
    clean = json_bytes(lenient.document)
    if clean == body:
        raise ValueError("it is JSON that this reader does not take")
    return clean


def _leniently(body: bytes) -> Decoded:
    encoding = json.detect_encoding(body)
    # Bytes that are not UTF-8 become lone surrogates, like escaped ones in the text; `_mended` replaces both.
    text = body.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
    text = text.strip(_AROUND)
    doubled: dict[int, set[str]] = {}
    decoder = json.JSONDecoder(
        strict=False,
        parse_float=_decimal,
        parse_int=whole_number,
        parse_constant=lambda _: _NO_NUMBER,
        object_pairs_hook=partial(_object, doubled),
    )
    cut: set[str] = set()
    try:
        document = decoder.decode(text)
    except RecursionError:
        doubled.clear()
        try:
            document = decoder.decode(_cut(text, cut))
        except RecursionError:
            raise ValueError("its brackets are never closed") from None
    return Decoded(*_mended(document, doubled, cut))


def _object(doubled: dict[int, set[str]], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        doubled[id(made)] = {name for name, count in counts.items() if count > 1}
    return made


def _decimal(text: str) -> Decimal | _NoNumber:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        return _NO_NUMBER


def whole_number(text: str) -> int | Decimal:
    """An integer, or a decimal beyond 64 bits, which orjson would make a float."""
    if len(text) > LONGEST_WHOLE:
        return Decimal(text)
    number = int(text)
    return number if -(2**63) <= number < 2**64 else Decimal(text)


def _cut(text: str, cut: set[str]) -> str:
    """The JSON with values deeper than `DEEPEST` replaced by their JSON text; the texts are added to `cut`."""
    parts, depth, start, copied = [], 0, 0, 0
    for token in _BRACKETS.finditer(text):
        sign = token.group()
        if sign in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                start = token.start()
        elif sign in "]}":
            if depth == DEEPEST + 1:
                inner = text[start : token.end()]
                cut.add(inner)
                parts += [text[copied:start], json.dumps(inner)]
                copied = token.end()
            depth -= 1
    return "".join([*parts, text[copied:]])


def _mended(document: Any, doubled: dict[int, set[str]], cut: set[str]) -> tuple[Any, tuple[Fault, ...]]:
    """Replace invalid texts and numbers in the document, in place, and return it with the faults."""
    faults: dict[Fault, None] = {}

    def note(row: int | None, path: tuple[str, ...], what: What) -> None:
        faults[Fault(row, path, what)] = None

    # The document is wrapped in a list, so that it can itself be replaced.
    around = [document]
    todo: list[tuple[Any, int | None, tuple[str, ...]]] = [(around, None, ())]
    rows = Decoded(document).elements
    while todo:
        container, row, path = todo.pop()
        for name in doubled.get(id(container), ()):
            note(row, (*path, _text(name)), "doubled_name")
        for key, value in list(members(container)):
            below = path if type(key) is int else (*path, key)
            at = key if container is rows else row
            if container is rows or value is rows:
                below = ()
            if type(key) is str and _NO_CHARACTER.search(key):
                key, below = _renamed(container, key), (*path, _text(key))
                note(at, below, "replaced_text")
            if type(value) is str:
                if value in cut:
                    note(at, below, "too_deep")
                if _NO_CHARACTER.search(value):
                    container[key] = _text(value)
                    note(at, below, "replaced_text")
            elif value is _NO_NUMBER:
                container[key] = None
                note(at, below, "no_number")
            elif type(value) is dict or type(value) is list:
                todo.append((value, at, below))
    in_order = sorted(faults, key=lambda fault: -1 if fault.row is None else fault.row)
    return around[0], tuple(in_order)


def _text(text: str) -> str:
    return _NO_CHARACTER.sub(REPLACEMENT, text)


def _renamed(container: dict[str, Any], name: str) -> str:
    """Rename a field of an object to a valid name that no other field has, and return the name."""
    new = _text(name)
    while new in container:
        new += REPLACEMENT
    container[new] = container.pop(name)
    return new
