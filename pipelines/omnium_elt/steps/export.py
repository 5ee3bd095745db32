"""export: the purchase proposal as files: its lines for a spreadsheet or a program, or each order for its supplier.

Reads the published warehouse, so it never waits for a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import replacing
from omnium_elt.infra.home import Home
from omnium_elt.steps import sheets
from omnium_elt.warehouse import database, selection

MART = "purchase_proposal_line"
FORMATS = ("parquet", "csv", "xlsx")


@dataclass(frozen=True)
class Selection:
    """Which lines: of suppliers and warehouses by id or name, all for none; `deferred`: also those that can wait."""

    suppliers: Sequence[str] = ()
    warehouses: Sequence[str] = ()
    deferred: bool = False


@dataclass(frozen=True)
class Written:
    """What was written: the file, or the folder of orders, how many lines, their value by currency."""

    file: Path
    lines: int
    value: dict[str | None, Decimal]
    files: int = 1


def export_lines(
    home: Home,
    kind: str | None = None,
    output: str | None = None,
    chosen: Selection = Selection(),
    *,
    delimiter: str = ",",
    decimal_sign: str = ".",
) -> Written:
    """Write the lines of the proposal as parquet, csv or xlsx.

    Without `kind` the end of `output` decides; without both it is an xlsx in the current folder. Raises UsageError
    without a published warehouse, for an unknown supplier or warehouse, or where no format can be told.
    """
    kind = kind or (Path(output).suffix.removeprefix(".").lower() if output else "xlsx")
    if kind not in FORMATS:
        raise UsageError(f"{output} does not say which format", f"Add --format {', '.join(FORMATS)}.")
    if len(delimiter) != 1 or delimiter == decimal_sign or delimiter in '"\r\n':
        raise UsageError(
            f"--delimiter {delimiter!r} cannot part the cells", "It is one character, such as ; or a tab."
        )
    path = Path(output or f"{MART}.{kind}")
    if path.resolve() == (home.exports / f"{MART}.parquet").resolve():
        raise UsageError(f"{path} is the export that the manifest vouches for", "Name another file.")
    found = proposal_lines(home, chosen)
    with replacing(path) as partial:
        if kind == "parquet":
            import pyarrow.parquet

            pyarrow.parquet.write_table(found, partial, compression="zstd")
        else:
            rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
            if kind == "csv":
                sheets.write_csv(
                    partial, found.column_names, rows, delimiter=delimiter, decimal_sign=decimal_sign
                )
            else:
                sheets.write_xlsx(partial, found.column_names, rows)
    return Written(path, found.num_rows, value_of(found.select(["currency", "line_value"]).to_pylist()))


def proposal_lines(home: Home, chosen: Selection) -> Any:
    """The chosen lines of the published proposal, as an Arrow table in the order of the proposal."""
    require_warehouse(home)
    with database.connect(home.warehouse, read_only=True) as connection:
        return connection.sql(
            f"""
            from marts.{MART}
            where (len($suppliers) = 0 or list_contains($suppliers, supplier_id))
                and (len($warehouses) = 0 or list_contains($warehouses, warehouse_code))
                and ($deferred or action <> 'defer')
            order by supplier_id, warehouse_code, currency, line_number
            """,
            params={
                "suppliers": selection.supplier_ids(connection, chosen.suppliers),
                "warehouses": selection.warehouse_codes(connection, chosen.warehouses),
                "deferred": chosen.deferred,
            },
        ).to_arrow_table()


def require_warehouse(home: Home) -> None:
    """Raise UsageError where nothing is published."""
    if not home.warehouse.exists():
        raise UsageError(
            f"there is no warehouse at {home.warehouse}", "Make one: omnium-elt demo, or omnium-elt run."
        )


def value_of(lines: Sequence[dict[str, Any]]) -> dict[str | None, Decimal]:
    """Σ line_value by currency."""
    values: dict[str | None, Decimal] = {}
    for line in lines:
        values[line["currency"]] = values.get(line["currency"], Decimal(0)) + line["line_value"]
    return values
