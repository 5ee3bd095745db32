"""The purchaser's pages: from today's figures to a decided, exported and written order."""

import html
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import duckdb
import openpyxl
import pytest
from omnium_elt.decide.decisions import Decisions
from omnium_elt.infra.home import Home
from omnium_elt.report import lists
from omnium_sandbox import Sandbox

from tests.support.desk_site import HERE, Site
from tests.support.tenants import environment_of


@pytest.fixture
def site(finished_home: Any, home: Home) -> Site:
    """The pages of a home after a run; what is decided in this test stays in it."""
    home.create()
    home.warehouse.symlink_to(finished_home / "warehouse.duckdb")
    home.exports.symlink_to(finished_home / "exports")
    return Site(home)


@pytest.fixture
def line(site: Site) -> dict[str, Any]:
    """A line of an order of several, in packs of more than one where there is such a line."""
    return site.query("""
        from marts.purchase_proposal_line
        where action <> 'defer'
            and (supplier_id, warehouse_code) in (
                select (supplier_id, warehouse_code) from marts.purchase_proposal where lines between 2 and 90
            )
        order by coalesce(pack_quantity, 1) > 1 desc, supplier_id, warehouse_code, line_number
        limit 1
    """)[0]


def order_of(line: dict[str, Any]) -> dict[str, str]:
    """The words that lead to an order, of it or of one of its lines."""
    return {
        "supplier": line["supplier_id"],
        "warehouse": line["warehouse_code"],
        "currency": line["currency"] or "",
    }


def test_today_tells_what_the_marts_tell_and_leads_to_it(site: Site) -> None:
    page, text = site.page("/"), site.text("/")
    for found in site.query("""
        select currency, sum(line_value) as value, count(*) as lines, sum(money_at_risk) as at_risk
        from marts.purchase_proposal_line where action <> 'defer' group by currency
    """):
        assert f"{round(found['value']):,} {found['currency']} to order, {found['lines']:,} lines" in text
        assert f"{round(found['at_risk']):,} {found['currency']} at risk" in text
    for order in site.query(
        "select * from marts.purchase_proposal where action not in ('defer', 'none') order by all limit 20"
    ):
        assert f"/order?{html.escape(urlencode(order_of(order)))}" in page
    assert "As of" in text


@pytest.mark.parametrize("name", lists.LISTS)
def test_every_count_opens_into_its_list(site: Site, name: str) -> None:
    today = site.text("/")
    ((count,),) = [
        tuple(row.values()) for row in site.query(f"select count(*) from ({lists.LISTS[name].sql})")
    ]
    assert f"{count:,} {lists.LISTS[name].title}" in today
    text = site.text("/list", name=name)
    assert f"{lists.LISTS[name].title}: {count:,}" in text
    page = site.page("/list", name=name)
    assert page.count("<tr>") - 1 == min(count, 100)
    assert ("more →" in page) == (count > 100)


def test_by_clicks_from_the_supplier_to_the_chart_of_an_article(site: Site, line: dict[str, Any]) -> None:
    page = site.page("/supplier", id=line["supplier_id"])
    order = re.search(r'href="(/order\?[^"]*)"', page)
    assert order
    page = site.page(html.unescape(order[1]))
    article = re.search(r'href="(/article\?[^"]*)"', page)
    assert article
    page = site.page(html.unescape(article[1]))
    assert page.count("<svg") == 2
    assert "nan" not in site.text(html.unescape(article[1])).lower().split()


def test_a_ticked_line_is_kept_and_counted(site: Site, line: dict[str, Any]) -> None:
    answer = site.decide(line, "ticked", True)
    assert answer.status_code == 200, answer.text
    assert f"ticked: <b>{line['line_value']:,.2f} {line['currency']}</b> in 1 line" in answer.json()["order"]
    (kept,) = Decisions(site.home.decisions).all().values()
    assert (kept.sku, kept.is_ticked, kept.quantity, kept.proposed_quantity) == (
        line["sku"], True, None, line["quantity"],
    )  # fmt: skip
    assert "1 Ticked" in site.text("/")
    assert line["sku"] in site.text("/lines", which="ticked")
    site.decide(line, "ticked", False)
    assert Decisions(site.home.decisions).all() == {}


def test_a_quantity_is_checked_while_it_is_typed_and_when_it_is_kept(
    site: Site, line: dict[str, Any]
) -> None:
    words = {"warehouse": line["warehouse_code"], "sku": line["sku"]}
    asked = site.ask("GET", "/check?" + urlencode({**words, "quantity": "none"})).json()
    assert asked == {"problem": "That is no quantity.", "is_refused": True, "nearest": []}
    refused = site.decide(line, "quantity", "-1")
    assert (refused.status_code, Decisions(site.home.decisions).all()) == (422, {})
    assert refused.json() == {"problem": "Order more than nothing, or leave the line unticked."}
    more = line["quantity"] + 2 * (line["pack_quantity"] or 1)
    kept = site.decide(line, "quantity", f"{more.normalize():f}")
    assert kept.status_code == 200
    assert kept.json()["value"] == f"{round(more * line['unit_cost'], 2):,.2f}"
    assert f"{more.normalize():f} instead of" in kept.json()["row"]
    assert site.decide(line, "quantity", "").json()["row"].strip() == ""
    assert Decisions(site.home.decisions).all() == {}


def test_what_is_decided_of_a_line_at_the_same_moment_is_all_kept(site: Site, line: dict[str, Any]) -> None:
    """Who leaves a quantity by clicking the tick sends both at once."""
    more = line["quantity"] + (line["pack_quantity"] or 1)
    asked = [
        ("quantity", f"{more:f}"),
        ("ticked", True),
        ("note", "by phone"),
        ("snoozed_until", "2199-12-31"),
    ]
    with ThreadPoolExecutor(len(asked)) as threads:
        for _ in range(4):
            answers = threads.map(lambda one: site.decide(line, *one).status_code, asked)
            assert list(answers) == [200, 200, 200, 200]
            (kept,) = Decisions(site.home.decisions).all().values()
            assert (kept.quantity, kept.is_ticked, kept.note) == (more, True, "by phone")
            assert kept.snoozed_until == date(2199, 12, 31)
            site.decide(line, "forget", True)


def test_a_part_of_a_pack_is_refused(site: Site) -> None:
    packed = site.query("""
        select line.* from marts.purchase_proposal_line as line
        inner join marts.replenishment_input as input using (sku, warehouse_code)
        where line.pack_quantity > 2 and not input.is_package_break_allowed
        order by line.sku, line.warehouse_code limit 1
    """)
    if not packed:
        pytest.skip("this tenant proposes nothing in packs")
    (line,) = packed
    answer = site.decide(line, "quantity", str(line["pack_quantity"] + 1))
    assert answer.status_code == 422
    assert f"It comes in packs of {line['pack_quantity'].normalize():f}" in answer.json()["problem"]


def test_a_snoozed_line_is_left_out_until_its_day(site: Site, line: dict[str, Any]) -> None:
    (before,) = site.query(
        "select lines from marts.purchase_proposal where supplier_id = ? and warehouse_code = ?",
        line["supplier_id"],
        line["warehouse_code"],
    )
    as_of = re.search(r'As of <b class="day">([\d-]+)', site.page("/"))
    assert as_of
    assert site.decide(line, "snoozed_until", as_of[1]).status_code == 422
    assert site.decide(line, "snoozed_until", "soon").status_code == 422
    answer = site.decide(line, "snoozed_until", "2099-01-01")
    assert f"in {before['lines'] - 1} lines" in answer.json()["order"]
    assert "snoozed until 2099-01-01" in site.page("/order", **order_of(line))


def test_a_note_is_text(site: Site, line: dict[str, Any]) -> None:
    site.decide(line, "note", "<script>alert(1)</script>  \n call them")
    page = site.page("/order", **order_of(line))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; call them" in page
    assert "<script>alert" not in page


def test_a_decision_is_marked_when_the_proposal_has_changed_and_can_be_kept_or_dropped(
    site: Site, line: dict[str, Any]
) -> None:
    site.decide(line, "ticked", True)
    kept = Decisions(site.home.decisions)
    (decision,) = kept.all().values()
    kept.keep([replace(decision, proposed_quantity=decision.proposed_quantity + 5)])
    old = f"{(line['quantity'] + 5).normalize():f}"
    assert f"when decided {old} were proposed" in site.text("/order", **order_of(line))
    assert "1 Changed since decided" in site.text("/")
    answer = site.decide(line, "note", "seen")
    assert f"{old} instead of" in answer.json()["row"]
    answer = site.decide(line, "confirm", True)
    assert "when decided" not in answer.json()["row"]
    assert answer.json()["quantity"] == old
    answer = site.decide(line, "forget", True)
    assert (answer.json()["quantity"], answer.json()["is_ticked"]) == ("", False)


def test_a_whole_order_is_ticked_and_comes_as_its_workbook(site: Site, line: dict[str, Any]) -> None:
    words = order_of(line)
    answer = site.ask("POST", "/tick", data={**words, "ticked": "yes"}, headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/order?{urlencode(words)}")
    file = site.ask("GET", "/export?" + urlencode({**words, "format": "xlsx"}))
    assert file.status_code == 200
    assert file.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    sheet = openpyxl.load_workbook(io.BytesIO(file.content)).active
    (proposed,) = site.query(
        "select value from marts.purchase_proposal where supplier_id = ? and warehouse_code = ?",
        line["supplier_id"],
        line["warehouse_code"],
    )
    values = [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert Decimal(str(values[-1])) == proposed["value"]
    printed = site.ask("GET", "/export?" + urlencode({**words, "format": "html"}))
    assert printed.headers["content-disposition"].startswith("inline")
    assert f"{proposed['value']:,.2f}" in printed.text


@pytest.mark.parametrize("path", ["/decide", "/tick", "/write"])
def test_another_site_changes_nothing(site: Site, line: dict[str, Any], path: str) -> None:
    words = {**order_of(line), "ticked": "yes", "apply": "yes"}
    assert site.ask("POST", path, data=words).status_code == 403
    assert Decisions(site.home.decisions).all() == {}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{", '{"field": "nosuch"}', '{"sku": 3, "warehouse": {}, "field": [], "value": {}}'],
)
def test_what_no_page_sends_is_refused(site: Site, content: str) -> None:
    answer = site.ask("POST", "/decide", content=content.encode(), headers={"origin": HERE})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/order?supplier=x",
        "/article?sku=x",
        "/supplier?id=x",
        "/list?name=x",
        "/lines?which=x",
        "/export?format=exe",
    ],
)
def test_what_is_not_there_says_so(site: Site, path: str) -> None:
    answer = site.ask("GET", path)
    assert answer.status_code == 404
    assert "There is no such" in answer.text


@pytest.mark.parametrize("offset", ["-1", "x", "99999999999999999999", "٣"])
def test_an_odd_page_is_the_first(site: Site, offset: str) -> None:
    assert site.page("/", **{"from": offset}) == site.page("/")


def test_search_finds_suppliers_articles_and_orders(site: Site, line: dict[str, Any]) -> None:
    assert f"/supplier?id={line['supplier_id']}" in site.page("/search", q=line["supplier_name"].upper())
    assert f"sku={line['sku']}" in site.page("/search", q=line["sku"])
    (order,) = site.query("select purchase_order_number from marts.open_purchase_eta limit 1")
    assert f"{order['purchase_order_number']}:" in site.text("/search", q=order["purchase_order_number"])
    assert "Nothing has that name or number" in site.text("/search", q="%' or 1=1 --")
    assert "Type a supplier" in site.text("/search", q=" ")


def test_no_script_of_a_tenant_runs(home_after_run: Home) -> None:
    evil = """<script>alert(1)</script>'"&<img src=x onerror=alert(2)>"""
    with duckdb.connect(str(home_after_run.warehouse)) as connection:
        connection.execute(
            "update marts.purchase_proposal_line set product_name = $1, explanation = $1", [evil]
        )
        connection.execute("update marts.purchase_proposal_line set supplier_name = $1", [evil])
        connection.execute("update marts.replenishment set product_name = $1, explanation = $1", [evil])
        connection.execute("update marts.purchase_proposal set supplier_name = $1", [evil])
        connection.execute("update marts.dim_supplier set supplier_name = $1", [evil])
    site = Site(home_after_run)
    (line,) = site.query("from marts.purchase_proposal_line where action <> 'defer' order by all limit 1")
    for path, words in (
        ("/", {}),
        ("/order", order_of(line)),
        ("/article", {"sku": line["sku"], "warehouse": line["warehouse_code"]}),
        ("/supplier", {"id": line["supplier_id"]}),
        ("/search", {"q": "script"}),
        ("/lines", {"which": "out"}),
        ("/list", {"name": "overdue"}),
    ):
        page = site.page(path, **words)
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "default-src 'none'" in site.ask("GET", path).headers["content-security-policy"]


def test_old_figures_say_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "these figures are old" not in site.text("/")
    monkeypatch.setattr("omnium_elt.desk.marts.OLD_HOURS", -1)
    assert "these figures are old: run omnium-elt" in site.text("/")


def test_figures_from_a_clock_that_was_ahead_are_not_called_fresh(home_after_run: Home) -> None:
    with duckdb.connect(str(home_after_run.warehouse)) as connection:
        connection.execute(
            "update omnium._omnium_published set published_at = timestamptz '2199-03-01 08:30Z'"
        )
    shown = Site(home_after_run).text("/")
    assert "published 2199-03-01 08:30 UTC · tenant read" in shown
    assert "that lies ahead of now: the clock was wrong then, or is now" in shown


def test_what_was_decided_stands_beside_what_came_of_it(home_after_run: Home) -> None:
    site = Site(home_after_run)
    (line,) = site.query("""
        select line.* from marts.purchase_proposal_line as line
        inner join marts.proposal_accuracy as accuracy using (sku, warehouse_code)
        where line.action <> 'defer' order by line.sku, line.warehouse_code limit 1
    """)
    site.decide(line, "ticked", True)
    site.decide(line, "note", "sure of it")
    with duckdb.connect(str(home_after_run.warehouse)) as connection:
        connection.execute(
            "update marts.proposal_accuracy set has_reorder_point_held = false, wanted_quantity = 777, "
            "ordered_quantity = 555 where sku = ? and warehouse_code = ?",
            [line["sku"], line["warehouse_code"]],
        )
    text = site.text("/accuracy")
    assert re.search(r"ticked [\d.,]+ – 555 777 did not hold sure of it", text), text


# Into Omnium


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(size="empty") as sandbox:
        for name, value in environment_of(sandbox).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SOURCES__OMNIUM__WRITER__CLIENT_ID", sandbox.writer_client_id)
        monkeypatch.setenv("SOURCES__OMNIUM__WRITER__CLIENT_SECRET", sandbox.writer_client_secret)
        yield sandbox


def writes(tenant: Sandbox) -> list[str]:
    return [f"{one.method} {one.path}" for one in tenant.requests if one.path == "/api/PurchaseOrders"]


def test_a_ticked_order_is_shown_written_once_and_settled(
    site: Site, tenant: Sandbox, line: dict[str, Any]
) -> None:
    words = order_of(line)
    site.decide(line, "ticked", True)
    more = line["quantity"] + (line["pack_quantity"] or 1)
    site.decide(line, "quantity", str(more))
    assert "The 1 ticked line" in site.text("/write", **words)

    def post(apply: str) -> str:
        answer = site.ask("POST", "/write", data={**words, "apply": apply}, headers={"origin": HERE})
        assert answer.status_code == 200, answer.text
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())

    shown = post("no")
    assert f"{more.normalize():f} instead of" in shown
    assert "not sent yet" in shown
    assert "Write 1 order to Omnium" in shown
    assert writes(tenant) == []
    assert "1 of 1 written." in post("yes")
    assert writes(tenant) == ["POST /api/PurchaseOrders"]
    (made,) = tenant.tenant.collection("purchase_orders").rows()
    assert [(item["code"], item["quantity"]) for item in made["purchaseOrderForm"]["lineItems"]] == [
        (line["sku"], more)
    ]
    assert Decisions(site.home.decisions).all() == {}
    assert "1 line ordered from the dashboard: 0 as proposed, 1 in another quantity" in site.text("/accuracy")


def test_without_a_configured_tenant_writing_says_what_is_missing(site: Site, line: dict[str, Any]) -> None:
    answer = site.ask("POST", "/write", data={**order_of(line), "apply": "no"}, headers={"origin": HERE})
    assert "SOURCES__OMNIUM__BASE_URL" in answer.text
