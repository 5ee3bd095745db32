"""check: tries everything that a run needs, without changing anything, and says how to fix what is wrong."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from omnium_elt.infra import lock
from omnium_elt.infra.configuration import read_settings
from omnium_elt.infra.errors import explain
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, EXIT_USAGE
from omnium_elt.infra.settings import problems
from omnium_elt.warehouse import database

if TYPE_CHECKING:
    from omnium_source.http.client import OmniumClient
    from omnium_source.resources import Resource

Level = Literal["ok", "warn", "fail"]
SKEW_WARNING_SECONDS = 60
FREE_WARNING_BYTES = 2_000_000_000
FREE_FAILURE_BYTES = 200_000_000
PATIENCE_SECONDS = 20.0
"""Seconds for which one request of the check may be repeated."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    level: Level
    message: str
    remedy: str = ""
    exit_status: int = EXIT_OK


def check(home: Home, options: Mapping[str, Any]) -> list[Finding]:
    """Check configuration, home, destination, tenant, the selected resources, and the API user that writes."""
    destination = str(options.get("destination", "duckdb"))
    findings = [*_home(home), *_tried("destination", _destination, home, destination)]
    try:
        settings = read_settings(home, options, needs_tenant=True)
    except Exception as error:
        return [*_settings_at_fault(error), *findings]
    findings.insert(0, _ok("configuration", f"{settings.base_url}; personal data: {settings.personal}"))
    return [*findings, *_tenant(settings), *_tried("writing", _writer, settings)]


def _settings_at_fault(error: Exception) -> list[Finding]:
    """A finding for each setting that is unknown or out of range; if there are none, one for `error`."""
    try:
        wrong = problems()
    except Exception:
        wrong = []  # invalid TOML, which `error` reports
    return [Finding("configuration", "fail", one.message, one.remedy, EXIT_USAGE) for one in wrong] or [
        _failed("configuration", error)
    ]


def exit_status(findings: list[Finding]) -> int:
    """The exit status of the check: a wrong configuration comes first, a missing role last."""
    found = {finding.exit_status for finding in findings}
    return next((status for status in (EXIT_USAGE, EXIT_FAILED, EXIT_INCOMPLETE) if status in found), EXIT_OK)


def _ok(name: str, message: str) -> Finding:
    return Finding(name, "ok", message)


def _failed(name: str, error: Exception) -> Finding:
    explanation = explain(error)
    return Finding(name, "fail", explanation.message, explanation.remedy, explanation.exit_status)


def _tried(name: str, look: Callable[..., Iterator[Finding]], *where: Any) -> Iterator[Finding]:
    """The findings of a function that gets `name` first; an exception in it becomes a finding of that name."""
    try:
        yield from look(name, *where)
    except Exception as error:
        yield _failed(name, error)


# This machine ---------------------------------------------------------------------------------------


def _home(home: Home) -> Iterator[Finding]:
    there = home.root
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        yield Finding("home", "fail", f"{there} is not a folder", "Choose another --home.", EXIT_FAILED)
        return
    unwritable = [
        path
        for path in (there, home.state, home.exports, home.working_database, home.warehouse)
        if os.path.exists(path) and not os.access(path, os.W_OK)
    ]
    if unwritable or not _takes_files(there):
        yield Finding(
            "home",
            "fail",
            f"{unwritable[0] if unwritable else there} cannot be written",
            "Choose a --home that this user may write, or change its owner.",
            EXIT_FAILED,
        )
    else:
        made = "" if home.root.exists() else " (will be made)"
        yield _ok("home", f"{home.root}{made}")
    open_to_others = [
        path
        for path in (home.state, home.token, home.personal_key)
        if os.path.exists(path) and path.stat().st_mode & 0o077
    ]
    if open_to_others:
        yield Finding(
            "permissions",
            "warn",
            f"others may read {', '.join(map(str, open_to_others))}",
            f"chmod -R go= {home.state}",
        )
    else:
        yield _ok("permissions", "state/ is for its owner alone")
    yield _disk(home, there)
    if lock.is_held(home.lock):
        yield Finding("lock", "warn", f"in use now by {lock.describe_holder(home.lock) or 'a run'}")


def _takes_files(folder: Path) -> bool:
    """Whether a file can be created; os.access is not enough, as it returns True for root on a read-only disk."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _disk(home: Home, there: Path) -> Finding:
    free = shutil.disk_usage(there).free
    used = home.working_database.stat().st_size if os.path.exists(home.working_database) else 0
    # Publishing needs room for a second copy, and for a third while a reader has the old one open.
    needed = max(FREE_FAILURE_BYTES, 2 * used)
    message = f"{free / 1e9:.1f} GB free, the working database has {used / 1e9:.1f} GB"
    if free < needed:
        return Finding("disk", "fail", message, f"Make {needed / 1e9:.1f} GB of room.", EXIT_FAILED)
    if free < max(FREE_WARNING_BYTES, 4 * used):
        return Finding("disk", "warn", message, "Make room before the tenant grows.")
    return _ok("disk", message)


def _destination(name: str, home: Home, destination: str) -> Iterator[Finding]:
    if destination in database.LOCAL:
        if home.working_database.exists() and not lock.is_held(home.lock):
            with database.connect(home.working_database, read_only=True) as connection:
                tables = len(database.tables(connection))
            yield _ok(name, f"{destination}: {tables} raw tables")
        else:
            yield _ok(name, destination)
        return
    with _asking(destination) as client:
        client.execute_sql("select 1")
    yield _ok(name, f"{destination} answers")


@contextlib.contextmanager
def _asking(destination: str) -> Iterator[Any]:
    """A client for queries to one of dlt's destinations, which changes nothing."""
    import dlt

    from omnium_elt.warehouse.destination import named_destination

    server = named_destination(destination)()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("check", destination=server, dataset_name=database.RAW, pipelines_dir=folder)
        with pipeline.sql_client() as client:
            yield client
        pipeline.deactivate()


# The tenant -----------------------------------------------------------------------------------------


def _tenant(settings: Settings) -> Iterator[Finding]:
    from omnium_source.resources import select

    from omnium_elt.infra.tenant import check_tenant, connect, refuse_other_rows

    try:
        check_tenant(settings)
    except Exception as error:
        yield _failed("tenant", error)
        return
    try:
        resources = select(settings.resources, settings.exclude)
    except Exception as error:
        yield _failed("resources", error)
        return
    # Without a token file the credentials themselves are tried, and no token is stored.
    with connect(settings, None, token_path=None, request_timeout=PATIENCE_SECONDS) as client:
        try:
            _ask_for_a_token(client, "credentials")
        except Exception as error:
            yield _failed("credentials", error)
            return
        yield _ok("credentials", f"{settings.base_url} gave a token")
        try:
            patient = replace(
                settings, reading_options={**settings.reading_options, "budget": PATIENCE_SECONDS}
            )
            refuse_other_rows(patient, client, lambda name: _held(settings, name))
        except Exception as error:
            yield _failed("tenant", error)
            return
        yield _clock(client)
        yield _limits(settings)
        for resource in resources:
            yield from _resource(client, resource)


def _held(settings: Settings, table: str) -> set[str]:
    """The row ids that the destination holds of a resource; the published ones while a run holds the home."""
    home = settings.home
    if settings.destination in database.LOCAL:
        path = home.warehouse if lock.is_held(home.lock) else home.working_database
        with database.connect(path, read_only=True) as connection:
            return database.ids_of(connection, table)
    from dlt.destinations.exceptions import DatabaseUndefinedRelation

    with _asking(settings.destination) as client:
        try:
            rows = client.execute_sql(f"select _dlt_id from {client.make_qualified_table_name(table)}")
        except DatabaseUndefinedRelation:
            return set()
    return {id for (id,) in rows or ()}


def _writer(name: str, settings: Settings) -> Iterator[Finding]:
    """Check the API user that writes, if there is one: it gets a token, and is not the user that reads."""
    from omnium_elt.infra.tenant import connect_writer, fault_of_writer

    if not settings.writer_id and not settings.writer_secret:
        return
    if wrong := fault_of_writer(settings):
        remedy = "Make an API user for writing; it is needed for `omnium-elt write … --apply` alone."
        yield Finding(name, "fail", wrong, remedy, EXIT_USAGE)
        return
    with connect_writer(settings, None, request_timeout=PATIENCE_SECONDS) as client:
        _ask_for_a_token(client, name)
    # No read request shows which roles a user has for writing.
    needed = "SupplierAdmin for lead times and PurchaseOrderAdmin for orders"
    yield _ok(name, f"its API user got a token; it needs {needed}, which shows with the first thing written")


def _ask_for_a_token(client: "OmniumClient", what: str) -> None:
    """Raise an OmniumError if the user gets no token. A 403 is ignored: the roles are checked for each resource."""
    from omnium_source.errors import Forbidden
    from omnium_source.http.traffic import Budget

    with contextlib.suppress(Forbidden):
        client.post("Stores/SearchStores", {"take": 1}, what=what, budget=Budget(PATIENCE_SECONDS))


def _clock(client: "OmniumClient") -> Finding:
    offset = client.clock.offset
    if offset is None:
        return Finding(
            "clock",
            "warn",
            "the server sends no Date header",
            "Windows then end by this machine's clock: keep it right.",
        )
    seconds = round(offset.total_seconds())
    message = f"this machine and the server differ by {abs(seconds)} s"
    if abs(seconds) > SKEW_WARNING_SECONDS:
        return Finding(
            "clock",
            "warn",
            message,
            "Windows end at the earlier of both, so each run reads the difference again: correct the wrong clock.",
        )
    return _ok("clock", message)


def _limits(settings: Settings) -> Finding:
    from omnium_source.http.limiter import SERVER_LIMIT_CONCURRENT, SERVER_LIMIT_PER_SECOND

    most, rate = settings.max_concurrency, settings.max_requests_per_second
    message = f"at most {most} requests at once and {rate:g} a second"
    if most > SERVER_LIMIT_CONCURRENT or rate > SERVER_LIMIT_PER_SECOND:
        return Finding(
            "limits",
            "warn",
            f"{message}: the server allows {SERVER_LIMIT_CONCURRENT} and {SERVER_LIMIT_PER_SECOND:g}",
            "Higher values are reduced to that; a tenant's other integrations share the tenant's limit.",
        )
    return _ok("limits", message)


def _resource(client: "OmniumClient", resource: "Resource") -> Iterator[Finding]:
    """Check the role and the number of the first page, with the smallest requests that the endpoint allows."""
    from omnium_source.errors import Forbidden
    from omnium_source.http.paginators import Connection, Learned, Scroll, SearchPages
    from omnium_source.http.traffic import Budget, Traffic
    from omnium_source.windows.window import iso

    traffic = Traffic()
    connection = Connection(client, resource, traffic, Budget(PATIENCE_SECONDS), Learned.of(resource))
    body = dict(resource.body)
    if resource.lower:
        # Nothing has changed since now, so the answer is empty and no scroll stays open.
        body[resource.lower] = iso(client.server_time())
    try:
        if resource.search:
            connection.page(body, take=1)
        else:
            Scroll(connection, body).first()
        base = ""
        if resource.search and resource.paged and not resource.page_base_is_clear:
            with ThreadPoolExecutor(1) as executor:
                pages = SearchPages(connection, resource.body, executor)
                base = f", first page {pages.find_base()}"
    except Forbidden as error:
        yield Finding(
            resource.name,
            "fail",
            f"the role {resource.role or 'for it'} is missing ({str(error).partition(':')[0]}: 403)",
            f"Give the API user the role {resource.role}, or leave it out: --exclude {resource.name}.",
            EXIT_INCOMPLETE,
        )
    except Exception as error:
        yield _failed(resource.name, error)
    else:
        throttled = f", {traffic.throttled} times told to wait (429)" if traffic.throttled else ""
        yield Finding(
            resource.name,
            "warn" if throttled else "ok",
            f"readable{base}{throttled}",
            "Lower SOURCES__OMNIUM__MAX_REQUESTS_PER_SECOND." if throttled else "",
        )
