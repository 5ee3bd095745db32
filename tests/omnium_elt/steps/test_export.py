"""The proposal's lines as files: the same rows in each format, and nothing that a spreadsheet would run."""

import csv
import gc
import os
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow.parquet
import pytest
from omnium_elt.cli import main
from omnium_elt.decide.decisions import Decision, Decisions
from omnium_elt.decide.lines import Selection
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.steps.export import export_lines
from omnium_elt.steps.sheets import kept_as_text, write_csv, write_xlsx
from omnium_elt.steps.supplier_orders import export_orders

from tests.support import proposal


@pytest.fixture
def finished(finished_home: Path) -> Home:
    return Home(finished_home)


NOT_DEFERRED = "action <> 'defer'"


def lines_of(home: Home, condition: str = NOT_DEFERRED) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        found = connection.execute(
            "select *, quantity as proposed_quantity, false as is_ticked, false as is_outdated, '' as note "
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
    last = openpyxl.utils.get_column_letter(len(expected[0]))
    assert sheet.auto_filter.ref == f"A1:{last}{len(expected) + 1}"


def test_csv_and_parquet_hold_the_same_lines(finished: Home, tmp_path: Path) -> None:
    export_lines(finished, None, str(tmp_path / "lines.csv"))
    export_lines(finished, None, str(tmp_path / "lines.parquet"))
    with (tmp_path / "lines.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(tmp_path / "lines.parquet")
    assert [tuple(row.values()) for row in table.to_pylist()] == lines_of(finished)
    assert [(row["sku"].strip("\t"), Decimal(row["quantity"])) for row in rows] == [
        (row["sku"], row["quantity"]) for row in table.to_pylist()
    ]
    assert (tmp_path / "lines.csv").read_bytes().startswith(b"\xef\xbb\xbfsupplier_id,")


def test_one_supplier_and_one_warehouse_by_id_or_name(finished: Home, tmp_path: Path) -> None:
    with duckdb.connect(str(finished.warehouse), read_only=True) as connection:
        supplier, name, warehouse = connection.execute(
            "select supplier_id, supplier_name, warehouse_code from marts.purchase_proposal_line "
            f"where {NOT_DEFERRED} order by all limit 1"
        ).fetchall()[0]
    for named in (supplier, name, name.upper()):
        export_lines(finished, "parquet", str(tmp_path / "lines"), Selection([named], [warehouse]))
        table = pyarrow.parquet.read_table(tmp_path / "lines")
        wanted = lines_of(
            finished, f"supplier_id = '{supplier}' and warehouse_code = '{warehouse}' and {NOT_DEFERRED}"
        )
        assert [tuple(row.values()) for row in table.to_pylist()] == wanted


def test_orders_that_can_wait_come_when_asked_for(finished: Home, tmp_path: Path) -> None:
    written = export_lines(finished, "parquet", str(tmp_path / "lines"), Selection(deferred=True))
    assert written.lines == len(lines_of(finished, "true"))
    with duckdb.connect(str(finished.warehouse), read_only=True) as connection:
        totals = connection.execute(
            "select currency, sum(line_value) from marts.purchase_proposal_line group by currency"
        ).fetchall()
    assert written.value == dict(totals)


@pytest.mark.parametrize("option", ["--supplier", "--warehouse"])
def test_an_unknown_supplier_or_warehouse_is_refused_and_nothing_is_written(
    finished: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    output = tmp_path / "lines.xlsx"
    assert main(["export", "--home", str(finished.root), "--output", str(output), option, "nosuch"]) == 2
    assert f"there is no {option[2:]} 'nosuch'" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        *(
            (text, f"'{text}")
            for text in ("=1+1", "@sum(a1)", "-2+3|cmd", "+47 12", "\tx", "-12-34 a", "|x", "%x")
        ),
        *(
            (text, f"'{text}")
            for text in ("\n=1+1", " =1+1", "\u00a0=1", "＝1+1", "　＝1", "\ufeff=1", "\r\n@x")
        ),
        *(
            (text, f"\t{text}")
            for text in ("10-1", "1E5", "000123", "1/2", "7038010000123456", "2026-01-31", "mar-1")
        ),
        *(
            (text, f"\t{text}")
            for text in ("1e5", "3.4.25", "12:30", "TRUE", "1 mai", "0123.5", "12E-3", "jan 12")
        ),
        *(
            (text, f"\t{text}")
            for text in (
                "+1",
                "+4711",
                "＋1",
                "－1",
                "１２",
                "1 234",
                "1.234,5",
                "1,50",
                "5.",
                "(5)",
                "5-",
                "#N/A",
                "SANN",
            )
        ),
        *(
            (text, text)
            for text in (
                "-17",
                "12,5",
                "1 23",
                "#12",
                "10014",
                "0",
                "æøå;,\"'",
                "",
                "A-10-1",
                "ab 10003-2",
                "7038010000123",
            )
        ),
    ],
)
def test_a_spreadsheet_neither_runs_nor_changes_a_text(text: str, kept: str) -> None:
    assert kept_as_text(text) == kept


def test_csv_with_another_delimiter_and_decimal_sign(tmp_path: Path) -> None:
    rows = [("a;b", Decimal("1234.5000"), 0.25, None)]
    write_csv(tmp_path / "a.csv", ["t", "d", "f", "n"], rows, delimiter=";", decimal_sign=",")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8-sig") == 't;d;f;n\n"a;b";1234,5;0,25;\n'


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_that_parts_nothing_is_refused(finished: Home, tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(UsageError, match="cannot separate cells"):
        export_lines(finished, "csv", str(tmp_path / "a.csv"), delimiter=delimiter)


def test_a_decimal_comma_needs_another_delimiter(finished: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--delimiter and --decimal are both ','"):
        export_lines(finished, "csv", str(tmp_path / "a.csv"), decimal_sign=",")


def test_nothing_in_an_xlsx_is_a_formula_or_breaks_it(tmp_path: Path) -> None:
    texts = [
        "=1+1",
        "<b>&amp;</b>",
        "a\x00\x1bb",
        "\ud800x",
        " blank ",
        "x" * 40_000,
        "line\nline",
        "000123",
        "1E5",
    ]
    write_xlsx(tmp_path / "a.xlsx", ["text"], [(text,) for text in texts])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == [
        "=1+1", "<b>&amp;</b>", "ab", "x", " blank ", "x" * 32_767, "line\nline", "000123", "1E5",
    ]  # fmt: skip
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}


def test_rows_and_cells_name_their_places(tmp_path: Path) -> None:
    # Readers that do not count by themselves find nothing else.
    write_xlsx(tmp_path / "a.xlsx", ["text", "number"], [("x", 1), (None, 2)])
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r'<row r="(\d+)"', sheet) == ["1", "2", "3"]
    assert re.findall(r'<c r="(\w+)"', sheet) == ["A1", "B1", "A2", "B2", "B3"]


# Orders for suppliers


def test_a_workbook_for_each_order_as_its_supplier_expects_it(finished: Home, tmp_path: Path) -> None:
    written = export_orders(finished, None, str(tmp_path / "orders"), Selection())
    lines = lines_of(finished)
    with duckdb.connect(str(finished.warehouse), read_only=True) as connection:
        orders = connection.execute(
            "select distinct supplier_id, warehouse_code, currency from marts.purchase_proposal_line "
            f"where {NOT_DEFERRED}"
        ).fetchall()
    files = sorted((tmp_path / "orders").iterdir())
    assert (written.files, len(files), written.lines) == (len(orders), len(orders), len(lines))
    found = Decimal(0)
    for file in files:
        sheet = openpyxl.load_workbook(file).active
        values = [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]
        texts = [value for value in values if isinstance(value, str)]
        assert {"Purchase order", "Deliver to", "Your number", "Our number", "GTIN", "Total"} <= set(texts)
        assert not [text for text in texts if "reorder point" in text or "available" in text]
        found += Decimal(str(values[-1]))
    assert found == sum(written.value.values())


def test_orders_of_an_earlier_call_are_told_of(finished: Home, tmp_path: Path) -> None:
    """Whoever sends the folder's files would order twice."""
    folder = tmp_path / "orders"
    assert export_orders(finished, None, str(folder), Selection()).remarks == []
    assert export_orders(finished, None, str(folder), Selection()).remarks == []
    (folder / "notes.txt").touch()
    (folder / "Sør_AS-oslo-2026-01-30-0a0a0a.xlsx").touch()
    assert export_orders(finished, None, str(folder), Selection()).remarks == [
        f"1 other file in {folder}, not of this export: Sør_AS-oslo-2026-01-30-0a0a0a.xlsx"
    ]


def test_a_page_to_print_escapes_what_a_tenant_wrote(home_after_run: Home, tmp_path: Path) -> None:
    with duckdb.connect(str(home_after_run.warehouse)) as connection:
        connection.execute(
            "update marts.purchase_proposal_line set product_name = '<script>alert(1)</script> & Co'"
        )
        connection.execute("update marts.purchase_proposal_line set supplier_name = '../../x/<b>'")
    export_orders(home_after_run, "html", str(tmp_path / "orders"), Selection())
    files = list((tmp_path / "orders").iterdir())
    assert files
    for file in files:
        page = file.read_text(encoding="utf-8")
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in page
        assert page.endswith("</html>\n")
    assert not (tmp_path / "x").exists()


def test_the_published_export_is_never_overwritten(finished: Home) -> None:
    with pytest.raises(UsageError, match="is the published export itself"):
        export_lines(finished, "parquet", str(finished.exports / "purchase_proposal_line.parquet"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "lines.txt"], "lines.txt does not say which format"),
        (["--format", "pdf"], "lines are not written as pdf"),
        (["--format", "csv", "--output", "lines.xlsx"], "--output ends with .xlsx, and --format is csv"),
        (["--format", "ods"], "'ods' is not one of 'parquet', 'csv', 'xlsx', 'html', 'pdf'"),
    ],
)
def test_a_wrong_format_is_told(
    finished: Home, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["export", "--home", str(finished.root), *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_without_a_warehouse_it_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--home", str(home.root)]) == 2
    assert "there is no warehouse" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [["export"], ["export", "--for-supplier"], ["write", "lead-times"], ["dashboard"]],
    ids=" ".join,
)
def test_with_raw_data_alone_it_says_so(
    configured: Any, home: Home, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    home.create()
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("create schema omnium")
        connection.execute("create table omnium.stores as select 's1' as id")
    assert main([*command, "--home", str(home.root)]) == 2
    shown = capsys.readouterr()
    assert "holds raw data and no models" in " ".join((shown.out + shown.err).split())


def test_the_command_writes_where_one_stands(
    finished: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--home", str(finished.root)]) == 0
    assert (tmp_path / "purchase_proposal_line.xlsx").stat().st_mode & 0o777 == 0o644
    assert f"{len(lines_of(finished))} lines" in capsys.readouterr().out


# No room


@pytest.mark.parametrize("kind", ["xlsx", "csv", "parquet", "orders as xlsx", "orders as html"])
def test_a_file_that_finds_no_room_is_told_in_two_lines(home: Home, tmp_path: Path, kind: str) -> None:
    """The nearest to a full disk that needs no rights: no file may become larger than this."""
    proposal.publish(home)
    kind, output = (
        kind.removeprefix("orders as "),
        tmp_path / ("orders" if "orders" in kind else f"lines.{kind}"),
    )
    chosen = ["--for-supplier"] if output.name == "orders" else []
    command = ["export", *chosen, "--home", str(home.root), "--format", kind, "--output", str(output)]
    ended = subprocess.run(
        [sys.executable, "-m", "omnium_elt", *command],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    said = " ".join(ended.stderr.split())
    assert "a file may not become as large as this one has to" in said
    # A workbook fails before, in a file for temporary data.
    assert kind == "xlsx" or f"error: {output}" in said
    assert "Traceback" not in ended.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file() and home.root not in path.parents] == []


def test_a_workbook_that_finds_no_room_says_so_once(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What packs its parts into one file fails again when it is forgotten, and then nobody catches it."""
    proposal.publish(home)
    unraisable = list[Any]()
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        yield Path("/dev/full")

    monkeypatch.setattr("omnium_elt.steps.export.replacing", full)
    monkeypatch.setattr("omnium_elt.steps.supplier_orders.replacing", full)
    for export in (export_lines, export_orders):
        with pytest.raises(OSError, match="No space left on device"):
            export(home, "xlsx", str(tmp_path / "lines.xlsx"), Selection())
        gc.collect()
    assert unraisable == []


# What was decided


def test_what_was_decided_comes_with_the_export(home: Home, tmp_path: Path) -> None:
    proposal.publish(home)
    lamp = proposal.lamp(note="call")
    Decisions(home.decisions).keep([lamp])
    written = export_lines(home, "parquet", str(tmp_path / "lines.parquet"))
    (line,) = pyarrow.parquet.read_table(written.file).to_pylist()
    wanted = (
        "sku",
        "quantity",
        "packs",
        "line_value",
        "proposed_quantity",
        "is_ticked",
        "is_outdated",
        "note",
    )
    assert tuple(line[name] for name in wanted) == (
        "A", Decimal(72), Decimal(3), Decimal(900), Decimal(48), True, False, "call",
    )  # fmt: skip
    assert (written.lines, written.value) == (1, {"NOK": Decimal(900)})
    assert written.remarks == [
        "the 1 ticked line; 2 others left out (--all takes them, too)",
        "1 line in another quantity than proposed",
    ]
    everything = export_lines(home, "parquet", str(tmp_path / "all.parquet"), Selection(everything=True))
    assert (everything.lines, everything.value) == (3, {"NOK": Decimal(2050)})
    as_proposed = export_lines(home, "parquet", str(tmp_path / "as.parquet"), Selection(as_proposed=True))
    assert (as_proposed.lines, as_proposed.value) == (3, {"NOK": Decimal(1750)})


def test_the_command_says_what_decisions_left_out(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposal.publish(home)
    lamp = Decision("oslo", "A", "sup-1", "NOK", proposal.AS_OF, Decimal(40), is_ticked=True)
    Decisions(home.decisions).keep([lamp])
    command = ["export", "--home", str(home.root), "--output", str(tmp_path / "lines.csv")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "1 line, 500.00 NOK" in said
    assert "of 1 line the proposal has changed since it was decided" in said
    assert main([*command, "--all", "--as-proposed"]) == 0
    assert "3 lines, 1,750.00 NOK" in capsys.readouterr().out
