"""Runs the compiled models int_demand_memories and int_demand_estimates on a test's own rows, without other models."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from omnium_elt.warehouse import queries

from tests.support.models import dbt

MODELS = ("int_demand_memories", "int_demand_estimates")


def compiled_estimates(folder: Path, today: date) -> dict[str, str]:
    """The SQL of both models, by name."""
    results = dbt(folder, "compile", "--select", *MODELS, variables={"as_of_date": today.isoformat()}).results
    return {result.node.name: result.node.compiled_code for result in results}


def estimates_on(
    compiled: Mapping[str, str],
    today: date,
    changes: Iterable[Mapping[str, Any]],
    categories: Mapping[str, str],
    new_items: Iterable[tuple[str, str]] = (),
) -> list[dict[str, Any]]:
    """The rows of int_demand_estimates.

    `compiled`: the result of compiled_estimates. `changes`: sku, warehouse (default w), day, run_days, demand and
    transfer_out (default 0); always in stock. `new_items`: SKU and warehouse of items that are on offer and to which
    nothing has ever happened.
    """
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute("create schema intermediate; create schema marts")
        connection.execute(
            f"""
            create table marts.fct_stock_and_demand_change (
                sku varchar, warehouse_code varchar, day date, run_days integer, demand_quantity double,
                transfer_out_quantity double, in_stock_share double, carried_share double
            );
            create table intermediate.int_demand_as_of_days as select date '{today}' as as_of_day;
            create table intermediate.int_demand_categories (sku varchar, category varchar);
            create table intermediate.int_demand_new_items (
                sku varchar, warehouse_code varchar, is_new boolean, untouched_since date
            );
            create table intermediate.int_promotion_days (sku varchar, warehouse_code varchar, day date);
            create table intermediate.int_promotion_effects (as_of_day date, promotion_factor double);
            create table intermediate.int_closed_days (warehouse_code varchar, day date, is_weekly boolean);
            """
        )
        connection.executemany(
            "insert into marts.fct_stock_and_demand_change values (?, ?, ?, ?, ?, ?, 1, 1)",
            [
                (
                    row["sku"], row.get("warehouse", "w"), row["day"], row["run_days"], row["demand"],
                    row.get("transfer_out", 0),
                )
                for row in changes
            ],
        )  # fmt: skip
        connection.executemany(
            "insert into intermediate.int_demand_categories values (?, ?)", list(categories.items())
        )
        for sku, warehouse in new_items:
            connection.execute(
                "insert into intermediate.int_demand_new_items values (?, ?, true, null)", [sku, warehouse]
            )
        memories, estimates = (compiled[name] for name in MODELS)
        connection.execute(f"create view intermediate.int_demand_memories as {memories}")
        return queries.rows(connection, estimates)
