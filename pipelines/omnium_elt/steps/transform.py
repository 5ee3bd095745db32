"""transform: runs the dbt project in this process, on the working database or on the destination's server.

It is skipped if the raw data, the project, the settings and the as-of date are those of the last finished build.
Otherwise, in the working database, only models that depend on something that changed are built.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
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
"""Engines that can build the models of the working database."""
MARKS = {"raw", "project", "destination", "engine", "variables", "as_of", "is_over"}
"""Keys of what the marts depend on (`_wanted`), which is saved after a finished build."""

WARNINGS = "warnings.json"
"""File below `state/` with the message of each test that warned when it last ran."""
MOST_CHARACTERS = 240
"""Maximum length of a message of dbt that is shown in one line."""
UNFINISHED = ("error", "runtime error", "skipped")
"""dbt's statuses of nodes that still have to be built."""
OUT_OF_MEMORY = "Out of Memory Error"
"""Beginning of DuckDB's message if models that are built in parallel need more memory than its limit."""
NO_SPACE = "No space left on device"
"""The operating system's text for a full disk, which is part of other programs' messages."""
READS_ALL_RAW_TABLES = "config.meta.reads:all_raw_tables+"
"""dbt selector of the models that read every raw table, and everything downstream of them."""


@timed
def transform(settings: Settings, progress: Progress, *, force: bool = False) -> StepReport:
    """Build the models as of `settings.as_of`, or of the day of the newest load.

    `force` builds everything, even if nothing changed. Raises OmniumEltError if a model or a test fails; the published
    version then stays as it is.
    """
    report = StepReport(STEP)
    if settings.engine == SPARK:
        spark.check(settings)
    is_local = settings.destination in database.LOCAL
    # A file that is open already opens at once.
    with database.connect(settings.home.working_database) if is_local else nullcontext():
        not_known = _bring_decisions(settings)
        wanted = _wanted(settings)
    last = None if force else _last(settings)
    if last == wanted:
        report.status = "unchanged"
        report.details = {"as_of": wanted["as_of"], "warnings": [*_warnings(settings).values(), *not_known]}
        return report
    marker = settings.home.state / "transform.json"
    marker.unlink(missing_ok=True)
    if is_local:
        with database.connect(settings.home.working_database) as connection:
            # A build by one engine does not tell what the other would build.
            forget = (
                force or settings.engine == SPARK or (last is not None and last["engine"] != settings.engine)
            )
            build_state.prepare(
                connection, wanted["raw"], wanted["project"], wanted["variables"], forget=forget
            )
    changed = _changed(last, wanted)
    if settings.engine == SPARK:
        counts, tested = _build_with_spark(settings, wanted, progress)
        changed = None  # Spark builds everything
    else:
        counts, tested = _build(settings, wanted, changed, progress)
    # Tests of unchanged models did not run, and their last warnings still hold.
    warnings = {} if changed is None else _warnings(settings)
    warnings = {name: text for name, text in (warnings | tested).items() if text}
    report.details = {"as_of": wanted["as_of"], **counts, "warnings": [*warnings.values(), *not_known]}
    write_json(settings.home.state / WARNINGS, warnings)
    write_json(marker, wanted)
    report.status = "ok"
    return report


def _bring_decisions(settings: Settings) -> list[str]:
    """Copy the purchaser's decisions into the working database; return warnings, as a failure must not stop a build."""
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
    """The warnings of tests that are still valid, by the tests' unique ids in dbt."""
    kept = read_object(settings.home.state / WARNINGS)
    return {name: text for name, text in kept.items() if isinstance(text, str)}


def finished(settings: Settings) -> dict[str, Any] | None:
    """What the marts were built from (`_wanted`), with the raw data as one digest.

    None if the last build did not finish.
    """
    last = _last(settings)
    if last is not None and settings.destination in database.LOCAL:  # a digest per raw table was saved
        return {**last, "raw": database.digest(last["raw"])}
    return last


def _last(settings: Settings) -> dict[str, Any] | None:
    # Older versions had no engine but DuckDB, and did not record it.
    kept = {"engine": DUCKDB, **read_object(settings.home.state / "transform.json")}
    is_whole = set(kept) == MARKS and isinstance(kept["as_of"], str | None)
    return kept if is_whole else None


def _changed(last: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> list[str] | None:
    """The raw tables that changed since the last build; None if anything else changed, or the build is unknown."""
    if last is None or not isinstance(last["raw"], dict):
        return None
    if any(last[mark] != wanted[mark] for mark in MARKS - {"raw"}):
        return None
    before, now = last["raw"], wanted["raw"]
    return sorted(table for table in before.keys() | now.keys() if before.get(table) != now.get(table))


def _wanted(settings: Settings) -> dict[str, Any]:
    """Everything that the marts depend on: raw data, project, destination, engine, variables and as-of day."""
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
        # Tables on a server are not inspected; the newest run that changed something stands for them.
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
    """The id of the newest run that wrote rows, from the run history."""
    changed = [
        run["run_id"] for run in history.runs(settings.home) if any(r["rows"] for r in run["resources"])
    ]
    return max(changed, default=None)


def project_digest() -> str:
    """A digest of the dbt project's files; if it changes, the marts are built again."""
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
    """The arguments of a dbt command on this home; dbt writes no files outside `state/dbt`."""
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
        # A folder per target, as dbt cannot reuse for one target what it parsed for the other.
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
        # As YAML, since dbt parses YAML: it would read JSON's escape of an emoji (a surrogate pair) as two characters.
        yaml.safe_dump(variables(settings, as_of, is_over), default_flow_style=True),
        *more,
    ]


def _target(settings: Settings) -> str:
    if settings.destination not in database.LOCAL:
        return settings.destination
    return settings.engine


@contextmanager
def dbt_environment(settings: Settings) -> Iterator[None]:
    """Set the variables that `profiles.yml` reads within the `with` block; then close dbt's connections."""
    values = {
        **_server(settings.destination),
        "OMNIUM_WAREHOUSE": str(settings.home.working_database),
        "OMNIUM_DBT_MEMORY": memory.for_database(),
        **QUIET_ENVIRONMENT,
        # dbt's locks start a Python process, which would otherwise import modules from the working directory.
        "PYTHONSAFEPATH": "1",
    }
    with environment(values):
        try:
            yield
        finally:
            _let_go()


def _server(destination: str) -> dict[str, str]:
    """dlt's server as variables of `profiles.yml`, so that credentials are configured once for dlt and dbt.

    Empty for the working database, and for servers whose target in `profiles.yml` reads its own variables.
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
    """Close dbt's connections: DuckDB shares one instance per file and process, which would stay open."""
    try:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    except ImportError:
        return
    DuckDBConnectionManager.close_all_connections()


def _build_with_spark(
    settings: Settings, wanted: dict[str, Any], progress: Progress
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Build all models in Spark from the lake, then create the views in the working database with DuckDB.

    Raises OmniumEltError if either fails. The marts in the working database stay as they are until Spark is done.
    """
    publish_lake(settings, progress)
    with spark.session(settings) as session:
        build = spark.Build(session, settings)
        build.begin()
        built = _build(settings, wanted, None, progress)
        views = build.keep()
    # Only after Java has ended, as DuckDB needs its memory.
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
    """Run `dbt build` for everything downstream of the raw tables `changed`, or for all models if it is None.

    Returns counts, and the warning of each node that ran (None: no warning).
    """
    # Unit tests check the models, not the data; the repository's own tests run them.
    more = ["--exclude-resource-type", "unit_test"]
    if changed is not None:
        more += ["--select", *(f"source:omnium.omnium.{table}+" for table in changed), READS_ALL_RAW_TABLES]
    arguments = dbt_arguments(settings, "build", *more, **_day_for_dbt(settings, wanted))
    counter = _counting(progress)
    answer, results = _dbt(settings, arguments, counter)
    if any(OUT_OF_MEMORY in str(result.message) for result in results):
        # With one thread, each model has all of the memory to itself. Models that were built already stay.
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
    """Run dbt; return its answer, and the result of each node. Raises KeyboardInterrupt if dbt was interrupted."""
    from dbt.cli.main import dbtRunner

    with dbt_environment(settings), as_quick_as_it_can(), memory.tuned_for_models():
        answer = dbtRunner(callbacks=list(callbacks)).invoke(arguments)
    if isinstance(answer.exception, KeyboardInterrupt):
        raise answer.exception
    return answer, list(getattr(answer.result, "results", None) or [])


def _day_for_dbt(settings: Settings, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `dbt_arguments`: the as-of day and whether it is over.

    With the destination duckdb, the models find the day of the newest load themselves, so only a day that the user
    set is passed: dbt parses the whole project again if the day differs. A lake does not record when it was loaded.
    """
    if settings.destination == "duckdb":
        return {"as_of": settings.as_of}
    return {"as_of": wanted["as_of"], "is_over": wanted["is_over"]}


def broken_rules(settings: Settings, wanted: dict[str, Any], result: Any) -> str:
    """The broken rules of a model and the number of rows of each, from its test `rules`. Empty for other nodes."""
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
            f"transform: {_one_line(str(exception))}", f"The full message is in {log_file}."
        )
    first = bad[0]
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    kind = {"test": "test", "seed": "seed", "snapshot": "snapshot"}.get(
        str(first.node.resource_type), "model"
    )
    is_full = any(NO_SPACE in str(result.message) for result in bad)
    return OmniumEltError(
        f"transform: {kind} failed{more}: {said(first)}",
        MAKE_ROOM if is_full else f"What was published stays as it is. The full message is in {log_file}.",
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def _counting(progress: Progress) -> Callable[[Any], None]:
    """Return a callback that counts finished nodes for the progress bar; dbt calls it from its threads."""

    def count(event: Any) -> None:
        name = event.info.name
        if name == "ConcurrencyLine":
            progress.start(STEP, event.data.node_count)
        elif name == "NodeFinished":
            progress.advance(STEP, 1)

    return count
