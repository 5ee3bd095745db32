"""The compiled model int_demand_estimates on rows of a test's own, without any other model."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import duckdb
from omnium_elt.warehouse import queries


def estimates_on(
    sql: str,
    today: date,
    changes: Iterable[Mapping[str, Any]],
    categories: Mapping[str, str],
    new_items: Iterable[tuple[str, str]] = (),
) -> list[dict[str, Any]]:
    """Its rows.

    `changes`: sku, warehouse (w where it is missing), day, run_days, demand and transfer_out (0); always in stock.
    `new_items`: SKU and warehouse of what is on offer, and to which nothing ever happened.
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
        return queries.rows(connection, sql)
