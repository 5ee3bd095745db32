"""The behaviour of the server that differs between tenants."""

from dataclasses import dataclass, field
from typing import Literal

WINDOW = 10_000
"""Most hits within reach of `take * page`, or in an answer without pages."""


@dataclass
class Behaviour:
    """Behaviour that differs between tenants. A test may change it at any time.

    One record, as it is a panel of switches.
    """

    page_base: dict[str, int] = field(default_factory=dict)
    """Resource -> 0 or 1, if it differs from the API's description."""
    nulls: Literal["omit", "include"] = "omit"
    gzip: bool = False
    clock_offset_seconds: float = 0.0
    """How far the server's clock (Date header, modified stamps) is ahead."""
    date_offset_seconds: float = 0.0
    """How far the Date header alone is ahead, like a proxy's clock."""
    token_date_offset_seconds: float = 0.0
    """How far the Date header of the token endpoint is ahead of the others."""
    date_header: Literal["right", "missing", "garbage"] = "right"
    count_limit: int | None = None
    """Counts (totalHits) stop here, as a search index does at 10,000. All rows are still shown."""
    is_sorted: bool = True
    """False: every search returns the default order, whatever `sortOrder` says."""
    scroll_seconds: float = 300.0
    scroll_ids: Literal["keep", "change", "sometimes"] = "sometimes"
    scroll_end: Literal["empty", "no_id"] = "empty"
    """empty: the last batch still has an id, and the next answer is empty. no_id: the last batch has no id."""
    batch: int = 1_000
    """Rows per answer of a search without pages (inventory, prices)."""
    supplier_version: Literal["wrapped", "bare"] = "wrapped"
    facet_seconds: float = 0.03
    """Time that facets take if a request could disable them and does not."""
    facet_count: int = 400
    missing_roles: set[str] = field(default_factory=set)
    visible_stores: set[str] | None = None
    """The API user sees only rows of these stores; other rows are missing without an error."""
    concurrency: int = 20
    read_concurrency: int = 150
    """Concurrent reads of products and inventory."""
    tenant_concurrency: int = 40
    """Concurrent requests other than reads of products and inventory."""
    bucket: int = 12_000
    refill: int = 1_000
    refill_seconds: float = 10.0
    scroll_starts_at_once: int = 1
    unstable_ties: bool = False
    """Rows with the same sort value come in another order each time, as on replicas of an index."""
    extra_fields: bool = False
    """Every row has fields that the API's description lacks."""
    token_seconds: int = 864_000
    latency_seconds: float = 0.0
    page_window: int = WINDOW
