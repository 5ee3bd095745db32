"""dbt in this process: its arguments, its environment, and what it says of a build.

build    build all models, or those that depend on raw tables that changed
run      other commands of dbt
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import yaml

from omnium_elt.infra import memory
from omnium_elt.infra.configuration import QUIET_ENVIRONMENT, environment
from omnium_elt.infra.errors import MAKE_ROOM, OmniumEltError, explain
from omnium_elt.infra.home import Settings
from omnium_elt.infra.run_report import Progress
from omnium_elt.infra.text import counted
from omnium_elt.steps import spark
from omnium_elt.steps.dbt_private import as_quick_as_it_can
from omnium_elt.warehouse import database

STEP = "transform"
DUCKDB, SPARK = "duckdb", "spark"
"""Engines that can build the models of the working database."""
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


def build(
    settings: Settings, wanted: dict[str, Any], changed: list[str] | None, progress: Progress
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Run `dbt build` for everything downstream of the raw tables `changed`, or for all models if it is None.

    Returns counts, and the warning of each node that ran (None: no warning). Raises OmniumEltError if a node fails.
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


def run(settings: Settings, wanted: dict[str, Any], *commands: list[str]) -> None:
    """Run commands of dbt one after the other. Raises OmniumEltError if one fails."""
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
        str(settings.home.dbt / (SPARK if settings.engine == SPARK else "target")),
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


def _day_for_dbt(settings: Settings, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `dbt_arguments`: the as-of day and whether it is over.

    With the destination duckdb, the models find the day of the newest load themselves, so only a day that the user
    set is passed: dbt parses the whole project again if the day differs. A lake does not record when it was loaded.
    """
    if settings.destination == "duckdb":
        return {"as_of": settings.as_of}
    return {"as_of": wanted["as_of"], "is_over": wanted["is_over"]}


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
