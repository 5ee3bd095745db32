"""Exported workbooks in the programs that people open them with, and on the paper that they print on."""

import csv
import io
import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from omnium_elt.decide.lines import WHAT_IS_ORDERED
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.home import Home
from omnium_elt.steps import printing
from omnium_elt.steps.export import export_lines
from omnium_elt.steps.supplier_orders import export_orders

from tests.support import npm, proposal

LINES = 120
ODD = [
    "=1+1",
    "000123",
    "1E5",
    "10-1",
    "æøå 你好 😀",
    "<b>&",
    "a\nb",
    "7038010000123456",
    " blank ",
    "x" * 300,
]
SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
A4_ACROSS = (842, 595)
UTF_8_CSV = "csv:Text - txt - csv (StarCalc):44,34,76"
"""Of LibreOffice: comma, quotation mark, UTF-8."""


@pytest.fixture
def home(home: Home) -> Home:
    """A home whose proposal has one long order, with names as tenants have them."""
    proposal.publish(home)
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("delete from marts.purchase_proposal_line")
        connection.execute("alter table marts.purchase_proposal_line add column gtin varchar")
        connection.executemany(
            """
            insert into marts.purchase_proposal_line by name
            select 'sup-1' as supplier_id, 'Nord AS' as supplier_name, 'oslo' as warehouse_code, 'NOK' as currency,
                $1 as line_number, 'sku-' || $1 as sku, '000' || $1 as supplier_sku_id, $2 as product_name,
                '7038010000' || $1 as gtin, 2.5 as quantity, 2.5 as packs, 19.99 as unit_cost, 49.98 as line_value,
                'order' as action, date '2026-02-01' as requested_delivery_date
            """,
            [[number, ODD[number % len(ODD)]] for number in range(1, LINES + 1)],
        )
        for column in ("delivery_street", "delivery_postal_code", "delivery_city", "delivery_country_code"):
            connection.execute(f"alter table marts.dim_warehouse add column {column} varchar")
    return home


@pytest.fixture
def lines(home: Home, tmp_path: Path) -> Path:
    return export_lines(home, "xlsx", str(tmp_path / "lines.xlsx")).file


@pytest.fixture
def order(home: Home, tmp_path: Path) -> Path:
    export_orders(home, "xlsx", str(tmp_path / "orders"), WHAT_IS_ORDERED)
    (file,) = (tmp_path / "orders").iterdir()
    return file


def names_in(rows: list[list[Any]], heading: str) -> list[str]:
    """The texts below a heading, wherever its row stands."""
    place = next(number for number, row in enumerate(rows) if heading in row)
    column = rows[place].index(heading)
    return [str(row[column]) for row in rows[place + 1 : place + 1 + LINES]]


EXPECTED = [ODD[number % len(ODD)] for number in range(1, LINES + 1)]


def test_openpyxl_reads_them(lines: Path, order: Path) -> None:
    for file, heading in ((lines, "product_name"), (order, "Article")):
        sheet = openpyxl.load_workbook(file).active
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        assert names_in(rows, heading) == EXPECTED
        assert (sheet.page_setup.orientation, int(sheet.page_setup.paperSize)) == ("landscape", 9)
        # One page across, which is what a workbook means that does not say it, and as many as it takes below.
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.print_title_rows
        assert sheet.print_area
    assert Decimal(str(rows[-1][-1])) == LINES * Decimal("49.98")


def test_xlsx2csv_reads_them(lines: Path, order: Path) -> None:
    from xlsx2csv import Xlsx2csv

    for file, heading in ((lines, "product_name"), (order, "Article")):
        said = io.StringIO()
        Xlsx2csv(str(file)).convert(said)
        rows = list(csv.reader(io.StringIO(said.getvalue())))
        assert [name.strip() for name in names_in(rows, heading)] == [name.strip() for name in EXPECTED]


@pytest.mark.slow
def test_exceljs_reads_them(lines: Path, order: Path, all_workers: Path) -> None:
    modules = npm.packages(all_workers / "npm-exceljs", "exceljs@4.4.0")
    if modules is None:
        pytest.skip(npm.MISSING)
    script = """
        const ExcelJS = require(process.argv[1]);
        (async () => {
            const book = new ExcelJS.Workbook();
            await book.xlsx.readFile(process.argv[2]);
            const rows = [];
            book.worksheets[0].eachRow(row => rows.push(row.values.slice(1).map(value => value ?? null)));
            console.log(JSON.stringify(rows));
        })();
    """
    for file, heading in ((lines, "product_name"), (order, "Article")):
        done = subprocess.run(
            ["node", "-e", script, str(modules / "exceljs"), str(file)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert names_in(json.loads(done.stdout), heading) == EXPECTED


def converted(file: Path, kind: str, folder: Path) -> Path:
    """What LibreOffice makes of a file."""
    assert SOFFICE
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [SOFFICE, profile, "--headless", "--convert-to", kind, "--outdir", str(folder), str(file)]
    subprocess.run(command, capture_output=True, timeout=180, check=True)
    return folder / f"{file.stem}.{kind.partition(':')[0]}"


def pages_of(pdf: Path) -> list[tuple[int, int]]:
    """Width and height of each page, in points."""
    content = pdf.read_bytes()
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", content)
    count = max(int(number) for number in re.findall(rb"/Count (\d+)", content))
    sizes = [(round(float(width)), round(float(height))) for width, height in boxes]
    return sizes * count if len(sizes) == 1 else sizes[:count]


@pytest.mark.slow
@pytest.mark.skipif(
    SOFFICE is None, reason="LibreOffice is not installed (Debian: apt-get install libreoffice-calc)"
)
def test_libreoffice_reads_and_prints_them(lines: Path, order: Path, tmp_path: Path) -> None:
    for file, heading in ((lines, "product_name"), (order, "Article")):
        with converted(file, UTF_8_CSV, tmp_path).open(encoding="utf-8", newline="") as opened:
            rows = list(csv.reader(opened))
        assert [name.strip() for name in names_in(rows, heading)] == [name.strip() for name in EXPECTED]
    pages = pages_of(converted(order, "pdf", tmp_path))
    # 120 lines, some of several rows, on A4 across: a second sheet beside the first would double it.
    assert 3 <= len(pages) <= 9
    assert {(abs(w - A4_ACROSS[0]) < 3, abs(h - A4_ACROSS[1]) < 3) for w, h in pages} == {(True, True)}


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, printing.BROWSERS)), reason="no Chromium is installed")
def test_an_order_as_pdf(home: Home, tmp_path: Path) -> None:
    export_orders(home, "pdf", str(tmp_path / "orders"), WHAT_IS_ORDERED)
    (file,) = (tmp_path / "orders").iterdir()
    pages = pages_of(file)
    assert 3 <= len(pages) <= 9
    assert {(abs(w - 595) < 3, abs(h - 842) < 3) for w, h in pages} == {(True, True)}


def test_without_a_browser_pdf_is_refused_with_what_to_do(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "BROWSERS", ("no-such-browser",))
    with pytest.raises(UsageError, match="none is installed"):
        export_orders(home, "pdf", str(tmp_path / "orders"), WHAT_IS_ORDERED)
    assert not list((tmp_path / "orders").glob("*.pdf"))
