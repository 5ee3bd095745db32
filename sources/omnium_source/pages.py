"""One answer with rows: a page of a search, a batch of a scroll, or a list.

Page        its bytes, and its rows, which are decoded on first use
is_round    whether a count may be a limit of the server's
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from omnium_source.decoding import Decoded, Fault, page_of

ROUND_COUNT = 100
"""A multiple of this may be no count, but the limit at which the search index stops counting; often that is 10,000."""


@dataclass(frozen=True)
class Page:
    """One answer with rows.

    `count`: the number of elements. `total`: the server's count of all rows. `is_least`: the server says that `total`
    is only a lower bound. `scroll_id`: continues the scroll. `mark`: a hash that identifies the page; None if it has no
    rows. `no_rows`: the number of elements that are not objects, and so not rows. `is_exact`: decode numbers as
    decimals, which is slower, for numbers that differ but are the same float.
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
        """Whether the answer is a list without an envelope and so without a count."""
        return self.body.lstrip()[:1] == b"["

    @property
    def says_something(self) -> bool:
        """Whether the page has elements or a count, or is a bare list, which never has a count."""
        return bool(self.count) or self.total is not None or self.is_bare

    @property
    def may_be_more(self) -> bool:
        """Whether there may be more rows than `total` says: it is missing, a lower bound, or as round as a limit."""
        return self.total is None or self.is_least or is_round(self.total)

    @cached_property
    def _decoded(self) -> Decoded:
        # Decoded on first use: most pages are only passed on to the normalizer.
        return page_of(self.body, is_exact=self.is_exact)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows, in the order of the answer. Raises Incomplete if it is not JSON."""
        return self._decoded.rows

    @property
    def faults(self) -> Sequence[Fault]:
        """The values of its rows that had to be changed, and the elements that are not rows."""
        return self._decoded.faults


def is_round(count: int) -> bool:
    """Whether a count may be the limit at which the server stops counting (`ROUND_COUNT`)."""
    return count >= ROUND_COUNT and count % ROUND_COUNT == 0
