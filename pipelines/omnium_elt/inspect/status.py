"""status: the state of each resource, and the last runs. It never waits for a run.

Rows and cursors come from the working database, which holds what is loaded; while a run uses it, they come from the
published warehouse. The run history (`infra/history.py`) tells when a resource was last read and what failed.
"""

import logging
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from omnium_elt.infra import history, lock
from omnium_elt.infra.home import Home
from omnium_elt.infra.text import for_json, in_utc
from omnium_elt.warehouse import database
from omnium_elt.warehouse.manifest import published

log = logging.getLogger("omnium.status")

SHOWN_RUNS = 10
Source = Literal["working database", "published warehouse"]


@dataclass(frozen=True)
class ResourceState:
    """The state of one resource."""

    name: str
    cursor: str | None
    """Everything changed before this moment (server's time, ISO 8601) has been read."""
    rows: int | None
    """Rows in the database that `Status.source` names, those marked deleted included."""
    last_status: str | None
    last_success: str | None
    lag_seconds: float | None
    """Seconds since the last success; negative if that lies ahead of now because a clock was wrong."""
    last_error: str | None
    left_out_before: str | None = None
    """Rows before this moment were never read, because of `--since` (ISO 8601)."""
    recommended_lag_seconds: int | None = None
    """A settling lag that would have caught every row that the index showed late."""


@dataclass(frozen=True)
class Status:
    """The state of a home."""

    home: str
    running: str | None
    """Who holds the lock now; None if nobody does."""
    published_at: str | None
    as_of: str | None
    source: Source | None
    """Where rows and cursors were read; None if there is no database to read."""
    resources: list[ResourceState] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(for_json(asdict(self)))


def status(home: Home, resources: tuple[str, ...] | None = None, exclude: tuple[str, ...] = ()) -> Status:
    """Gather the state of a home, for the resources named or (None) all that were ever read."""
    from omnium_source.resources import LEFT_OUT, select

    now = datetime.now(UTC)
    facts = history.resources(home)
    held, source = _held(home)
    version = published(home)
    states = []
    for name in (row.name for row in select(resources, exclude)):
        fact, cursor = facts.get(name, {}), held.cursors.get(name)
        is_there = name in held.rows or name in held.cursors
        if resources is None and not fact and not is_there:
            continue
        # If the database was moved away, an earlier success counts no more: its rows are gone.
        is_lost = (
            not is_there
            and not fact.get("cursor")
            and source != "published warehouse"
            and not lock.is_held(home.lock)
        )
        last_success = None if is_lost else fact.get("last_success")
        states.append(
            ResourceState(
                name=name,
                cursor=cursor or fact.get("cursor"),
                rows=held.rows.get(name),
                last_status=fact.get("last_status"),
                last_success=last_success,
                lag_seconds=history.seconds_since(last_success, now),
                last_error=fact.get("last_error"),
                left_out_before=held.states.get(name, fact).get(LEFT_OUT),
                recommended_lag_seconds=held.late.get(name),
            )
        )
    return Status(
        home=str(home.root),
        running=lock.describe_holder(home.lock) if lock.is_held(home.lock) else None,
        published_at=in_utc(version.published_at) if version else None,
        as_of=version.as_of.isoformat() if version and version.as_of else None,
        source=source,
        resources=states,
        runs=_runs(home),
    )


def _runs(home: Home) -> list[dict[str, Any]]:
    """The last runs, newest first, each with the sums of its rows and requests."""
    return [
        {
            "run_id": run["run_id"],
            "command": run["command"],
            "status": run["status"],
            "started_at": run["started_at"],
            "finished_at": run["finished_at"],
            "seconds": history.seconds_of(run),
            "rows": sum(resource["rows"] for resource in run["resources"]),
            "requests": sum(resource["requests"] for resource in run["resources"]),
            "error": run["error"],
        }
        for run in history.runs(home, SHOWN_RUNS)
    ]


def kept_states(home: Home) -> dict[str, dict[str, Any]]:
    """The state that a home keeps of each resource; empty if it cannot be read."""
    try:
        return _held(home)[0].states
    except Exception as error:
        log.info("the states of %s cannot be read: %s", home.root, error)
        return {}


def _held(home: Home) -> tuple[database.Held, Source | None]:
    """What the working database holds or, while a run uses it, the published warehouse."""
    with lock.looking(home.lock) as is_free:
        if is_free and home.working_database.exists():
            with database.connect(home.working_database, read_only=True) as connection:
                return database.held(connection), "working database"
    if home.warehouse.exists():
        with database.published(home.warehouse) as connection:
            return database.held(connection), "published warehouse"
    return database.Held(), None
