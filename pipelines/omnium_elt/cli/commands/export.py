"""export: write the purchase proposal to files."""

from typing import Any

import click

from omnium_elt.cli.parser import PROPOSAL, command
from omnium_elt.cli.rendering import print_json, say, shown_path, stdout
from omnium_elt.infra.configuration import local_path
from omnium_elt.infra.home import Home
from omnium_elt.infra.run_report import EXIT_OK
from omnium_elt.infra.text import amount, counted


def _local(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value:
        local_path(value, "--output")
    return value


@command(
    "export",
    "write the purchase proposal to a file (xlsx, csv or parquet), or each order for its supplier",
    [
        "omnium-elt export",
        "omnium-elt export --format csv --supplier sup-007 --output order.csv",
        "omnium-elt export --for-supplier --output orders",
    ],
    click.option(
        "--format",
        "file_format",
        type=click.Choice(("parquet", "csv", "xlsx", "html", "pdf")),
        help="Default: the extension of --output, else xlsx. html (to print) and pdf need --for-supplier.",
    ),
    click.option(
        "--output",
        metavar="PATH",
        callback=_local,
        type=click.Path(),
        help="Default: purchase_proposal_line.FORMAT, or orders/.",
    ),
    click.option(
        "--for-supplier",
        is_flag=True,
        help="Write one file per order, as its supplier expects it, to a folder.",
    ),
    *PROPOSAL,
    click.option(
        "--delimiter", default=",", metavar="SIGN", help="Separates the cells of a csv (default: ,)."
    ),
    click.option(
        "--decimal",
        "decimal_sign",
        type=click.Choice((".", ",")),
        default=".",
        help="Decimal sign of a csv (default: .).",
    ),
)
def export_command(
    home: Home,
    as_json: bool,
    file_format: str | None,
    output: str | None,
    for_supplier: bool,
    delimiter: str,
    decimal_sign: str,
    verbose: bool,
    **selection: Any,
) -> int:
    """Write the files, and print what was written."""
    from omnium_elt.decide.lines import Selection
    from omnium_elt.steps.export import export_lines
    from omnium_elt.steps.supplier_orders import export_orders

    chosen = Selection(**selection)
    if for_supplier:
        written = export_orders(home, file_format, output, chosen)
    else:
        written = export_lines(
            home, file_format, output, chosen, delimiter=delimiter, decimal_sign=decimal_sign
        )
    if as_json:
        print_json(
            {
                "file": str(written.file),
                "files": written.files,
                "lines": written.lines,
                "value": {currency or "": str(value) for currency, value in written.value.items()},
                "remarks": list(written.remarks),
            }
        )
        return EXIT_OK
    orders = f"{counted(written.files, 'order')}, " if for_supplier else ""
    worth = "".join(f", {amount(value, currency)}" for currency, value in written.value.items())
    say(stdout(), f"{shown_path(written.file)}: {orders}{counted(written.lines, 'line')}{worth}")
    for remark in written.remarks:
        say(stdout(), remark)
    return EXIT_OK
