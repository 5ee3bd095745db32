"""What a tenant may do one way or another."""

from dataclasses import dataclass, field
from typing import Literal

WINDOW = 10_000
"""Neither `take * page` nor an answer without pages goes beyond this many hits."""


@dataclass
class Behaviour:
    """What a tenant may do one way or another; a test changes it at any time.

    One record, as it is a panel of switches.
    """

    page_base: dict[str, int] = field(default_factory=dict)
    """Resource -> 0 or 1 where it is not what the description says."""
    nulls: Literal["omit", "include"] = "omit"
    gzip: bool = False
    clock_offset_seconds: float = 0.0
    """The server's clock (Date header, modified stamps) runs ahead by this much."""
    date_offset_seconds: float = 0.0
    """The Date header alone is ahead by this much: a proxy's clock."""
    token_date_offset_seconds: float = 0.0
    """That of the token's answers is ahead by this much more."""
    date_header: Literal["right", "missing", "garbage"] = "right"
    count_limit: int | None = None
    """Counts (totalHits) stop here, as those of an index at 10,000; all rows are shown nevertheless."""
    is_sorted: bool = True
    """False: every search is answered in the usual order, whichever one it asks for."""
    scroll_seconds: float = 300.0
    scroll_ids: Literal["keep", "change", "sometimes"] = "sometimes"
    scroll_end: Literal["empty", "no_id"] = "empty"
    """empty: the last batch still carries an id and the next answer is empty; no_id: it carries none."""
    batch: int = 1_000
    """Items that come at once where a search has no pages (inventory, prices)."""
    supplier_version: Literal["wrapped", "bare"] = "wrapped"
    facet_seconds: float = 0.03
    """What facets cost where they can be disabled and are not."""
    facet_count: int = 400
    missing_roles: set[str] = field(default_factory=set)
    visible_stores: set[str] | None = None
    """The API user is limited to these stores: it silently sees no row of another."""
    concurrency: int = 20
    read_concurrency: int = 150
    """Of product and inventory reads."""
    tenant_concurrency: int = 40
    """Of everything that is no product or inventory read."""
    bucket: int = 12_000
    refill: int = 1_000
    refill_seconds: float = 10.0
    scroll_starts_at_once: int = 1
    unstable_ties: bool = False
    """Rows with the same sort value come in another order each time, as they do on replicas."""
    extra_fields: bool = False
    """Every row carries fields that the description does not know."""
    token_seconds: int = 864_000
    latency_seconds: float = 0.0
    page_window: int = WINDOW
