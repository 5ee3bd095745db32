"""Settings of the program in addition to those of the source: dbt variables, and environment variables.

Each is a row of a table, as in `omnium_source/settings.py`. A setting that is in no table, or out of its range, is
reported as a problem. A var in `dbt_project.yml` needs a row in this file; a test fails without it.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omnium_source.errors import ConfigurationError
from omnium_source.setting import Setting, table
from omnium_source.settings import (
    ENVIRONMENT_PREFIX,
    LARGEST_DAYS,
    SECTION,
    SOURCE,
    Found,
    Problem,
    documents,
    field_choices,
    from_document,
    from_environment,
    problem_of,
    settings_found,
    source_problems,
)

MOST_ROWS = 1e12
DAYS = (0, LARGEST_DAYS)

TRANSFORM = table(
    Setting("raw_schema", "text", "omnium", "schema of the raw tables"),
    Setting(
        "lake_path",
        "path",
        "",
        "folder of the raw data as Parquet; empty: read the tables",
        may_be_empty=True,
    ),
    Setting(
        "as_of_date",
        "date",
        "",
        "as-of date of every mart; empty: the day of the newest load",
        may_be_empty=True,
    ),
    Setting("time_zone", "time zone", "UTC", "days are calendar days of this zone"),
    Setting(
        "average_daily_usage_days",
        "integer",
        90,
        "days of the plain daily usage, as in Omnium",
        1,
        LARGEST_DAYS,
    ),
    Setting(
        "lead_time_safety_margin_days",
        "number",
        0,
        "days added to a supplier's lead time, as in Omnium",
        *DAYS,
    ),
    Setting(
        "default_average_lead_time_days",
        "number",
        14,
        "lead time if nothing is known, as in Omnium",
        *DAYS,
    ),
    Setting("storage_cost_percent", "number", 12.5, "yearly cost of stock, per cent of its value", 0, 1_000),
    Setting(
        "reorder_suggestions_min_quantity_round_up",
        "flag",
        True,
        "whether a proposal below a minimum quantity is raised to it",
    ),
    Setting("non_purchasable_assortment_codes", "list", [], "assortments that are not purchased"),
    Setting(
        "more_purchase_order_statuses",
        "mapping",
        {},
        "the tenant's own statuses",
        choices=("draft", "placed", "done", "cancelled"),
        ignores_case=True,
    ),
    Setting(
        "more_inventory_transaction_types",
        "mapping",
        {},
        "the tenant's own types",
        choices=("receipt", "sale", "return", "reservation", "transfer", "correction", "opening"),
        ignores_case=True,
    ),
    Setting(
        "more_order_types",
        "mapping",
        {},
        "the tenant's own order types, and whether each counts as demand",
        choices=(True, False, "true", "false"),
        ignores_case=True,
    ),
    Setting("review_days", "number", 1, "days between two reviews of the proposals", 0, 366),
    Setting(
        "service_level",
        "number",
        0.95,
        "probability of not running out during the protection time",
        0,
        1,
        is_open=True,
    ),
    Setting(
        "service_level_by_abc",
        "mapping",
        {},
        "service level per ABC class, instead of the general one",
        0,
        1,
        is_open=True,
        items="number",
        keys=("A", "B", "C", "N"),
    ),
    Setting(
        "service_level_from_margin",
        "flag",
        False,
        "whether an article's service level follows from its margin",
    ),
    Setting(
        "supplier_order_days",
        "mapping",
        {},
        "days of the week on which orders to a supplier can be placed",
        choices=("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        takes_lists=True,
    ),
    Setting(
        "supplier_review_days",
        "mapping",
        {},
        "days between two orders to a supplier, instead of named days",
        1,
        366,
        items="number",
    ),
    Setting(
        "order_days_from_history",
        "flag",
        False,
        "whether suppliers whose orders of a year fell on one or two days of the week get these as order days",
    ),
    Setting(
        "order_interval",
        "choice",
        "supplier",
        "days of demand that an order covers: by the supplier's setting, or by the lowest cost",
        choices=("supplier", "economic"),
    ),
    Setting(
        "demand_distribution",
        "choice",
        "negative binomial",
        "distribution of demand; normal for goods that are not counted in units",
        choices=("negative binomial", "normal"),
    ),
    Setting(
        "transfers_between_places",
        "flag",
        True,
        "whether surplus stock of one warehouse is proposed for another instead of a purchase",
    ),
    Setting(
        "projected_items",
        "integer",
        50_000,
        "SKU × warehouse rows that `stock_projection` projects over the coming weeks",
        0,
        MOST_ROWS,
    ),
    Setting(
        "early_tolerance_days",
        "number",
        "",
        "days before its promise from which a receipt is on time; empty: any",
        *DAYS,
        may_be_empty=True,
    ),
    Setting(
        "late_tolerance_days",
        "number",
        0,
        "days after its promise up to which a receipt is on time",
        *DAYS,
    ),
    Setting(
        "shrinkage_strength",
        "number",
        5,
        "weight of the parent level, in observations, when measured lead times are shrunk towards it",
        0,
        1_000_000,
    ),
    Setting(
        "lead_time_half_life_days",
        "number",
        60,
        "if a supplier's lead times drift, an order that is this many days older than another weighs half as much",
        1,
        36_500,
    ),
    Setting(
        "reserved_includes_awaiting",
        "flag",
        False,
        "whether reserved stock includes customer lines that wait for a purchase order",
    ),
    Setting(
        "low_evidence_days", "number", 14, "days in stock below which a demand rate is weak evidence", *DAYS
    ),
    Setting(
        "season_weight",
        "number",
        0.5,
        "weight of last year's season, as the exponent of its seasonal factor",
        0,
        1,
    ),
    Setting(
        "replayed_as_of_days",
        "list",
        [],
        "additional as-of days for which demand is estimated, for a replay of history",
        items="date",
    ),
    Setting(
        "transfers_are_demand",
        "flag",
        True,
        "whether a warehouse that supplies others also reorders the goods it sends them",
    ),
    Setting(
        "default_currency",
        "text",
        "",
        "currency of costs without one; empty: the tenant's most common currency",
        may_be_empty=True,
    ),
    Setting(
        "test_severity",
        "choice",
        "warn",
        "whether a failed data test is a warning or an error",
        choices=("warn", "error"),
    ),
    Setting(
        "most_drawn_out_rows",
        "integer",
        10_000_000,
        "rows of a daily mart above which it becomes a view on the days with changes",
        0,
        MOST_ROWS,
    ),
    Setting(
        "rows_at_once",
        "integer",
        2_000_000,
        "order lines or inventory transactions that a full build joins and sorts at a time",
        1_000,
        MOST_ROWS,
    ),
    Setting(
        "proposal_follow_days",
        "integer",
        7,
        "days after a proposal within which an order counts as its result (`proposal_accuracy`)",
        1,
        366,
    ),
    Setting("backtest_days", "integer", 120, "days that `policy_backtest` counts", 1, LARGEST_DAYS),
    Setting(
        "backtest_warm_up_days", "integer", 60, "days that it replays before those it counts", 0, LARGEST_DAYS
    ),
    Setting(
        "backtest_refresh_days",
        "integer",
        7,
        "days between two estimates from history in `policy_backtest`; 1 takes minutes",
        1,
        366,
    ),
    Setting("backtest_items", "integer", 1_000, "SKU × warehouse rows that it replays", 0, MOST_ROWS),
    Setting(
        "backtest_service_levels",
        "list",
        [0.5, 0.7, 0.8, 0.9, 0.98],
        "service levels that it replays",
        0,
        1,
        is_open=True,
        items="number",
    ),
    Setting(
        "backtest_added_days",
        "list",
        [7, 14, 28, 42, 70],
        "days added to Omnium's margin that it replays",
        *DAYS,
        items="number",
    ),
)
"""Settings in the section `transform`: variables of the dbt project."""

ENVIRONMENT = table(
    Setting("OMNIUM_HOME", "path", "omnium-data", "instead of `--home`"),
    Setting("OMNIUM_PUBLISH_TO", "text", "", "instead of `--publish-to`", may_be_empty=True),
    Setting("OMNIUM_DBT_THREADS", "integer", 2, "models that `transform` builds side by side", 1, 64),
    Setting(
        "OMNIUM_DBT_MEMORY",
        "size",
        None,
        "memory that DuckDB may use in `transform`; by default nine tenths of what the machine, or its container, has "
        "beyond 700 MiB, 3 GiB at most, or an eighth of all memory if that is more (256 MiB to 16 GiB)",
    ),
    Setting("OMNIUM_SPARK_MEMORY", "size", "3GB", "heap of the Spark that `transform --engine spark` starts"),
    Setting("OMNIUM_SPARK_PARTITIONS", "integer", 8, "partitions of the rows that Spark joins", 1, 100_000),
    Setting(
        "OMNIUM_SPARK_REMOTE",
        "text",
        "",
        "Spark Connect server that builds the models, sc://host:15002; empty: a Spark on this machine",
        may_be_empty=True,
    ),
    Setting(
        "OMNIUM_SPARK_LAKE",
        "text",
        "",
        "where that server finds the folder `lake` of the home; empty: at the same path",
        may_be_empty=True,
    ),
)
"""Settings that can only be set in the environment."""

PROFILE_PREFIXES = ("OMNIUM_POSTGRES_", "OMNIUM_SNOWFLAKE_", "OMNIUM_BIGQUERY_", "OMNIUM_DATABRICKS_")
"""Prefixes of variables that `profiles.yml` reads for servers; dbt reports missing ones itself."""
OTHER_NAMES = frozenset(
    {"OMNIUM_DBT_TARGET", "OMNIUM_WAREHOUSE", "OMNIUM_PUBLISHED", "OMNIUM_ELT", "OMNIUM_SOAK"}
)
"""Other variables that `profiles.yml`, the examples or the tests read."""
TRANSFORM_PREFIX = "TRANSFORM__"
OURS = "OMNIUM_"
PIPELINES_OWN = "OMNIUM__"
"""dlt reads the settings of a pipeline named omnium from variables with this prefix."""
MISPLACED = frozenset(SOURCE) - {"base_url", "client_id", "client_secret", "since"}
"""Settings that are recognized outside their section, too, as no other program has a setting of that name."""
ROOTS_FOLDER = Path("/var/dlt")
"""Where dlt keeps the configuration of the root user."""
SECTIONS = ("sources", "transform")
NEAR, NEAR_NAME = 0.8, 0.93
"""How similar a short name, and a long name, must be to a known one to count as a typing error."""
ANOTHER_TENANT = re.compile(r"SOURCES__OMNIUM(?!_+SOURCE_)_?[A-Z0-9]\w*?__")
"""Environment variables of a second copy of the source, whose section has its own name, such as omnium2."""


def problems() -> list[Problem]:
    """All problems of the configuration, in the environment and in dlt's files."""
    files = _files()
    found = list(_environment(os.environ))
    sources = settings_found(files)
    transform = list(from_environment(TRANSFORM_PREFIX))
    for where, document in files:
        found += _misplaced(document, where)
        transform += from_document(document, "transform", where, deep=1)
    wrong = list(source_problems(sources))
    if not wrong:
        try:
            field_choices(sources)
        except ConfigurationError as error:
            wrong = [Problem(str(error), "docs/settings.md says what can be chosen.")]
    found += wrong
    found += filter(None, (problem_of(one, TRANSFORM, "__".join(one.path)) for one in transform))
    return found


def choices() -> dict[str, dict[str, Any]]:
    """The chosen fields of each resource that has such a setting. Raises ConfigurationError."""
    return field_choices(settings_found(_files()))


def project_folder() -> Path:
    """The folder of the project's settings: `.dlt` in the working directory, unless dlt's variables name another."""
    return Path(os.environ.get("DLT_PROJECT_DIR") or ".") / os.environ.get("DLT_CONFIG_FOLDER", ".dlt")


def outside_sections(name: str) -> str | None:
    """A file that sets `name` outside any section, where it may belong to another program; None if no file does."""
    return next((where for where, document in _files() if isinstance(document.get(name), str)), None)


def _files() -> list[tuple[str, Mapping[str, Any]]]:
    """The TOML files that dlt reads. Without any, dlt is not imported, which would take a second."""
    folders = [project_folder(), Path(os.environ.get("DLT_DATA_DIR") or Path.home() / ".dlt"), ROOTS_FOLDER]
    return documents() if any(next(folder.glob("*.toml"), None) for folder in folders) else []


def _environment(environment: Mapping[str, str]) -> Iterator[Problem]:
    """Problems of `OMNIUM_…`, and of names that were probably meant as `SOURCES__OMNIUM__…` or `TRANSFORM__…`."""
    for name, value in sorted(environment.items()):
        if name.startswith(OURS) and not name.startswith(PIPELINES_OWN):
            is_ours = not name.startswith(PROFILE_PREFIXES) and name not in OTHER_NAMES
            if is_ours and (problem := problem_of(Found((name,), value, name), ENVIRONMENT)):
                yield problem
        elif meant := _meant(name):
            shown = name if name.isprintable() else ascii(name)  # not printable: such as a byte order mark
            yield Problem(f"{shown} is no setting", f"Did you mean {meant}?")


def _meant(name: str) -> str | None:
    """The setting that an environment variable with a wrong name was probably meant to be; None if it has none."""
    upper = name.upper()
    if name.startswith((ENVIRONMENT_PREFIX, TRANSFORM_PREFIX)) or ANOTHER_TENANT.match(upper):
        return None
    section, _, last = name.lower().partition("__")
    if section in (SECTIONS[0], "omnium") and last in MISPLACED:
        return f"{ENVIRONMENT_PREFIX}{last.upper()}"
    alike = [right for right in _rightly_prefixed() if abs(len(right) - len(upper)) < 4]
    return next(iter(difflib.get_close_matches(upper, alike, n=1, cutoff=NEAR_NAME)), None)


@cache
def _rightly_prefixed() -> tuple[str, ...]:
    """The environment variables of all settings of the source and of the models."""
    tables = ((ENVIRONMENT_PREFIX, SOURCE), (TRANSFORM_PREFIX, TRANSFORM))
    return tuple(f"{prefix}{name.upper()}" for prefix, known in tables for name in known)


def _misplaced(document: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Problems of settings outside their section, and of sections whose name is almost right."""
    for name, value in document.items():
        if not isinstance(value, Mapping):
            if name in _rightly_prefixed():
                section, _, last = name.lower().rpartition("__")
                message = f"{name} in {where} is a name for the environment"
                yield Problem(message, f"Write {last} below [{section.replace('__', '.')}].")
            elif near := difflib.get_close_matches(name, [*MISPLACED, *TRANSFORM], n=1, cutoff=NEAR):
                section = SECTION if near[0] in SOURCE else "transform"
                message = f"{name} in {where} stands outside any section"
                yield Problem(message, f"Write {near[0]} below [{section}].")
            elif name in SECTIONS:
                yield _no_section(name, where)
        elif name not in SECTIONS and (near := difflib.get_close_matches(name, SECTIONS, n=1, cutoff=NEAR)):
            yield Problem(f"[{name}] in {where} is no section", f"Did you mean [{near[0]}]?")
    sections = document.get("sources")
    for name, value in sections.items() if isinstance(sections, Mapping) else ():
        if not isinstance(value, Mapping):
            if name in MISPLACED:
                yield Problem(f"sources.{name} in {where} is no setting", f"Write {name} below [{SECTION}].")
            elif name == "omnium":
                yield _no_section(SECTION, where)
            continue
        is_another = ANOTHER_TENANT.match(f"SOURCES__{name.upper()}__") or name == "omnium"
        if not is_another and difflib.get_close_matches(name, ["omnium", "omnium_source"], n=1, cutoff=NEAR):
            yield Problem(f"[sources.{name}] in {where} is no section", f"Did you mean [{SECTION}]?")


def _no_section(name: str, where: str) -> Problem:
    return Problem(
        f"{name} in {where} is a value, and has to be a section", f"Write [{name}] above its settings."
    )
