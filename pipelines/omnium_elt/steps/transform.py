"""transform: runs the dbt project in this process, against the working database.

It is skipped where nothing was loaded since the last success and neither settings nor as-of date changed. Otherwise
only what rests on something that changed is built, where the marts stand in the working database.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import yaml

from omnium_elt.decide.kept import bring
from omnium_elt.infra import history, memory
from omnium_elt.infra.configuration import QUIET_ENVIRONMENT, environment
from omnium_elt.infra.errors import MAKE_ROOM, OmniumEltError, UsageError, explain
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, StepReport, timed
from omnium_elt.infra.text import counted
from omnium_elt.steps import spark
from omnium_elt.steps.dbt_private import as_quick_as_it_can
from omnium_elt.steps.lake import publish_lake
from omnium_elt.warehouse import build_state, database

STEP = "transform"
DUCKDB, SPARK = "duckdb", "spark"
"""What can build the models of the working database."""
MARKS = {"raw", "project", "destination", "engine", "variables", "as_of", "is_over"}
"""What the marts depend on (`_wanted`), and what is kept of a finished build."""

WARNINGS = "warnings.json"
"""File below `state/`: what each test said that warned when it ran last."""
MOST_CHARACTERS = 240
"""Of what dbt says of a node, in a line."""
UNFINISHED = ("error", "runtime error", "skipped")
"""What dbt says of a node that has to be built still."""
OUT_OF_MEMORY = "Out of Memory Error"
"""How DuckDB's message begins where models that are built side by side need more than it may use."""
NO_SPACE = "No space left on device"
"""What the system says of a full disk, in the message of whoever wrote to it."""
READS_ALL_RAW_TABLES = "config.meta.reads:all_raw_tables+"
"""Selects the models that look through every raw table, and what rests on them."""


@timed
def transform(settings: Settings, progress: Progress, *, force: bool = False) -> StepReport:
    """Build the models as of `settings.as_of`, or of the newest load's day.

    `force` builds everything, even where nothing changed. Raises OmniumEltError where a model or a test fails: what is
    published then stays as it is.
    """
    report = StepReport(STEP)
    if settings.engine == SPARK:
        spark.check(settings)
    not_known = _bring_decisions(settings)
    wanted = _wanted(settings)
    last = None if force else _last(settings)
    if last == wanted:
        report.status = "unchanged"
        report.details = {"as_of": wanted["as_of"], "warnings": [*_warnings(settings).values(), *not_known]}
        return report
    marker = settings.home.state / "transform.json"
    marker.unlink(missing_ok=True)
    if settings.destination in database.LOCAL:
        with database.connect(settings.home.working_database) as connection:
            # What one engine made says nothing of what the other would.
            forget = (
                force or settings.engine == SPARK or (last is not None and last["engine"] != settings.engine)
            )
            build_state.prepare(
                connection, wanted["raw"], wanted["project"], wanted["variables"], forget=forget
            )
    changed = _changed(last, wanted)
    if settings.engine == SPARK:
        counts, tested = _build_with_spark(settings, wanted, progress)
        changed = None  # all was built
    else:
        counts, tested = _build(settings, wanted, changed, progress)
    # A test of what did not change was not asked again, and what it said last still holds.
    warnings = {} if changed is None else _warnings(settings)
    warnings = {name: text for name, text in (warnings | tested).items() if text}
    report.details = {"as_of": wanted["as_of"], **counts, "warnings": [*warnings.values(), *not_known]}
    write_json(settings.home.state / WARNINGS, warnings)
    write_json(marker, wanted)
    report.status = "ok"
    return report


def _bring_decisions(settings: Settings) -> list[str]:
    """Bring what the purchaser decided to the models; where that fails the build goes on, and why is returned."""
    if settings.destination not in database.LOCAL or not settings.home.working_database.exists():
        return []
    try:
        with database.connect(settings.home.working_database) as connection:
            lost = bring(connection, settings.home.decisions)
    except OmniumEltError as error:
        return [f"proposal_accuracy does not know what was decided since the last build: {error.message}"]
    if not lost:
        return []
    return [
        f"{settings.home.decisions} was lost, or is an older one: {lost:,} decisions that the warehouse knows are not "
        "in it. proposal_accuracy keeps them; what was ticked, changed or snoozed and is not ordered yet counts no "
        "more: restore the file from a backup, or decide again"
    ]


def _warnings(settings: Settings) -> dict[str, str]:
    """What the tests of the last build warned of, by their names in dbt."""
    kept = read_object(settings.home.state / WARNINGS)
    return {name: text for name, text in kept.items() if isinstance(text, str)}


def finished(settings: Settings) -> dict[str, Any] | None:
    """What the marts in the working database were built from, the raw data as one digest.

    None where the last build did not finish.
    """
    last = _last(settings)
    if last is not None and settings.destination in database.LOCAL:  # a build keeps them table by table
        return {**last, "raw": database.digest(last["raw"])}
    return last


def _last(settings: Settings) -> dict[str, Any] | None:
    # Until there was another, DuckDB was the engine, and nobody wrote it down.
    kept = {"engine": DUCKDB, **read_object(settings.home.state / "transform.json")}
    is_whole = set(kept) == MARKS and isinstance(kept["as_of"], str | None)
    return kept if is_whole else None


def _changed(last: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> list[str] | None:
    """The raw tables that alone differ from what the last build was made from; None where more differs than those."""
    if last is None or not isinstance(last["raw"], dict):
        return None
    if any(last[mark] != wanted[mark] for mark in MARKS - {"raw"}):
        return None
    before, now = last["raw"], wanted["raw"]
    return sorted(table for table in before.keys() | now.keys() if before.get(table) != now.get(table))


def _wanted(settings: Settings) -> dict[str, Any]:
    """Everything that the marts depend on: the raw data, the models, their variables, the day."""
    time_zone = str(settings.variables.get("time_zone", "UTC"))
    if settings.destination in database.LOCAL:
        with database.connect(settings.home.working_database) as connection:
            database.clear_half_loaded(connection)
            raw: Any = database.fingerprint(connection)
            newest, is_over = database.newest_load(connection, time_zone)
        if not raw:
            raise UsageError(
                f"{settings.home.working_database} holds no data yet", "Load some first: omnium-elt load."
            )
    else:
        # Another server's tables are not looked at: what was loaded there decides.
        raw, newest, is_over = _loads(settings), None, True
    as_of = settings.as_of or newest
    return {
        "raw": raw,
        "project": project_digest(),
        "destination": settings.destination,
        "engine": settings.engine,
        "variables": {name: settings.variables[name] for name in sorted(settings.variables)},
        "as_of": as_of.isoformat() if as_of else None,
        "is_over": is_over or settings.as_of is not None,
    }


def _loads(settings: Settings) -> str | None:
    """The newest run that changed something, from the run history."""
    changed = [
        run["run_id"] for run in history.runs(settings.home) if any(r["rows"] for r in run["resources"])
    ]
    return max(changed, default=None)


def project_digest() -> str:
    """A digest of the dbt project's own files: other models, other marts."""
    import hashlib

    from omnium_elt.infra.project_files import TRANSFORMS

    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(TRANSFORMS.rglob("*")):
        if path.suffix in (".sql", ".yml", ".csv") and path.is_file():
            digest.update(str(path.relative_to(TRANSFORMS)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def variables(settings: Settings, as_of: date | str | None, is_over: bool = True) -> dict[str, Any]:
    """The `--vars` of a dbt run for these settings."""
    found = {**settings.variables, "build_only_changed": settings.destination in database.LOCAL}
    if as_of:
        found["as_of_date"] = str(as_of)
    if not is_over:
        found["is_as_of_day_over"] = False
    if settings.engine == SPARK:
        found |= spark.variables(settings)
    elif settings.destination == "parquet":
        found["lake_path"] = str(settings.home.lake)
    return found


def dbt_arguments(
    settings: Settings, command: str, *more: str, as_of: date | str | None = None, is_over: bool = True
) -> list[str]:
    """The arguments of a dbt command on this home; nothing is written outside `state/dbt`."""
    from omnium_elt.infra.project_files import TRANSFORMS

    return [
        command,
        "--project-dir",
        str(TRANSFORMS),
        "--profiles-dir",
        str(TRANSFORMS),
        "--target",
        _target(settings),
        "--target-path",
        # What is parsed for one target is of no use to the other.
        str(settings.home.dbt / ("spark" if settings.engine == SPARK else "target")),
        "--log-path",
        str(settings.home.dbt / "logs"),
        "--log-level",
        "none",
        "--log-level-file",
        "debug" if settings.verbose else "info",
        "--log-file-max-bytes",
        "5000000",
        "--no-use-colors",
        "--no-version-check",
        "--no-send-anonymous-usage-stats",
        "--vars",
        # As YAML, for as such it is read: half of what JSON escapes an emoji with would be a character of its own.
        yaml.safe_dump(variables(settings, as_of, is_over), default_flow_style=True),
        *more,
    ]


def _target(settings: Settings) -> str:
    if settings.destination not in database.LOCAL:
        return settings.destination
    return settings.engine


@contextmanager
def dbt_environment(settings: Settings) -> Iterator[None]:
    """Tell the profile where the database is, for the length of a `with`."""
    values = {
        **_server(settings.destination),
        "OMNIUM_WAREHOUSE": str(settings.home.working_database),
        "OMNIUM_DBT_MEMORY": memory.for_database(),
        **QUIET_ENVIRONMENT,
        # dbt's locks start a process of Python, which would import a module of the working directory.
        "PYTHONSAFEPATH": "1",
    }
    with environment(values):
        try:
            yield
        finally:
            _let_go()


def _server(destination: str) -> dict[str, str]:
    """Where dlt loads to, in the words of the profile: credentials are configured once, for both.

    Empty for the working database, and for servers whose target in `profiles.yml` reads variables of its own.
    """
    if destination != "postgres":
        return {}
    import dlt

    server = dlt.destinations.postgres()
    credentials = server.configuration(server.spec(), accept_partial=True).credentials
    return {
        "OMNIUM_POSTGRES_HOST": credentials.host,
        "OMNIUM_POSTGRES_PORT": str(credentials.port),
        "OMNIUM_POSTGRES_USER": credentials.username,
        "OMNIUM_POSTGRES_DATABASE": credentials.database,
        "OMNIUM_POSTGRES_SSLMODE": str((credentials.query or {}).get("sslmode", "prefer")),
        "DBT_ENV_SECRET_OMNIUM_POSTGRES_PASSWORD": str(credentials.password or ""),
    }


def _let_go() -> None:
    """Close dbt's connection to the working database: DuckDB keeps one process's handles together."""
    try:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    except ImportError:
        return
    DuckDBConnectionManager.close_all_connections()


def _build_with_spark(
    settings: Settings, wanted: dict[str, Any], progress: Progress
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Build all models in Spark from the lake, then in the working database what Spark cannot leave there: views.

    Raises OmniumEltError where either fails: then the working database has the marts of before.
    """
    publish_lake(settings, progress)
    with spark.session(settings) as session:
        build = spark.Build(session, settings)
        build.begin()
        built = _build(settings, wanted, None, progress)
        views = build.keep()
    # Only now, as DuckDB needs the memory that Java had.
    build.finish()
    _run(
        replace(settings, engine=DUCKDB),
        wanted,
        ["run", "--select", "tag:staging", *views],
        ["run-operation", "create_what_if_of_built_marts"],
    )
    return built


def _run(settings: Settings, wanted: dict[str, Any], *commands: list[str]) -> None:
    for command, *more in commands:
        arguments = dbt_arguments(settings, command, *more, as_of=wanted["as_of"], is_over=wanted["is_over"])
        answer, results = _dbt(settings, arguments)
        if not answer.success:
            raise _failure(
                settings,
                answer.exception,
                results,
                lambda result: _one_line(f"{result.node.name}: {result.message}"),
            )


def _build(
    settings: Settings, wanted: dict[str, Any], changed: list[str] | None, progress: Progress
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Run `dbt build` for what rests on the raw tables `changed`, or for all.

    Returns counts, and for each node that ran what it warned of.
    """
    # Unit tests prove the models, not the data: they belong to the tests of this repository.
    more = ["--exclude-resource-type", "unit_test"]
    if changed is not None:
        more += ["--select", *(f"source:omnium.omnium.{table}+" for table in changed), READS_ALL_RAW_TABLES]
    arguments = dbt_arguments(settings, "build", *more, **_day_for_dbt(settings, wanted))
    counter = _counting(progress)
    answer, results = _dbt(settings, arguments, counter)
    if any(OUT_OF_MEMORY in str(result.message) for result in results):
        # A model that has all of the memory to itself has more than one that shares it. What was built stays.
        built = {str(one.node.unique_id): one for one in results if one.status not in UNFINISHED}
        answer, results = _dbt(settings, [*arguments, "--threads", "1"], counter)
        results = [built.get(str(one.node.unique_id), one) for one in results]

    def said(result: Any) -> str:
        broken = broken_rules(settings, wanted, result)
        return _one_line(f"{result.node.name}: {broken or result.message}")

    if not answer.success:
        progress.finish(STEP, "failed")
        raise _failure(settings, answer.exception, results, said)
    kinds = [str(result.node.resource_type) for result in results]
    counts = {
        "models": kinds.count("model"),
        "unchanged": sum(result.adapter_response.get("code") == "UNCHANGED" for result in results),
        "tests": kinds.count("test"),
    }
    tested = {str(one.node.unique_id): said(one) if one.status == "warn" else None for one in results}
    return counts, tested


def _dbt(
    settings: Settings, arguments: list[str], *callbacks: Callable[[Any], None]
) -> tuple[Any, list[Any]]:
    """Run dbt; its answer, and the result of each node. Raises KeyboardInterrupt where it was stopped."""
    from dbt.cli.main import dbtRunner

    with dbt_environment(settings), as_quick_as_it_can():
        answer = dbtRunner(callbacks=list(callbacks)).invoke(arguments)
    if isinstance(answer.exception, KeyboardInterrupt):
        raise answer.exception
    return answer, list(getattr(answer.result, "results", None) or [])


def _day_for_dbt(settings: Settings, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The as-of day for dbt, and whether it is over; None where the models find both in the tables themselves.

    Given another day than the last time, dbt parses the whole project again. A lake does not hold when it was loaded.
    """
    if settings.destination == "duckdb":
        return {"as_of": settings.as_of}
    return {"as_of": wanted["as_of"], "is_over": wanted["is_over"]}


def broken_rules(settings: Settings, wanted: dict[str, Any], result: Any) -> str:
    """Which rules of a model do not hold, and in how many rows: the rows of its test `rules`. Empty for other nodes."""
    test = getattr(result.node, "test_metadata", None)
    if test is None or test.name != "rules" or result.status not in ("warn", "fail"):
        return ""
    look = dbt_arguments(
        settings,
        "show",
        "--inline",
        result.node.compiled_code,
        "--limit",
        "20",
        **_day_for_dbt(settings, wanted),
    )
    shown, results = _dbt(settings, look)
    if not shown.success:
        return ""
    rows = sorted((str(rule), int(count)) for rule, count in results[0].agate_table.rows)
    return ", ".join(f"{rule} ({counted(count, 'row')})" for rule, count in rows)


def _failure(
    settings: Settings,
    exception: BaseException | None,
    results: list[Any],
    said: Callable[[Any], str],
) -> OmniumEltError:
    log_file = settings.home.dbt / "logs" / "dbt.log"
    bad = [result for result in results if result.status in ("error", "fail", "runtime error")]
    if not bad:
        known = explain(exception) if exception else None
        if known and known.is_expected:
            return OmniumEltError(f"transform: {known.message}", known.remedy)
        return OmniumEltError(
            f"transform: {_one_line(str(exception))}", f"The whole of it stands in {log_file}."
        )
    first = bad[0]
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    kind = {"test": "test", "seed": "seed", "snapshot": "snapshot"}.get(
        str(first.node.resource_type), "model"
    )
    is_full = any(NO_SPACE in str(result.message) for result in bad)
    return OmniumEltError(
        f"transform: {kind} failed{more}: {said(first)}",
        MAKE_ROOM if is_full else f"What was published stays as it is. The whole of it stands in {log_file}.",
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def _counting(progress: Progress) -> Callable[[Any], None]:
    """Counts finished nodes from dbt's events, for the progress bar; called from dbt's threads."""

    def count(event: Any) -> None:
        name = event.info.name
        if name == "ConcurrencyLine":
            progress.start(STEP, event.data.node_count)
        elif name == "NodeFinished":
            progress.advance(STEP, 1)

    return count
