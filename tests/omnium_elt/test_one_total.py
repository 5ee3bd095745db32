"""One truth: report, export, files for suppliers, dashboard, terminal, `--json` and marts agree on lines and value."""

import asyncio
import csv
import html
import io
import json
import re
import runpy
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import httpx
import openpyxl
import pytest
from omnium_elt.cli import main
from omnium_elt.cli.commands.demo import show_findings
from omnium_elt.decide.lines import Selection
from omnium_elt.desk.routes import routes
from omnium_elt.infra import project_files
from omnium_elt.infra.home import Home
from omnium_elt.inspect.demo import findings
from omnium_elt.report import html as report_html
from omnium_elt.report.proposals import MOST_LINES
from omnium_elt.report.summary import summary
from omnium_elt.steps.export import export_lines
from omnium_elt.steps.supplier_orders import export_orders
from rich.console import Console
from starlette.applications import Starlette

LINES = 20_000
SUPPLIERS = 40

# Made-up lines over what the run left: every seventh supplier's orders can wait, every tenth pays in euro; costs with
# cents, quantities with decimals, so that sums of floats would show.
MADE_UP = f"""
delete from marts.purchase_proposal_line;
delete from marts.purchase_proposal;
insert into marts.purchase_proposal_line by name
with numbered as (
    select
        number,
        'sup-' || (number % {SUPPLIERS}) as supplier_id,
        case when number // {SUPPLIERS} % 3 = 0 then 'oslo' else 'bergen' end as warehouse_code,
        case when number % {SUPPLIERS} % 10 = 3 then 'EUR' else 'NOK' end as currency,
        cast(1 + number % 97 + 0.25 * (number % 3) as decimal(18, 4)) as quantity,
        cast(0.01 + (number * 7919) % 100000 / 100 as decimal(18, 2)) as unit_cost,
        1 + number % 4 as urgency_rank
    from range({LINES}) as numbers (number)
)
select
    supplier_id, 'Supplier ' || supplier_id as supplier_name, warehouse_code, currency,
    row_number() over (
        partition by supplier_id, warehouse_code, currency order by urgency_rank, number
    ) as line_number,
    'made-up-' || number as sku, 'Article ' || number as product_name,
    quantity, quantity as suggested_quantity, 0 as top_up_quantity, quantity as packs, unit_cost,
    cast(cast(quantity as decimal(28, 4)) * unit_cost as decimal(18, 2)) as line_value,
    case when supplier_id in ('sup-0', 'sup-7', 'sup-14') then 'defer' else 'order' end as action,
    case urgency_rank when 1 then 'out' when 2 then 'runs_out' when 3 then 'order_now' else 'wait' end as urgency,
    urgency_rank, cast(number % 1000 / 7 as decimal(18, 2)) as money_at_risk,
    date '2026-01-01' as order_by_date, date '2026-02-01' as requested_delivery_date, 0.5 as stock_out_risk,
    'high' as confidence, 'Because.' as explanation
from numbered;
insert into marts.purchase_proposal by name
select
    supplier_id, any_value(supplier_name) as supplier_name, warehouse_code, currency, count(*) as lines,
    sum(quantity) as units, sum(line_value) as value, any_value(action) as action, 0 as top_up_units,
    false as is_pooled, min(urgency_rank) as urgency_rank, arg_min(urgency, urgency_rank) as urgency,
    sum(money_at_risk) as money_at_risk, min(order_by_date) as order_by_date, false as is_rate_missing
from marts.purchase_proposal_line
group by supplier_id, warehouse_code, currency;
insert into marts.dim_supplier by name
select distinct supplier_id, supplier_name, false as is_internal, false as is_deleted from marts.purchase_proposal;
"""

Totals = dict[str, tuple[int, Decimal]]


def published(finished_home: Path, home: Home, sql: str) -> Home:
    """A published warehouse as the run left it, with other rows in its marts."""
    home.create()
    shutil.copyfile(finished_home / "warehouse.duckdb", home.warehouse)
    shutil.copytree(finished_home / "exports", home.exports)
    if sql:
        with duckdb.connect(str(home.warehouse)) as connection:
            connection.execute(sql)
    return home


@pytest.fixture(scope="module", params=["as the run left it", "20,000 lines"])
def told(
    request: pytest.FixtureRequest, finished_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Home, Totals]]:
    """A home, and what its marts say is to be ordered: lines and value by currency."""
    sql = MADE_UP if request.param.startswith("20") else ""
    home = published(finished_home, Home(tmp_path_factory.mktemp("totals") / "home"), sql)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select currency, count(*), sum(line_value) from marts.purchase_proposal_line "
            "where action <> 'defer' group by currency"
        ).fetchall()
        assert rows
        if sql:
            assert sum(lines for _, lines, _ in rows) > 18_000
        yield home, {currency: (lines, value) for currency, lines, value in rows}


def test_proposals_and_their_lines(told: tuple[Home, Totals]) -> None:
    home, totals = told
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        orders = connection.execute(
            "select currency, sum(lines), sum(value) from marts.purchase_proposal "
            "where action not in ('defer', 'none') group by currency"
        ).fetchall()
    assert {currency: (lines, value) for currency, lines, value in orders} == totals


def test_exported_lines(
    told: tuple[Home, Totals], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, totals = told
    lines = sum(count for count, _ in totals.values())
    written = export_lines(home, "csv", str(tmp_path / "lines.csv"))
    assert (written.lines, written.value) == (
        lines,
        {currency: value for currency, (_, value) in totals.items()},
    )
    with (tmp_path / "lines.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for currency, (count, value) in totals.items():
        values = [Decimal(row["line_value"]) for row in rows if row["currency"] == currency]
        assert (len(values), sum(values)) == (count, value)
    output = str(tmp_path / "lines.parquet")
    assert main(["export", "--home", str(home.root), "--output", output, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["lines"] == lines
    assert {currency: Decimal(value) for currency, value in said["value"].items()} == written.value


def test_files_for_suppliers(told: tuple[Home, Totals], tmp_path: Path) -> None:
    home, totals = told
    supplier = "sup-3"
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        if not connection.execute(
            "from marts.purchase_proposal_line where supplier_id = ? and action <> 'defer'", [supplier]
        ).fetchall():
            ((supplier,),) = connection.execute(
                "select min(supplier_id) from marts.purchase_proposal_line where action <> 'defer'"
            ).fetchall()
        ((lines, value),) = connection.execute(
            "select count(*), sum(line_value) from marts.purchase_proposal_line where supplier_id = ?",
            [supplier],
        ).fetchall()
    written = export_orders(home, "xlsx", str(tmp_path / "orders"), Selection([supplier]))
    assert (written.lines, sum(written.value.values())) == (lines, value)
    found, count = Decimal(0), 0
    for file in (tmp_path / "orders").iterdir():
        sheet = openpyxl.load_workbook(file).active
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        count += sum(isinstance(row[0], int | float) for row in rows)
        found += Decimal(str(rows[-1][-1]))
    assert (count, found) == (lines, value)
    assert totals


def test_the_report(told: tuple[Home, Totals]) -> None:
    home, totals = told
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        page = report_html.page(connection, "2026-01-01")
    text = words(page)
    for currency, (lines, value) in totals.items():
        assert f"{round(value):,} {currency} to order, {lines:,} lines" in text
    shown = page.count("<small>SKU ")
    left_out = sum(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) less urgent lines?", text))
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        ((everything,),) = connection.execute("select count(*) from marts.purchase_proposal_line").fetchall()
    assert (shown, shown + left_out) == (min(everything, MOST_LINES), everything)
    assert len(page) < 4_000_000


def test_the_most_urgent_lines_are_in_the_report_whole(told: tuple[Home, Totals]) -> None:
    home, _ = told
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        page = report_html.page(connection, "2026-01-01")
        urgent = connection.execute(
            "select sku from marts.purchase_proposal_line where action <> 'defer' "
            "order by urgency_rank, money_at_risk desc, order_by_date, line_value desc limit 500"
        ).fetchall()
    missing = [
        sku for (sku,) in urgent if f"<small>SKU {sku}<" not in page and f"<small>SKU {sku} " not in page
    ]
    assert missing == []


def test_the_dashboard(told: tuple[Home, Totals]) -> None:
    home, totals = told
    pages = [page_of(home, "/")]
    while more := re.search(r'<a href="([^"]+)">more →</a>', pages[-1]):
        pages.append(page_of(home, html.unescape(more[1])))
    for currency, (lines, value) in totals.items():
        assert f"{round(value):,} {currency} to order, {lines:,} lines" in words(pages[0])
    orders = re.findall(r'data-label="Lines">([\d,]+)</td>', "".join(pages))
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        ((all_lines,),) = connection.execute("select count(*) from marts.purchase_proposal_line").fetchall()
    assert sum(int(lines.replace(",", "")) for lines in orders) == all_lines


def test_the_terminal_and_json(told: tuple[Home, Totals]) -> None:
    home, totals = told
    found = findings(home)
    said = io.StringIO()
    show_findings(Console(file=said, width=200, color_system=None), found)
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        summed = summary(connection, "2026-01-01")
    assert {
        one["currency"]: (one["lines"], Decimal(str(one["value"]))) for one in summed["to_order"]
    } == totals
    for currency, (lines, value) in totals.items():
        now = [
            one
            for one in found.proposals
            if one["action"] not in ("defer", "none") and one["currency"] == currency
        ]
        assert (sum(one["lines"] for one in now), sum(one["value"] for one in now)) == (lines, value)
        assert f"Altogether {lines:,} lines, {value:,.2f} {currency}, " in said.getvalue()


def test_the_notebook(told: tuple[Home, Totals], monkeypatch: pytest.MonkeyPatch) -> None:
    home, totals = told
    monkeypatch.setenv("OMNIUM_HOME", str(home.root))
    path = project_files.NOTEBOOKS / "replenishment.py"
    app = runpy.run_path(str(path), run_name="notebook")["app"]
    _, shown = app.run()
    told_by_it = {
        row.currency: (row.lines, Decimal(f"{row.value:.2f}"))
        for row in shown["today"].itertuples()
        if row.lines
    }
    assert told_by_it == totals
    # At the settings of the proposal the what-if is the proposal.
    compared = (
        shown["compared"].groupby("currency")[["lines", "what_if_lines", "value", "what_if_value"]].sum()
    )
    found = {
        currency: (row.lines, Decimal(f"{row.value:.2f}"))
        for currency, row in zip(compared.index, compared.itertuples(), strict=True)
        if row.lines
    }
    assert found == totals
    for row in compared.itertuples():
        assert row.what_if_value == pytest.approx(row.value, abs=0.005)


def page_of(home: Home, path: str) -> str:
    async def asked() -> str:
        transport = httpx.ASGITransport(app=Starlette(routes=routes(home, {})))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            return answer.text

    return asyncio.run(asked())


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
