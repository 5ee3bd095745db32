"""Files for spreadsheets: xlsx by XlsxWriter, and CSV whose texts are neither run as formulas nor changed."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from omnium_elt.infra.text import digits

LONGEST_TEXT = 32_767
"""Maximum number of characters in a cell."""
WIDTHS = {"explanation": 90, "product_name": 32, "supplier_name": 24}
"""Width in characters of columns that are not as wide as their heading."""


def write_csv(
    path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]], *, delimiter: str, decimal_sign: str
) -> None:
    """Write UTF-8 with a byte order mark, by which Excel recognizes it; decimals without trailing zeros."""
    with path.open("w", encoding="utf-8-sig", newline="", errors="replace") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(names)
        writer.writerows([_csv_cell(value, decimal_sign) for value in row] for row in rows)


def _csv_cell(value: Any, decimal_sign: str) -> Any:
    if isinstance(value, Decimal):
        return digits(value).replace(".", decimal_sign)
    if isinstance(value, float):
        return repr(value).replace(".", decimal_sign)
    return kept_as_text(value) if isinstance(value, str) else value


def kept_as_text(text: str) -> str:
    """Return the text so that a spreadsheet that opens a CSV neither runs nor changes it.

    A text that would be taken for a formula, also after blanks or in full-width characters, gets an apostrophe in
    front. A text that would be taken for another number or a date (`000123`, `+1`, `1 234`, `1E5`, `10-1`, more than 15
    digits) gets a tab in front, which spreadsheets do not show.
    """
    shown = unicodedata.normalize("NFKC", text).lstrip("\ufeff\u200b\u200e\u200f \t\r\n\v\f")
    if shown[:1] in ("=", "+", "-", "@", "|", "%") and not _is_plain_number(shown):
        return "'" + text
    if text[:1] in ("\t", "\r", "\n"):
        return "'" + text
    # A spreadsheet would also turn full-width digits into plain ones.
    is_changed = _is_changed_by_spreadsheets(shown) or (_is_plain_number(shown) and text.strip() != shown)
    return "\t" + text if is_changed else text


def _is_plain_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(0|[1-9]\d{0,14})([.,]\d+)?", text) is not None


_TAKEN_FOR_SOMETHING_ELSE = re.compile(
    r"""
    0\d+([.,]\d*)?                                  # zeros in front go
    | \+\d.*                                        # so does a plus
    | \d+[.,](\d*0)?                                # and zeros behind
    | \d{1,3}([ \u00a0\u202f.,']\d{3})+([.,]\d+)?   # thousands are put together
    | \(\d+([.,]\d+)?\) | \d+([.,]\d+)?-           # less than nothing, as accountants write it
    | \d{16,}                                       # more digits than a spreadsheet's numbers have
    | \d+([.,]\d+)?[eE][+-]?\d+                     # a power of ten
    | \d{1,4}[-/.]\d{1,4}([-/.]\d{1,4})?([ T]\d{1,2}:\d{2}(:\d{2})?)?  # a date
    | \d{1,4}[ -/.]?(jan|feb|mar|apr|mai|may|jun|jul|aug|sep|oct|okt|nov|dec|des|dez)\w*([ -/.]?\d{1,4})?
    | (jan|feb|mar|apr|mai|may|jun|jul|aug|sep|oct|okt|nov|dec|des|dez)\w*[ -/.]?\d{1,4}
    | \d{1,2}:\d{2}(:\d{2})?                        # a time
    | true | false | u?sann | sant | falskt? | sand | wahr | falsch | waar | onwaar | (epä)?tosi
    | \#(n/a | [a-z0-9/]+[!?])                      # an error
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _is_changed_by_spreadsheets(text: str) -> bool:
    return _TAKEN_FOR_SOMETHING_ELSE.fullmatch(text.strip()) is not None


def write_xlsx(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write one sheet with frozen bold headings and a filter; dates and amounts are typed, texts never formulas."""
    with workbook(path, constant_memory=True) as book:
        heading = book.add_format({"bold": True})
        formats = formats_of(book)
        page = book.add_worksheet("Proposal")
        page.freeze_panes(1, 0)
        print_on_width(page)
        page.repeat_rows(0)
        for number, name in enumerate(names):
            page.set_column(number, number, WIDTHS.get(name, max(12, len(name) + 2)))
            page.write_string(0, number, name, heading)
        last = 0
        for last, row in enumerate(rows, 1):
            for number, (name, value) in enumerate(zip(names, row, strict=True)):
                write_cell(page, last, number, name, value, formats)
        page.autofilter(0, 0, last, len(names) - 1)
        page.print_area(0, 0, last, len(names) - 1)


@contextmanager
def workbook(path: Path, **options: Any) -> Iterator[Any]:
    """Yield a workbook, which is written to `path` at the end of the `with` block; `options` are XlsxWriter's.

    It is packed in memory: on a full disk, the zip file would fail a second time when it is garbage-collected.
    """
    import xlsxwriter

    content = io.BytesIO()
    with xlsxwriter.Workbook(content, options) as book:
        yield book
    path.write_bytes(content.getbuffer())


A4 = 9
"""Excel's number for this paper size."""


def print_on_width(page: Any) -> None:
    """Print in landscape on A4, fitted to the width of the page, on as many pages as needed."""
    page.set_paper(A4)
    page.set_landscape()
    page.fit_to_pages(1, 0)


def formats_of(book: Any) -> dict[str, Any]:
    """The number formats of cells, by kind."""
    return {
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "amount": book.add_format({"num_format": "#,##0.00"}),
        "share": book.add_format({"num_format": "0.00%"}),
        "number": book.add_format({"num_format": "General"}),
    }


def write_cell(page: Any, row: int, column: int, name: str, value: Any, formats: dict[str, Any]) -> None:
    """Write one cell; the column's `name` decides whether a number is formatted as an amount or a share."""
    if value is None:
        return
    if isinstance(value, bool):
        page.write_boolean(row, column, value)
    elif isinstance(value, date):
        page.write_datetime(row, column, value, formats["date"])
    elif isinstance(value, int | float | Decimal):
        kind = (
            "amount"
            if name.endswith(("_value", "_cost", "_at_risk"))
            else "share"
            if name.endswith("_risk")
            else ""
        )
        page.write_number(row, column, float(value), formats[kind or "number"])
    else:
        page.write_string(row, column, clean(str(value)))


def clean(text: str) -> str:
    """Return the text without characters that XML does not allow, cut to the length of a cell."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text)[:LONGEST_TEXT]
