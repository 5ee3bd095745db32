"""The home folder of an installation, and the settings of a run.

omnium-data/                 Home.root
  warehouse.duckdb           published snapshot, replaced by rename
  exports/                   marts for BI, and manifest.json
  lake/                      raw Parquet (`--destination parquet`)
  delta/                     raw Delta tables (`--destination delta`)
  state/                     0700: working database, dlt state, token, lock, run history, logs
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

from omnium_source.http.cancellation import Cancellation

from omnium_elt.infra.files import make_folder

PersonalMode = Literal["include", "hash", "exclude"]
DEFAULT_HOME = "omnium-data"


class Secret(str):
    """A string whose `repr`, as printed by dataclasses, tracebacks and debuggers, shows only stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return stars instead of the value."""
        return "'********'"


NO_SECRET = Secret("")


class _Place:
    """A path below a home's root."""

    def __init__(self, *parts: str) -> None:
        self._parts = parts

    def __get__(self, home: "Home", _: object) -> Path:
        return home.root.joinpath(*self._parts)


@dataclass(frozen=True)
class Home:
    """The paths of one installation. Constructing it does not touch the disk; `create()` does."""

    root: Path

    warehouse = _Place("warehouse.duckdb")
    """The published snapshot, which analysts open."""
    exports = _Place("exports")
    """The marts as Parquet."""
    manifest = _Place("exports", "manifest.json")
    """The list of exports, written after them."""
    lake = _Place("lake")
    """Raw tables as Parquet, a folder each."""
    delta = _Place("delta")
    """Raw tables as Delta tables, a folder each."""
    state = _Place("state")
    """Everything that is internal to the program."""
    working_database = _Place("state", "warehouse.duckdb")
    """The database that load and transform write; only the program opens it."""
    buffers = _Place("state", "spool")
    """Windows that wait to be loaded; of no use to a later run. The folder keeps the name that older versions used, so
    that leftovers of their killed runs are found and removed."""
    dlt = _Place("state", "dlt")
    """dlt's `pipelines_dir`."""
    dbt = _Place("state", "dbt")
    """dbt's target and log folders."""
    token = _Place("state", "token.json")
    """The access token kept between runs (0600)."""
    personal_key = _Place("state", "personal_key")
    """The key for hashing personal data, if the configuration sets none (0600)."""
    tenant = _Place("state", "tenant.json")
    """The host that the home's rows were read from."""
    lock = _Place("state", "lock")
    """The lock file; its content says who holds it."""
    runs = _Place("state", "runs")
    """Run history: a JSON file per run."""
    backfill = _Place("state", "backfill")
    """The plan of a backfill, and a home for each of its parts."""
    writes = _Place("state", "writes")
    """What was written to the tenant: a journal per run, and the changes that were shown last."""
    decisions = _Place("state", "decisions.sqlite")
    """The purchaser's decisions on the proposal (0600)."""
    logs = _Place("state", "logs")
    """A log file per run."""

    def create(self) -> None:
        """Create missing folders; only its owner may access `state/`."""
        make_folder(self.root)
        self.state.mkdir(mode=0o700, exist_ok=True)
        if os.name == "posix" and self.state.stat().st_mode & 0o077:
            self.state.chmod(0o700)
        for folder in (self.dlt, self.dbt, self.runs, self.logs):
            folder.mkdir(exist_ok=True)


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know, read once from the command line and the configuration.

    One record, as every step is given it and takes what it needs.
    """

    home: Home
    base_url: str = ""
    client_id: str = ""
    client_secret: Secret = NO_SECRET
    writer_id: str = ""
    """The API user that writes (`omnium-elt write`); `client_id` only reads."""
    writer_secret: Secret = NO_SECRET
    resources: tuple[str, ...] | None = None
    """Resources to read; None: all."""
    exclude: tuple[str, ...] = ()
    since: date | None = None
    """Read nothing older than this day (UTC) on a first load."""
    full_refresh: bool = False
    """Read everything again, as if there were no cursors."""
    as_of: date | None = None
    """The as-of day of the marts; None: the day of the newest load."""
    destination: str = "duckdb"
    engine: str = "duckdb"
    """The engine that builds the models of the working database: duckdb or spark."""
    publish_to: str = ""
    """Address of a folder in a bucket, to which `publish` also copies what it publishes."""
    personal: PersonalMode = "hash"
    personal_key: Secret | None = None
    """None: the key in `state/`, made on the first run."""
    settling_lag_seconds: int = 120
    window_rows: int = 250_000
    """Number of rows that a window should not exceed."""
    max_concurrency: int = 20
    max_requests_per_second: float = 100.0
    reconcile_every_days: int | None = None
    full_pass_days: int = 30
    """Days between full reads of resources that have no filter for changes."""
    deletion_limit: float = 0.1
    """Largest share of a resource's rows that `reconcile` marks without `--force`."""
    client_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `OmniumClient`."""
    reading_options: dict[str, Any] = field(default_factory=dict)
    """Further fields of `Reading`."""
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The chosen fields of each resource that has such a setting (`omnium_source/fields.py`)."""
    variables: dict[str, Any] = field(default_factory=dict)
    """dbt variables, such as service_level, that the configuration sets instead of dbt_project.yml."""
    verbose: bool = False
    run_id: str | None = None
    """Run id that all steps of a run share; None: a new one."""
    stop: Cancellation = field(default_factory=Cancellation, repr=False, compare=False)
    """Set on SIGINT or SIGTERM; steps then finish or drop the current window, and return."""

    @property
    def since_midnight(self) -> datetime | None:
        """The moment at which the day `since` starts (UTC)."""
        return datetime.combine(self.since, time(), UTC) if self.since else None
