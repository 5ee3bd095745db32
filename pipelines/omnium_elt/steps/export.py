"""export: the lines of the purchase proposal as a file for a spreadsheet, an import, or another program.

Reads the published warehouse, so it never waits for a run. xlsx is written here: a workbook with one sheet
needs no library.
"""

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import replacing
from omnium_elt.infra.home import Home
from omnium_elt.warehouse import database

MART = "purchase_proposal_line"
FORMATS = ("parquet", "csv", "xlsx")


@dataclass(frozen=True)
class Written:
    """What was written, and where."""

    file: Path
    lines: int


def export_lines(
    home: Home,
    kind: str | None = None,
    output: str | None = None,
    supplier: str | None = None,
    warehouse: str | None = None,
) -> Written:
    """Write the proposal lines, of one supplier or warehouse if named, as parquet, csv or xlsx.

    Without `kind` the end of `output` decides; without both it is an xlsx in the
    current folder. Raises
    UsageError without a published warehouse, or where no format can be told.
    """
    if not home.warehouse.exists():
        raise UsageError(
            f"there is no warehouse at {home.warehouse}", "Make one: omnium-elt demo, or omnium-elt run."
        )
    kind = kind or (Path(output).suffix.removeprefix(".").lower() if output else "xlsx")
    if kind not in FORMATS:
        raise UsageError(f"{output} does not say which format", f"Add --format {', '.join(FORMATS)}.")
    path = Path(output or f"{MART}.{kind}")
    if path.resolve() == (home.exports / f"{MART}.parquet").resolve():
        raise UsageError(f"{path} is the export that the manifest vouches for", "Name another file.")
    with database.connect(home.warehouse, read_only=True) as connection:
        found = connection.sql(
            f"""
            from marts.{MART}
            where ($supplier is null or supplier_id = $supplier)
                and ($warehouse is null or warehouse_code = $warehouse)
            order by supplier_id, warehouse_code, currency, line_number
            """,
            params={"supplier": supplier, "warehouse": warehouse},
        ).to_arrow_table()
    with replacing(path) as partial:
        if kind == "parquet":
            import pyarrow.parquet

            pyarrow.parquet.write_table(found, partial, compression="zstd")
        else:
            names, rows = found.column_names, zip(*(c.to_pylist() for c in found.columns), strict=True)
            write = write_csv if kind == "csv" else write_xlsx
            write(partial, names, rows)
    return Written(path, found.num_rows)


def write_csv(path: Path, names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """UTF-8 with a mark at its beginning, so that Excel reads it as such; decimals without needless zeros."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_harmless(_plain(value)) for value in row] for row in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe; numbers and ids do not."""
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") and not re.fullmatch(r"[+-]?[\w.]+", value):
        return "'" + value
    return value


# xlsx: a zip of XML (ECMA-376). Texts stand in the cells themselves, where they are never formulas.

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_HEADING, _DATE, _AMOUNT, _SHARE, _NUMBER = 1, 2, 3, 4, 5
"""Styles: places in cellXfs below."""
_STYLES = f"""<styleSheet xmlns="{_MAIN}">
<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill>
<fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border/></borders>
<cellStyleXfs count="1"><xf/></cellStyleXfs>
<cellXfs count="6"><xf/><xf fontId="1" applyFont="1"/><xf numFmtId="164" applyNumberFormat="1"/>
<xf numFmtId="4" applyNumberFormat="1"/><xf numFmtId="10" applyNumberFormat="1"/><xf/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>
</styleSheet>"""
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f"""<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{_SPREADSHEET}.sheet.main+xml"/>
<Override PartName="/xl/styles.xml" ContentType="{_SPREADSHEET}.styles+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SPREADSHEET}.worksheet+xml"/>
</Types>""",
    "_rels/.rels": f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>
</Relationships>""",
    "xl/workbook.xml": f"""<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">
<sheets><sheet name="Proposal" sheetId="1" r:id="rId1"/></sheets>
</workbook>""",
    "xl/_rels/workbook.xml.rels": f"""<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/>
</Relationships>""",
    "xl/styles.xml": _STYLES,
}
_EXCEL_EPOCH = date(1899, 12, 30)
_LONGEST_TEXT = 32_767
"""Characters that a cell can hold."""


def write_xlsx(path: Path, names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    """One sheet: bold headings that stay in sight, a filter, dates and amounts as such."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in _PARTS.items():
            archive.writestr(part, _DECLARATION + content)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            columns = "".join(
                f'<col min="{number}" max="{number}" width="{_width(name)}" customWidth="1"/>'
                for number, name in enumerate(names, 1)
            )
            sheet.write(
                f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
                '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
                f"</sheetViews><cols>{columns}</cols><sheetData>".encode()
            )
            sheet.write(_row([_text(name, _HEADING) for name in names]))
            last = 1
            for last, row in enumerate(rows, 2):  # noqa: B007 — the number of the last one is needed
                sheet.write(_row([_cell(name, value) for name, value in zip(names, row, strict=True)]))
            sheet.write(
                f'</sheetData><autoFilter ref="A1:{_letters(len(names))}{last}"/></worksheet>'.encode()
            )


def _row(cells: Sequence[str]) -> bytes:
    return f"<row>{''.join(cells)}</row>".encode()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, date):
        return f'<c s="{_DATE}"><v>{(value - _EXCEL_EPOCH).days}</v></c>'
    if isinstance(value, int | float | Decimal):
        style = (
            _AMOUNT if name.endswith(("_value", "_cost")) else _SHARE if name.endswith("_risk") else _NUMBER
        )
        return f'<c s="{style}"><v>{_plain(value)}</v></c>'
    return _text(str(value))


def _text(text: str, style: int = 0) -> str:
    # XML has no place for control characters.
    clean = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text[:_LONGEST_TEXT])
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{escape(clean)}</t></is></c>'


def _width(name: str) -> int:
    """Characters across."""
    return {"explanation": 90, "product_name": 32, "supplier_name": 24}.get(name, max(12, len(name) + 2))


def _letters(number: int) -> str:
    """The name of a column: 1 is A, 27 is AA."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name
