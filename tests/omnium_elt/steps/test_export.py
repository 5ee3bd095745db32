"""The proposal's lines as files: the same rows in each format, and nothing that a spreadsheet would run."""

import csv
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow.parquet
import pytest
from omnium_elt.cli.commands import main
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.steps.export import export_lines, write_csv, write_xlsx


@pytest.fixture
def finished(finished_home: Path) -> Home:
    return Home(finished_home)


def lines_of(home: Home, condition: str = "true") -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        found = connection.execute(
            f"from marts.purchase_proposal_line where {condition} "
            "order by supplier_id, warehouse_code, currency, line_number"
        ).fetchall()
        assert found
        return list(found)


def test_xlsx_holds_every_line_with_its_types(finished: Home, tmp_path: Path) -> None:
    written = export_lines(finished, "xlsx", str(tmp_path / "lines.xlsx"))
    sheet = openpyxl.load_workbook(written.file).active
    rows = [tuple(cell.value for cell in row) for row in sheet.iter_rows(min_row=2)]

    def as_in_a_sheet(value: Any) -> Any:
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        return float(value) if isinstance(value, Decimal | float) else value

    expected = [tuple(as_in_a_sheet(value) for value in line) for line in lines_of(finished)]
    assert rows == expected
    assert written.lines == len(expected)
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:T{len(expected) + 1}"


def test_csv_and_parquet_hold_the_same_lines(finished: Home, tmp_path: Path) -> None:
    export_lines(finished, None, str(tmp_path / "lines.csv"))
    export_lines(finished, None, str(tmp_path / "lines.parquet"))
    with (tmp_path / "lines.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(tmp_path / "lines.parquet")
    assert [tuple(row.values()) for row in table.to_pylist()] == lines_of(finished)
    assert [(row["sku"], Decimal(row["quantity"])) for row in rows] == [
        (row["sku"], row["quantity"]) for row in table.to_pylist()
    ]
    assert (tmp_path / "lines.csv").read_bytes().startswith(b"\xef\xbb\xbfsupplier_id,")


def test_one_supplier_and_one_warehouse(finished: Home, tmp_path: Path) -> None:
    supplier, _, warehouse, *_ = lines_of(finished)[0]
    export_lines(finished, "parquet", str(tmp_path / "lines"), supplier, warehouse)
    table = pyarrow.parquet.read_table(tmp_path / "lines")
    wanted = lines_of(finished, f"supplier_id = '{supplier}' and warehouse_code = '{warehouse}'")
    assert [tuple(row.values()) for row in table.to_pylist()] == wanted


def test_nothing_in_a_csv_is_a_formula(tmp_path: Path) -> None:
    dangerous = ["=1+1", "@sum(a1)", "-2+3|cmd", "+47 12", "\tx", "-12-34 a"]
    harmless = ["-17", "+4711", "10-2", "æøå;,\"'", ""]
    write_csv(tmp_path / "a.csv", ["text"], iter([(text,) for text in dangerous + harmless]))
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        found = [row[0] if row else "" for row in list(csv.reader(file))[1:]]
    assert found == [f"'{text}" for text in dangerous] + harmless


def test_nothing_in_an_xlsx_is_a_formula_or_breaks_it(tmp_path: Path) -> None:
    texts = ["=1+1", "<b>&amp;</b>", "a\x00\x1bb", "\ud800", " blank ", "x" * 40_000, "line\nline"]
    write_xlsx(tmp_path / "a.xlsx", ["text"], iter([(text,) for text in texts]))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == [
        "=1+1", "<b>&amp;</b>", "ab", "", " blank ", "x" * 32_767, "line\nline",
    ]  # fmt: skip
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n"}


def test_the_published_export_is_never_overwritten(finished: Home) -> None:
    with pytest.raises(UsageError, match="the manifest vouches for"):
        export_lines(finished, "parquet", str(finished.exports / "purchase_proposal_line.parquet"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "lines.txt"], "lines.txt does not say which format"),
        (["--format", "pdf"], "invalid choice|unknown"),
    ],
)
def test_a_wrong_format_is_told(
    finished: Home, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    import re

    assert main(["export", "--home", str(finished.root), *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_without_a_warehouse_it_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--home", str(home.root)]) == 2
    assert "there is no warehouse" in capsys.readouterr().err


def test_the_command_writes_where_one_stands(
    finished: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--home", str(finished.root)]) == 0
    assert (tmp_path / "purchase_proposal_line.xlsx").stat().st_mode & 0o777 == 0o644
    assert f"{len(lines_of(finished))} lines" in capsys.readouterr().out
