"""People and tools that read a home while runs go on, each in its own process.

    python -m tests.support.readers KIND HOME STOP SUPPLIER SKU WAREHOUSE

analyst   opens the warehouse once and keeps it open: sees the same rows until the end
visitor   opens it again and again, each time for a while: sees one complete version, never an older one than before
tool      reads the exports in a loop, as a BI tool does, and compares them with the manifest

The tenant carries a number in two places that reach two marts in different ways: the lead time of SUPPLIER and the
stock of SKU in WAREHOUSE. In any one version of the marts both are the same.

Each process ends when the file STOP appears, and prints what it saw as JSON. It raises if anything is not as it should
be.
"""

import hashlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet

PATIENCE = 60
"""Seconds within which files and manifest must agree."""

NUMBERS = """
    select
        cast(policy.configured_days as bigint) as by_supplier,
        cast(position.on_hand as bigint) as by_stock,
        cast(supplier.default_lead_time as bigint) as raw,
    from {marts}lead_time_policy{end} as policy
    cross join {marts}inventory_position{end} as position
    cross join {raw} as supplier
    where policy.supplier_id = $supplier and supplier.id = $supplier
        and position.sku = $sku and position.warehouse_code = $warehouse
"""

DIFFERING_PROPOSALS = """
    with line_sums as (
        select
            supplier_id, warehouse_code, currency,
            count(*) as lines, sum(quantity) as units, sum(line_value) as value,
        from {marts}purchase_proposal_line{end}
        group by all
    )
    select count(*)
    from {marts}purchase_proposal{end} as proposal
    left join line_sums
        on line_sums.supplier_id = proposal.supplier_id
        and line_sums.warehouse_code = proposal.warehouse_code
        and line_sums.currency is not distinct from proposal.currency
    where proposal.lines <> coalesce(line_sums.lines, 0)
        or proposal.units <> coalesce(line_sums.units, 0)
        or proposal.value <> coalesce(line_sums.value, 0)
"""


class Reader:
    """What the three have in common: where to look, when to stop, and what they saw."""

    def __init__(self, kind: str, home: str, stop: str, supplier: str, sku: str, warehouse: str) -> None:
        self.home, self.stop = Path(home), Path(stop)
        self.begun = self.stop.with_suffix(f".{kind}")
        """This file is made when the first version has been read."""
        self.places = {"supplier": supplier, "sku": sku, "warehouse": warehouse}
        self.seen: list[int] = []
        """The number of each version that was read, in order."""
        self.reads = 0

    def note(self, number: int) -> None:
        """Note that a version was read; asserts that it is not older than the one before."""
        assert not self.seen or number >= self.seen[-1], f"{number} after {self.seen[-1]}"
        if number not in self.seen[-1:]:
            self.seen.append(number)
        self.reads += 1
        self.begun.touch()

    def number_in(self, connection: Any) -> int:
        """The number of this version of the warehouse; asserts that both marts and the raw data carry it."""
        names = {"marts": "marts.", "end": "", "raw": "omnium.suppliers"}
        ((by_supplier, by_stock, raw),) = connection.execute(NUMBERS.format(**names), self.places).fetchall()
        assert by_supplier == by_stock == raw, (by_supplier, by_stock, raw)
        assert connection.execute(DIFFERING_PROPOSALS.format(**names)).fetchall() == [(0,)]
        return int(by_supplier)

    def open(self) -> Any:
        """The published warehouse, opened as an analyst opens it."""
        return duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True)


def analyst(reader: Reader) -> None:
    """Keep one session open from beginning to end."""
    with reader.open() as connection:
        lines = connection.execute("from marts.purchase_proposal_line order by all").fetchall()
        while not reader.stop.exists():
            reader.note(reader.number_in(connection))
            assert connection.execute("from marts.purchase_proposal_line order by all").fetchall() == lines
            time.sleep(0.5)
    assert len(reader.seen) == 1, reader.seen


def visitor(reader: Reader) -> None:
    """Open a session every now and then."""
    while not reader.stop.exists():
        with reader.open() as connection:
            number = reader.number_in(connection)
            time.sleep(1)
            assert reader.number_in(connection) == number
        reader.note(number)


def tool(reader: Reader) -> None:
    """Read all exports, over and over. Files that do not match the manifest are read again, as docs/bi.md says."""
    again = 0
    while not reader.stop.exists():
        began = time.monotonic()
        while not (version := whole_version(reader.home / "exports")):
            again += 1
            assert time.monotonic() - began < PATIENCE, "the exports are not what the manifest says"
        with duckdb.connect() as connection:
            for mart, table in version.items():
                connection.register(f"{mart}_now", table)
            supplier = "(select $supplier as id, null as default_lead_time)"
            names = {"marts": "", "end": "_now", "raw": supplier}
            ((by_supplier, by_stock, _),) = connection.execute(
                NUMBERS.format(**names), reader.places
            ).fetchall()
            assert by_supplier == by_stock, (by_supplier, by_stock)
            assert connection.execute(DIFFERING_PROPOSALS.format(**names)).fetchall() == [(0,)]
        reader.note(by_supplier)
        report = (reader.home / "exports" / "report.html").read_text(encoding="utf-8")
        assert report.startswith("<!doctype html>")
        assert report.endswith("</html>\n")
        time.sleep(0.2)
    print(f"read again: {again}", file=sys.stderr)


def whole_version(exports: Path) -> dict[str, Any] | None:
    """Every mart as an Arrow table; None if a file is not the one that the manifest describes.

    Each file must be complete, whatever its version.
    """
    manifest = json.loads((exports / "manifest.json").read_text(encoding="utf-8"))
    tables, agree = {}, True
    for name, mart in manifest["marts"].items():
        content = (exports / mart["file"]).read_bytes()
        tables[name] = pyarrow.parquet.read_table(io.BytesIO(content))
        if hashlib.sha256(content).hexdigest() != mart["sha256"]:
            agree = False
        else:
            assert tables[name].num_rows == mart["rows"], name
            assert tables[name].column_names == [column["name"] for column in mart["columns"]], name
    return tables if agree else None


if __name__ == "__main__":
    kind, *places = sys.argv[1:]
    made = Reader(kind, *places)
    {"analyst": analyst, "visitor": visitor, "tool": tool}[kind](made)
    print(json.dumps({"reads": made.reads, "seen": made.seen}))
