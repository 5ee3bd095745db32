"""Whether the tables that are built by key hold what a whole build would: their own compiled SQL, run as a query."""

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
"""The models, and the schema of each. A model comes after those that it rests on."""


def differences(connection: Any, compiled: Path) -> dict[str, tuple[int, int]]:
    """Per model that differs, rows that a whole build would not have, and rows that only that would have.

    `compiled` is the folder into which dbt's last build compiled the models. As each model is compared on top of the
    ones below it, all equal means that the last one equals a whole build of them all.
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
