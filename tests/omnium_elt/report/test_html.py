"""The report: whole, harmless and readable, whatever stands in the marts."""

import re
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jinja2 import UndefinedError
from omnium_elt.infra.home import Home
from omnium_elt.report import html as report_html
from omnium_elt.report import proposals, rendering, svg
from omnium_elt.warehouse.manifest import read_manifest

from tests.support.browser import CHROMIUM, MISSING, browser

VOID = {"meta", "br"}


class Outline(HTMLParser):
    """Checks that every tag is closed where it should be; collects tags, attributes and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> out of place"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


@pytest.fixture
def report(finished_home: Path) -> str:
    return (finished_home / "exports" / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def warehouse(finished_home: Path, tmp_path: Path) -> Any:
    """A published warehouse to change at will."""
    shutil.copyfile(finished_home / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        yield connection


def test_publish_writes_it_with_all_sections_and_pictures(report: str, finished_home: Path) -> None:
    page = outline(report)
    text = " ".join(page.texts)
    assert f"Purchasing as of {read_manifest(Home(finished_home))['as_of']}" in text
    assert page.tags.count("svg") == 6 + proposals.MOST_CHARTS
    for heading in ("What to order", "Supplier lead times", "Data health", "When stock runs out", "Odd data"):
        assert heading in text


def test_it_ends_as_a_text_file_does(report: str) -> None:
    assert report.endswith("</html>\n")


def test_it_asks_the_network_for_nothing(report: str) -> None:
    page = outline(report)
    assert all(address.startswith("#") for address in page.addresses)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?://", report)
    assert """<meta http-equiv="Content-Security-Policy" content="default-src 'none';""" in report


def test_it_tells_what_the_marts_tell(report: str, warehouse: Any) -> None:
    text = " ".join(outline(report).texts)
    value, lines = warehouse.execute(
        """
        select sum(value), sum(lines)
        from marts.purchase_proposal
        where action not in ('defer', 'none')
        group by currency
        order by 1 desc
        """
    ).fetchone()
    assert f"{round(value):,} " in text
    assert f"to order, {lines:,} lines" in text
    for sku, explanation in warehouse.execute(
        "select sku, explanation from marts.purchase_proposal_line"
    ).fetchall():
        assert f"SKU {sku}" in text
        assert explanation in text
    for resource, rows in warehouse.execute(
        "select resource, sum(distinct_keys) from omnium._omnium_windows group by resource"
    ).fetchall():
        assert re.search(rf"{resource.replace('_', ' ').capitalize()} .*{rows:,}", text)


def test_overdue_are_the_suppliers_lines_not_transfers(warehouse: Any) -> None:
    warehouse.execute("update marts.open_purchase_eta set is_transfer = true, is_overdue = true")
    (key,) = warehouse.execute("select min(rowid) from marts.open_purchase_eta").fetchone()
    warehouse.execute("update marts.open_purchase_eta set is_transfer = false where rowid = ?", [key])
    texts = " ".join(outline(report_html.page(warehouse, None)).texts)
    assert "1 of 1 open line overdue" in texts


def test_whatever_the_tenant_wrote_is_text(warehouse: Any) -> None:
    evil = """<script>alert(1)</script>'"&<img src=x onerror=alert(2)>"""
    for table, columns in (
        ("purchase_proposal", ("supplier_name", "currency", "warehouse_code")),
        ("purchase_proposal_line", ("product_name", "sku", "supplier_sku_id", "explanation", "currency")),
        ("lead_time_policy", ("supplier_name",)),
        ("data_quality", ("example_keys",)),
    ):
        for column in columns:
            warehouse.execute(f"update marts.{table} set {column} = ?", [evil])
    warehouse.execute("update marts.purchase_proposal_line set warehouse_code = ?", [evil])
    warehouse.execute("update omnium._omnium_windows set resource = ? where resource = 'orders'", [evil])
    page = outline(report_html.page(warehouse, "2026-01-31"))
    assert not {"script", "img"} & set(page.tags)
    assert any("<script>alert(1)</script>" in text for text in page.texts)


def test_it_bears_marts_without_rows(warehouse: Any) -> None:
    for (mart,) in warehouse.execute(
        "select table_name from duckdb_tables() where schema_name = 'marts'"
    ).fetchall():
        warehouse.execute(f"delete from marts.{mart}")
    warehouse.execute("drop table omnium._omnium_windows")
    text = " ".join(outline(report_html.page(warehouse, None)).texts)
    assert "Nothing needs to be ordered today." in text
    assert "This warehouse has no receipts of what was read." in text


def test_it_bears_nulls(warehouse: Any) -> None:
    for table in ("purchase_proposal", "purchase_proposal_line", "lead_time_policy"):
        for name, kind in warehouse.execute(
            """
            select column_name, data_type
            from duckdb_columns()
            where schema_name = 'marts' and table_name = ?
            """,
            [table],
        ).fetchall():
            if name not in ("supplier_id", "warehouse_code", "action", "lines") and kind != "BOOLEAN":
                warehouse.execute(f"update marts.{table} set {name} = null")
    outline(report_html.page(warehouse, None))


def test_only_so_many_lines_are_shown_and_it_says_so(warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    total = warehouse.execute("select count(*) from marts.purchase_proposal_line").fetchone()[0]
    monkeypatch.setattr(proposals, "MOST_LINES", 3)
    text = " ".join(outline(report_html.page(warehouse, None)).texts)
    assert f"The 3 most urgent of {total} lines are shown" in text
    assert text.count("SKU ") == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0"),
        (Decimal("12.0000"), "12"),
        (Decimal("1234.56"), "1,234.6"),
        (1e6, "1,000,000"),
    ],
)
def test_a_number_has_no_needless_digits(value: Any, shown: str) -> None:
    assert rendering.number(value) == shown


def test_texts_of_dates_and_nothing() -> None:
    assert rendering.text(date(2026, 1, 31)) == "2026-01-31"
    assert rendering.text(datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)) == "2026-01-31 23:59"
    assert rendering.text(None) == ""
    assert rendering.text("a < b") == "a < b"
    assert rendering.amount(Decimal("1999.50"), "NOK") == "2,000 NOK"
    assert rendering.amount(None, None) == "–"
    assert rendering.signed_percent(-0.051) == "−5%"


def test_a_template_escapes_what_it_is_given_and_misses_what_it_is_not() -> None:
    page = rendering.render("desk/sorry.html", title="a < b", hint='it\'s "c"', notebooks={})
    assert "<h1>a &lt; b</h1>" in page
    assert "it&#39;s &#34;c&#34;" in page
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        rendering.render("desk/sorry.html", hint="", notebooks={})


def test_bars_are_as_long_as_their_values() -> None:
    picture = svg.bars([svg.Bar("a", 100, "100"), svg.Bar("b", 25, "25")], "two bars")
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', picture)]
    assert widths[1] == pytest.approx(widths[0] / 4)


def test_columns_are_stacked_without_gaps() -> None:
    picture = svg.columns([svg.Column("w", (3, 1), "w")], "one column")
    marks = re.findall(
        r'<rect class="(\w+)" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', picture
    )
    (first, second) = [(kind, float(top), float(tall)) for kind, top, tall in marks]
    assert (first[0], second[0]) == ("first", "second")
    assert first[2] == pytest.approx(3 * second[2])
    assert second[1] + second[2] == pytest.approx(first[1])
    assert first[1] + first[2] == pytest.approx(170)


def test_a_range_ends_where_it_should_on_the_axis() -> None:
    picture = svg.ranges([svg.Range("s", 10, 20, 5, "s")], "one range")
    ticks = [float(x) for x in re.findall(r'class="grid" x1="([\d.]+)"', picture)]
    (low, high) = re.search(r'class="range" x1="([\d.]+)" x2="([\d.]+)"', picture).groups()  # type: ignore[union-attr]
    mark = re.search(r'class="mark" x1="([\d.]+)"', picture).group(1)  # type: ignore[union-attr]
    assert ticks[-1] == float(high)  # the axis ends at 20
    assert float(low) - ticks[0] == pytest.approx((float(high) - ticks[0]) / 2)
    assert float(mark) - ticks[0] == pytest.approx((float(high) - ticks[0]) / 4)


def test_curves_join_their_points_by_what_they_cost() -> None:
    curve = svg.Curve("ours", ((200.0, 1.0, "b"), (100.0, 0.5, "a")))
    picture = svg.curves([curve, svg.Curve("one", ((50.0, 0.75, "c"),))], "two curves", "NOK")
    (points,) = re.findall(r'points="([^"]+)"', picture)
    assert points == "252.0,220.0 464.0,10.0"
    assert re.search(r'<circle class="second" cx="146.0" cy="115.0"', picture)


def test_a_line_leaves_out_what_is_not_known() -> None:
    picture = svg.line(["a", "b", "c"], [0.0, None, 1.0], "one line")
    (points,) = re.findall(r'points="([^"]+)"', picture)
    assert points == "40.0,170.0 436.0,10.0"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
@pytest.mark.parametrize("width", [360, 1200])
def test_in_a_browser_it_fits_the_screen_and_opens(finished_home: Path, tmp_path: Path, width: int) -> None:
    with browser(tmp_path) as tab:
        tab.open((finished_home / "exports" / "report.html").as_uri(), width, 800)
        tab.wait_until("document.readyState == 'complete' && deep('svg').length >= 6")
        tab.ask("deep('details').forEach(details => details.open = true)")
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert tab.ask("deep('svg').every(svg => svg.getBoundingClientRect().height > 80)")
        assert tab.ask("deep('.order td').every(cell => cell.checkVisibility() || !cell.innerText)")
        assert tab.errors == []
        assert [url for url in tab.requests if not url.startswith(("file:", "about:"))] == []


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_on_paper_only_what_is_open_is_printed(finished_home: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as tab:
        tab.open((finished_home / "exports" / "report.html").as_uri())
        tab.wait_until("document.readyState == 'complete' && deep('details').length > 2")
        tab.command("Emulation.setEmulatedMedia", media="print")
        assert tab.ask("deep('.order').filter(order => order.checkVisibility()).length") == 0
        tab.ask("deep('details')[0].open = true")
        assert tab.ask("deep('.order').filter(order => order.checkVisibility()).length") == tab.ask(
            "deep('details')[0].querySelectorAll('.order').length"
        )
        # Tiles and pictures of the first section share the first page.
        assert tab.ask("getComputedStyle(deep('.figures')[0]).gridTemplateColumns.split(' ').length") == 2
