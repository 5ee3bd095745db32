"""Checks that the tables built by key hold what a full build would, by running their own compiled SQL as a query."""

from pathlib import Path
from typing import Any

BY_KEY = {
    "int_customer_order_lines": "intermediate",
    "int_stock_change_days": "intermediate",
    "fct_stock_and_demand_change": "marts",
    "int_purchase_order_line_promises": "intermediate",
    "int_purchase_order_line_states": "intermediate",
    "int_purchase_order_rows": "intermediate",
    "int_purchase_receipts": "intermediate",
    "fct_purchase_receipt": "marts",
    "int_purchase_receipt_parts": "intermediate",
    "fct_purchase_order_line": "marts",
}
"""The models, and the schema of each. A model comes after those that it depends on."""


def differences(connection: Any, compiled: Path) -> dict[str, tuple[int, int]]:
    """For each model that differs: how many rows a full build would not have, and how many only it would have.

    `compiled` is the folder into which dbt's last build compiled the models. Each model is compared on top of those
    below it, so if all are equal, the last one equals a full build of them all.
    """
    connection.execute("set TimeZone = 'UTC'")
    found = {}
    for name, schema in BY_KEY.items():
        (path,) = compiled.rglob(f"{name}.sql")
        whole, here = f"({path.read_text(encoding='utf-8')})", f"(from {schema}.{name})"
        digests = [
            connection.execute(f"select count(*), sum(hash(_row)) from {rows} as _row").fetchone()
            for rows in (whole, here)
        ]
        if digests[0] != digests[1]:
            surplus, missing = (
                connection.execute(f"select count(*) from ({query})").fetchone()[0]
                for query in (f"{here} except all {whole}", f"{whole} except all {here}")
            )
            found[name] = (surplus, missing)
    return found
