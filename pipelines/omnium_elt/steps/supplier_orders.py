"""export --for-supplier: a file for each order of the proposal, to be sent to its supplier, as xlsx, html or pdf.

It holds only what the supplier needs, and neither the reasons for a quantity nor stock levels.
"""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from omnium_elt.decide import lines as decided
from omnium_elt.decide.lines import Selection, by_order, value_of
from omnium_elt.infra.errors import UsageError
from omnium_elt.infra.files import replacing
from omnium_elt.infra.home import Home
from omnium_elt.infra.text import counted, digits
from omnium_elt.report.rendering import render
from omnium_elt.steps import printing, sheets
from omnium_elt.steps.export import Written, proposal_lines
from omnium_elt.warehouse.queries import rows
from omnium_elt.write.orders import canceled_by_undo, order_id_of, requested_delivery

COLUMNS = (
    ("line_number", "Line", 6),
    ("supplier_sku_id", "Your number", 18),
    ("sku", "Our number", 18),
    ("gtin", "GTIN", 16),
    ("product_name", "Article", 40),
    ("quantity", "Quantity", 10),
    ("packs", "Packs", 8),
    ("pack_quantity", "Per pack", 9),
    ("unit_cost", "Price", 12),
    ("line_value", "Total", 14),
)
"""Field of the proposal's line, heading, width in characters."""
MOST_NAMED = 5
"""Maximum number of files that a remark names."""
NUMBERS = {"quantity", "packs", "pack_quantity", "unit_cost", "line_value"}
"""Columns that are right-aligned, with their headings."""


def export_orders(home: Home, kind: str | None, output: str | None, chosen: Selection) -> Written:
    """Write one file per order to the folder `output` (default: orders). Raises UsageError as `export_lines` does."""
    kind = kind or "xlsx"
    if kind not in WRITERS:
        raise UsageError(
            f"orders are not written as {kind}", f"Add --format {' or --format '.join(WRITERS)}."
        )
    folder = Path(output or "orders")
    with decided.connect(home, as_proposed=chosen.as_proposed) as connection:
        found, remarks = proposal_lines(connection, chosen)
        warehouses = {row["warehouse_code"]: row for row in rows(connection, "from marts.dim_warehouse")}
        as_of = decided.day(connection).isoformat()
    lines = found.to_pylist()
    undone = canceled_by_undo(home)
    orders, names = by_order(lines), set[str]()
    for order in orders:
        head = _head(order, warehouses.get(order[0]["warehouse_code"], {}), as_of, undone)
        names.add(f"{_file_name(head)}.{kind}")
        with replacing(folder / f"{_file_name(head)}.{kind}") as partial:
            WRITERS[kind](partial, head, order)
    return Written(
        folder, len(lines), value_of(lines), len(orders), [*remarks, *_remark_on_others(folder, names)]
    )


def _remark_on_others(folder: Path, names: set[str]) -> list[str]:
    """Name the folder's files that this export did not write, as an old order might be sent along with the new one."""
    endings = tuple(f".{kind}" for kind in WRITERS)
    others = sorted(
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.endswith(endings) and path.name not in names and path.is_file()
    )
    if not others:
        return []
    named = ", ".join(others[:MOST_NAMED]) + (", …" if len(others) > MOST_NAMED else "")
    return [f"{counted(len(others), 'other file')} in {folder}, not of this export: {named}"]


def _head(
    lines: Sequence[dict[str, Any]], warehouse: dict[str, Any], as_of: str, undone: set[str]
) -> dict[str, Any]:
    """The head of an order: the facts above its lines, and those that its file name is made of."""
    first = lines[0]
    place = [
        warehouse.get("warehouse_name") or first["warehouse_code"],
        warehouse.get("delivery_street"),
        " ".join(filter(None, (warehouse.get("delivery_postal_code"), warehouse.get("delivery_city"))))
        or None,
        warehouse.get("delivery_country_code"),
    ]
    return {
        "order": order_id_of(lines, as_of, undone),
        "supplier_id": first["supplier_id"],
        "supplier_name": first["supplier_name"],
        "warehouse_code": first["warehouse_code"],
        "deliver_to": [part for part in place if part],
        "requested": requested_delivery(lines),
        "currency": first["currency"] or "",
        "as_of": as_of,
        "total": sum((line["line_value"] for line in lines), Decimal(0)),
    }


def _facts(head: dict[str, Any]) -> list[tuple[str, str]]:
    requested: date | None = head["requested"]
    return [
        ("Purchase order", head["order"]),
        ("Supplier", f"{head['supplier_name']} ({head['supplier_id']})"),
        ("Date", head["as_of"]),
        ("Deliver to", ", ".join(head["deliver_to"])),
        ("Requested delivery", requested.isoformat() if requested else "as soon as possible"),
        ("Currency", head["currency"]),
    ]


def _file_name(head: dict[str, Any]) -> str:
    """A readable file name, safe for any characters in the tenant's ids; the end of the order's id makes it unique."""
    parts = (
        head["supplier_name"] or head["supplier_id"],
        head["warehouse_code"],
        head["as_of"],
        head["order"][-6:],
    )
    return "-".join(re.sub(r"[^\w]+", "_", str(part)).strip("_") or "x" for part in parts)


def _write_workbook(path: Path, head: dict[str, Any], lines: Sequence[dict[str, Any]]) -> None:
    with sheets.workbook(path) as book:
        bold, title = book.add_format({"bold": True}), book.add_format({"bold": True, "font_size": 14})
        ruled = book.add_format({"bold": True, "bottom": 1})
        ruled_right = book.add_format({"bold": True, "bottom": 1, "align": "right"})
        bold_right = book.add_format({"bold": True, "align": "right"})
        left = book.add_format({"align": "left"})
        total = book.add_format({"bold": True, "num_format": "#,##0.00", "top": 1})
        formats = sheets.formats_of(book)
        page = book.add_worksheet("Purchase order")
        sheets.print_on_width(page)
        page.set_footer("&L&8" + head["order"] + "&R&8&P / &N")
        page.write_string(0, 0, "Purchase order", title)
        row = 1
        for name, text in _facts(head):
            row += 1
            page.write_string(row, 0, name, bold)
            page.write_string(row, 2, sheets.clean(text))
        row += 2
        page.repeat_rows(row)
        for number, (name, heading, width) in enumerate(COLUMNS):
            page.set_column(number, number, width)
            page.write_string(row, number, heading, ruled_right if name in NUMBERS else ruled)
        for line in lines:
            row += 1
            for number, (name, _, _) in enumerate(COLUMNS):
                value = line.get(name)
                # Left-aligned, as a right-aligned number would touch the text in the next column.
                if name == "line_number" and value is not None:
                    page.write_number(row, number, value, left)
                else:
                    sheets.write_cell(page, row, number, name, value, formats)
        page.print_area(0, 0, row + 1, len(COLUMNS) - 1)
        page.write_string(row + 1, len(COLUMNS) - 2, "Total", bold_right)
        page.write_number(row + 1, len(COLUMNS) - 1, float(head["total"]), total)
        book.set_properties({"title": f"Purchase order {head['order']}", "author": "", "comments": ""})


def _write_page(path: Path, head: dict[str, Any], lines: Sequence[dict[str, Any]]) -> None:
    path.write_text(_page(head, lines), encoding="utf-8")


def _write_pdf(path: Path, head: dict[str, Any], lines: Sequence[dict[str, Any]]) -> None:
    printing.print_pdf(_page(head, lines), path)


def _page(head: dict[str, Any], lines: Sequence[dict[str, Any]]) -> str:
    return render(
        "purchase_order.html",
        head=head,
        facts=_facts(head),
        columns=[{"heading": heading, "is_number": name in NUMBERS} for name, heading, _ in COLUMNS],
        rows=[[_shown(name, line.get(name)) for name, _, _ in COLUMNS] for line in lines],
        total=f"{head['total']:,.2f}",
    )


WRITERS = {"xlsx": _write_workbook, "html": _write_page, "pdf": _write_pdf}


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in ("unit_cost", "line_value"):
        return f"{value:,.2f}"
    return digits(value) if isinstance(value, Decimal) else str(value)
