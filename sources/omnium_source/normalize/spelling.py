"""How numbers are written in their pages, for those that a float cannot represent."""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from omnium_source.json_values import LONG, json_bytes, with_scalars

PLACES = 28
"""The most decimals of a number of .NET's decimal type: the server did not compute a number with more."""
INT64 = range(-(2**63), 2**63)
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,4})?", re.ASCII)

_DIGITS_ALIKE = bytes(ord("0") if chr(code) in "0123456789." else code for code in range(256))
_LONG_RUN = b"0" * LONG
_LONG_NUMBER = re.compile(rb"[:,\[\s](-?[0-9.]{%d,}(?:[eE][+-]?[0-9]+)?)" % LONG)
_SHORT_NUMBER = re.compile(
    rb"[:,\[\s](-?(?![0-9.]{%d})[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?=[,\]}\s])" % LONG
)


class AmbiguousNumber(Exception):
    """Two numbers of one page have the same float but different amounts: the page must be read exactly."""

    def __init__(self, page: int) -> None:
        super().__init__(f"page {page}")
        self.page = page


class Bodies:
    """The bytes of some pages, and which of them each row is in."""

    def __init__(self, bodies: Sequence[bytes], first_rows: Sequence[int]) -> None:
        self._bodies = bodies
        self._first_rows = np.asarray(first_rows)
        self._long_numbers: dict[int, dict[float, set[str]]] = {}
        self._short_numbers: dict[int, set[float]] = {}

    def page_of(self, row: int) -> int:
        """The page that a root row came in."""
        return int(np.searchsorted(self._first_rows, row, side="right")) - 1

    def long_numbers(self, page: int) -> dict[float, set[str]]:
        """All numbers of a page that a float may not represent, by their float."""
        found = self._long_numbers.get(page)
        if found is None:
            found = {}
            body = self._bodies[page]
            # Three quarters of all pages have none. With all digits made alike, a search for a run of them
            # finds that out at memory speed.
            if _LONG_RUN in body.translate(_DIGITS_ALIKE):
                for match in _LONG_NUMBER.findall(body):
                    text = match.decode()
                    if NUMBER.fullmatch(text):
                        found.setdefault(float(text), set()).add(text)
            self._long_numbers[page] = found
        return found

    def holds(self, page: int, number: float) -> bool:
        """Whether a page also has this float as a short number, which it represents exactly."""
        found = self._short_numbers.get(page)
        if found is None:
            # All at once: a page may have many thousands of numbers to look for.
            texts = set(_SHORT_NUMBER.findall(self._bodies[page]))
            found = self._short_numbers[page] = {float(text) for text in texts}
        return number in found

    @cached_property
    def beyond(self) -> np.ndarray:
        """The floats of all numbers with more decimals than `PLACES`."""
        pages = [self.long_numbers(page) for page in range(len(self._bodies))]
        found = {
            number
            for page in pages
            for number, texts in page.items()
            if any(len(text) > PLACES and is_beyond(Decimal(text)) for text in texts)
        }
        return np.array(sorted(found), dtype=np.float64)

    @cached_property
    def are_plain(self) -> bool:
        """Whether no page has a number that a float may not represent."""
        return not any(self.long_numbers(page) for page in range(len(self._bodies)))


class Spelling:
    """How the numbers of one table are written in their pages; `roots[i]` is the root row of row i."""

    def __init__(self, bodies: Bodies, roots: np.ndarray) -> None:
        self._bodies = bodies
        self._roots = roots

    def of(self, roots: np.ndarray) -> "Spelling":
        """The spelling in the same pages for a child table."""
        return Spelling(self._bodies, roots)

    @property
    def beyond(self) -> np.ndarray:
        """The floats of numbers with more decimals than `PLACES`, in any of the pages."""
        return self._bodies.beyond

    def exact(self, number: float, row: int) -> Decimal:
        """The number as it was written.

        Raises:
            AmbiguousNumber: several different numbers of the page have this float.
        """
        text = self._long_text(number, row)
        return Decimal(repr(number) if text is None else text)

    def _long_text(self, number: float, row: int) -> str | None:
        """The spelling of a number that its float does not represent, None if the float does."""
        page = self._bodies.page_of(int(self._roots[row]))
        texts = self._bodies.long_numbers(page).get(number)
        if not texts:
            return None
        if len(texts) > 1 and len({Decimal(text) for text in texts}) > 1:
            raise AmbiguousNumber(page)
        text = next(iter(texts))
        if Decimal(text) == Decimal(repr(number)):
            return None
        if self._bodies.holds(page, number):
            raise AmbiguousNumber(page)
        return text

    def text(self, number: float | Decimal, row: int) -> str:
        """The number as JSON text: as it was written if its float does not represent it, else the shortest spelling.

        A number without point and exponent, such as an id of twenty digits, never gets one.
        """
        if isinstance(number, Decimal):
            return json_bytes(number).decode()
        return self._long_text(number, row) or self._digits(number, row) or orjson.dumps(number).decode()

    def _digits(self, number: float, row: int) -> str | None:
        """The spelling of an integer of more than 64 bits that its float represents, None for any other number."""
        if not number.is_integer() or int(number) in INT64:
            return None
        texts = self._bodies.long_numbers(self._bodies.page_of(int(self._roots[row]))).get(number, ())
        return next((text for text in texts if text.removeprefix("-").isdecimal()), None)

    def json(self, values: Sequence[Any]) -> list[bytes | None]:
        """Values of any type as JSON, one for each row, with numbers as they were written."""
        if not self._bodies.are_plain:
            values = [self._exactly(value, row) for row, value in enumerate(values)]
        return [None if value is None else json_bytes(value) for value in values]

    def _exactly(self, value: Any, row: int) -> Any:
        return with_scalars(
            value, lambda item: orjson.Fragment(self.text(item, row)) if type(item) is float else item
        )

    def scalar(self, value: Any, row: int) -> str:
        """Any scalar as text: a string as it is, anything else as JSON writes it."""
        if type(value) is str:
            return value
        if type(value) is float or isinstance(value, Decimal):
            return self.text(value, row)
        if type(value) is bool:
            return "true" if value else "false"
        return str(value)


def is_beyond(number: Decimal) -> bool:
    """Whether a number has more decimals than `PLACES`, not counting zeros at the end."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent <= PLACES:
        return False
    digits = f"{number:E}".partition("E")[0].replace(".", "").rstrip("0")
    return number != 0 and len(digits.lstrip("-")) - 1 - number.adjusted() > PLACES
