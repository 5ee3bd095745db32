"""export: writes the lines of the purchase proposal to a file for a spreadsheet or a program.

It reads the published warehouse, so it never waits for a run. Orders for suppliers: `supplier_orders.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from omnium_elt.decide import lines
from omnium_elt.decide.lines import MART, WHAT_IS_ORDERED, Selection, value_of
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import replacing
from omnium_elt.infra.home import Home
from omnium_elt.steps import sheets

DECIDED = ("proposed_quantity", "is_ticked", "is_outdated", "note")
"""Columns after those of the proposal: the proposed quantity if another one was decided, whether the line is ticked,
whether the proposal has changed since the decision, and the purchaser's note."""


@dataclass(frozen=True)
class Written:
    """What was written: the file, or the folder of orders; the number of lines; their value by currency."""

    file: Path
    lines: int
    value: dict[str | None, Decimal]
    files: int = 1
    remarks: Sequence[str] = ()
    """Remarks for the user about the lines (`Chosen.remarks`)."""


def export_lines(
    home: Home,
    kind: str | None = None,
    output: str | None = None,
    chosen: Selection = WHAT_IS_ORDERED,
    *,
    delimiter: str = ",",
    decimal_sign: str = ".",
) -> Written:
    """Write the lines of the proposal as parquet, csv or xlsx.

    Without `kind`, the suffix of `output` decides; without both, an xlsx is written to the working directory. Raises
    UsageError if there is no published warehouse, for an unknown supplier or warehouse, or for an unknown format.
    """
    ending = Path(output).suffix.removeprefix(".").lower() if output else ""
    if kind and ending in (*WRITERS, "html", "pdf") and ending != kind:
        raise UsageError(
            f"--output ends with .{ending}, and --format is {kind}",
            "Leave one of them out, or let both say the same.",
        )
    kind = kind or ending or ("" if output else "xlsx")
    if kind not in WRITERS:
        named = f"{output} does not say which format" if output else f"lines are not written as {kind}"
        raise UsageError(
            named, f"Add --format {', '.join(WRITERS)}; orders (--for-supplier) come as html and pdf, too."
        )
    if delimiter == decimal_sign:
        raise UsageError(
            f"--delimiter and --decimal are both {delimiter!r}", "Choose another --delimiter, such as ;."
        )
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(
            f"--delimiter {delimiter!r} cannot separate cells", "It is one character, such as ; or a tab."
        )
    path = Path(output or f"{MART}.{kind}")
    if path.resolve() == (home.exports / f"{MART}.parquet").resolve():
        raise UsageError(f"{path} is the published export itself", "Name another file.")
    with lines.connect(home, as_proposed=chosen.as_proposed) as connection:
        found, remarks = proposal_lines(connection, chosen)
    with replacing(path) as partial:
        WRITERS[kind](partial, found, delimiter, decimal_sign)
    value = value_of(found.select(["currency", "line_value"]).to_pylist())
    return Written(path, found.num_rows, value, remarks=remarks)


def _write_parquet(path: Path, table: Any, _delimiter: str, _decimal_sign: str) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, path, compression="zstd")


def _write_csv(path: Path, table: Any, delimiter: str, decimal_sign: str) -> None:
    rows = _rows_of(table)
    sheets.write_csv(path, table.column_names, rows, delimiter=delimiter, decimal_sign=decimal_sign)


def _write_xlsx(path: Path, table: Any, _delimiter: str, _decimal_sign: str) -> None:
    sheets.write_xlsx(path, table.column_names, _rows_of(table))


def _rows_of(table: Any) -> Iterable[Sequence[Any]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


WRITERS: Mapping[str, Callable[[Path, Any, str, str], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "xlsx": _write_xlsx,
}
"""Format → function that writes an Arrow table to a file; only CSV uses the delimiter and the decimal sign."""


def proposal_lines(connection: Any, chosen: Selection) -> tuple[Any, list[str]]:
    """The chosen lines as decided, as an Arrow table in the order of the proposal; and remarks on them."""
    came_to = lines.choose(connection, chosen)
    found = connection.sql(f"""
        select * exclude (
            decided_against, is_decided, is_snoozed, snoozed_until, is_changed, proposed_value, {", ".join(DECIDED)}
        ), {", ".join(DECIDED)}
        from chosen_line
        """).to_arrow_table()
    return found, came_to.remarks
