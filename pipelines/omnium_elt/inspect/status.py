"""status: how each resource stands, and the last runs. Reads files only, so it never waits for a run."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from omnium_elt.infra import history, lock
from omnium_elt.infra.home import Home
from omnium_elt.report.run_report import plain
from omnium_elt.warehouse import database

SHOWN_RUNS = 10


@dataclass(frozen=True)
class ResourceState:
    """Where one resource stands."""

    name: str
    cursor: str | None
    """Everything changed before this moment (server's time, ISO 8601) has been read."""
    rows: int | None
    """Rows in the published warehouse, those marked deleted included."""
    last_status: str | None
    last_success: str | None
    lag_seconds: float | None
    """Seconds since the last success."""
    last_error: str | None
    recommended_lag_seconds: int | None = None
    """A settling lag that would have caught every row that the index showed late."""


@dataclass(frozen=True)
class Status:
    """The state of a home."""

    home: str
    running: str | None
    """Who holds the lock now."""
    published_at: str | None
    as_of: str | None
    resources: list[ResourceState] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(plain(asdict(self)))


def status(home: Home, resources: tuple[str, ...] | None = None, exclude: tuple[str, ...] = ()) -> Status:
    """Gather what is known of a home, of all resources or those named."""
    from omnium_source.resources import select

    from omnium_elt.steps.publish import read_manifest

    now = datetime.now(UTC)
    facts = history.resources(home)
    rows, late = _published(home)
    manifest = read_manifest(home) or {}
    states = []
    for name in (row.name for row in select(resources, exclude)):
        fact = facts.get(name, {})
        if resources is None and not fact and name not in rows:
            continue
        states.append(
            ResourceState(
                name=name,
                cursor=fact.get("cursor"),
                rows=rows.get(name),
                last_status=fact.get("last_status"),
                last_success=fact.get("last_success"),
                lag_seconds=history.seconds_since(fact.get("last_success"), now),
                last_error=fact.get("last_error"),
                recommended_lag_seconds=late.get(name),
            )
        )
    runs = [
        {
            "run_id": run["run_id"],
            "command": run["command"],
            "status": run["status"],
            "started_at": run["started_at"],
            "finished_at": run["finished_at"],
            "rows": sum(resource["rows"] for resource in run["resources"]),
            "requests": sum(resource["requests"] for resource in run["resources"]),
            "error": run["error"],
        }
        for run in history.runs(home, SHOWN_RUNS)
    ]
    return Status(
        home=str(home.root),
        running=lock.describe_holder(home.lock) if lock.is_held(home.lock) else None,
        published_at=manifest.get("published_at"),
        as_of=manifest.get("as_of"),
        resources=states,
        runs=runs,
    )


def _published(home: Home) -> tuple[dict[str, int], dict[str, int]]:
    """Rows per table of the published warehouse, and the settling lag that its receipts recommend."""
    with database.connect(home.warehouse, read_only=True) as connection:
        columns = database.tables(connection)
        rows = {
            table: connection.execute(f'select count(*) from "{database.RAW}"."{table}"').fetchone()[0]
            for table in columns
            if not table.startswith("_") and "__" not in table
        }
        late: dict[str, int] = {}
        if "max_lateness_seconds" in columns.get("_omnium_windows", {}):
            measured = connection.execute(
                f"select resource, max(max_lateness_seconds) from {database.RAW}._omnium_windows "
                "where max_lateness_seconds > 0 group by resource"
            ).fetchall()
            # Half as much again as the worst that was seen, in whole half minutes.
            late = {resource: int(-(-float(seconds) * 1.5 // 30) * 30) for resource, seconds in measured}
        return rows, late
