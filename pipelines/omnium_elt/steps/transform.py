"""transform: runs the dbt project in this process, on the working database or on the destination's server.

It is skipped if the raw data, the project, the settings and the as-of date are those of the last finished build.
Otherwise, in the working database, only models that depend on something that changed are built.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from omnium_elt.decide.kept import bring
from omnium_elt.infra import history
from omnium_elt.infra.errors import OmniumEltError, UsageError
from omnium_elt.infra.files import read_object, write_json
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress, StepReport, timed
from omnium_elt.steps import dbt_commands, spark
from omnium_elt.steps.dbt_commands import DUCKDB, SPARK, STEP
from omnium_elt.steps.lake import publish_lake
from omnium_elt.warehouse import build_state, database

MARKS = {"raw", "project", "destination", "engine", "variables", "as_of", "is_over"}
"""Keys of what the marts depend on (`_wanted`), which is saved after a finished build."""

WARNINGS = "warnings.json"
"""File below `state/` with the message of each test that warned when it last ran."""


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
        counts, tested = dbt_commands.build(settings, wanted, changed, progress)
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
        built = dbt_commands.build(settings, wanted, None, progress)
        views = build.keep()
    # Only after Java has ended, as DuckDB needs its memory.
    build.finish()
    dbt_commands.run(
        replace(settings, engine=DUCKDB),
        wanted,
        ["run", "--select", "tag:staging", *views],
        ["run-operation", "create_what_if_of_built_marts"],
    )
    return built
