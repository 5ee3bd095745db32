"""One answer with rows: a page of a search, a batch of a scroll, a list.

Page        its bytes, and its rows once somebody asks for them
is_round    whether a count may be a limit instead
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omnium_source.decoding import Decoded, Fault, page_of

ROUND_COUNT = 100
"""A count that is a multiple of this may be a limit of the index behind the search: it often stops at 10,000."""


@dataclass(frozen=True)
class Page:
    """One answer: its bytes, how many elements, the server's count of all rows, and where a scroll goes on.

    `is_least`: the server says that its count is only the least that there are. `mark` tells this page from others,
    None where nothing does. `no_rows`: how many elements are no objects, and so no rows. `is_exact`: its numbers are
    read as decimals, slowly, because floats cannot tell them apart.
    """

    body: bytes
    count: int = 0
    total: int | None = None
    scroll_id: str | None = None
    is_least: bool = False
    mark: int | None = None
    no_rows: int = 0
    is_exact: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether it is a list alone, of an endpoint that never counts."""
        return self.body.lstrip()[:1] == b"["

    @property
    def says_something(self) -> bool:
        """Whether it holds rows, or a count that says that there are none; or is a list, which never counts."""
        return bool(self.count) or self.total is not None or self.is_bare

    @property
    def may_be_more(self) -> bool:
        """Whether its count says little: it is none, or the least there are, or as round as a limit."""
        return self.total is None or self.is_least or is_round(self.total)

    @cached_property
    def _decoded(self) -> Decoded:
        # When somebody asks: most pages are only handed on to become tables.
        return page_of(self.body, is_exact=self.is_exact)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its rows as JSON has them, in the order of the bytes. Raises Incomplete: it is no JSON."""
        return self._decoded.rows

    @property
    def faults(self) -> Sequence[Fault]:
        """What of its rows could not be read as it stands."""
        return self._decoded.faults


def is_round(count: int) -> bool:
    """Whether a count may be a limit instead."""
    return count >= ROUND_COUNT and count % ROUND_COUNT == 0
