"""The notebooks as a person sees them: served as `omnium-elt dashboard` does, opened in a real browser."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.axe import Axe
from tests.support.browser import CHROMIUM, MISSING, Browser, browser, dashboard

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=MISSING), pytest.mark.slow]

# Canvases that hold a picture: of some size, and of more colours than an empty frame with its axes has.
PICTURES = """deep('.vega-embed canvas').filter(canvas => canvas.width > 200 && canvas.height > 80 && new Set(
    new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)
).size > 20).length"""


NOTHING = "deep('td').map(cell => cell.innerText.trim()).filter(text => /^(nan|none|nat|null)$/i.test(text))"
"""Cells that show a missing value in the words of a program."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(finished_home: Path) -> Iterator[str]:
    with dashboard(finished_home, stderr=subprocess.DEVNULL) as served:
        yield served


@pytest.fixture(scope="module")
def warehouse(finished_home: Path) -> Iterator[Any]:
    with duckdb.connect(str(finished_home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def assert_in_order(tab: Browser, address: str) -> None:
    """No cell failed, no script did, and nothing was asked for anywhere else."""
    assert not re.search(r"traceback|exception|\berror\b|no warehouse", tab.text(), re.IGNORECASE), tab.text()
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith((address, "data:", "blob:", "about:"))] == []


NOTEBOOKS: list[tuple[str, str, int, tuple[str, ...]]] = [
    (
        "supplier-lead-times",
        "Supplier lead times",
        5,
        ("Configured against measured", "One supplier", "On its way"),
    ),
    (
        "replenishment",
        "Replenishment",
        5,
        ("By supplier", "The proposal", "One article", "What it is worth", "Which articles matter"),
    ),
    (
        "data-health",
        "Data health",
        2,
        ("Freshness", "Completeness", "Odd data", "Drift of the schema"),
    ),
]


@pytest.mark.parametrize(("notebook", "title", "pictures", "headings"), NOTEBOOKS)
def test_a_notebook_shows_its_pictures_and_no_error(
    tab: Browser, address: str, notebook: str, title: str, pictures: int, headings: tuple[str, ...]
) -> None:
    tab.open(f"{address}/{notebook}")
    tab.wait_until(f"{PICTURES} >= {pictures}")
    # How many lines are open at the newest date depends on the day; there is one at least.
    tab.wait_until("deep('tbody tr').length >= 1")
    assert tab.ask("document.title") == title
    assert all(heading in tab.text() for heading in headings)
    assert tab.ask(NOTHING) == []
    assert_in_order(tab, address)


def test_axe_finds_nothing_serious(tab: Browser, address: str, all_workers: Path) -> None:
    axe = Axe(all_workers)
    tab.command("Page.setBypassCSP", enabled=True)
    found: dict[str, Any] = {}
    for notebook, _, pictures, _ in NOTEBOOKS:
        tab.open(f"{address}/{notebook}")
        tab.wait_until(f"{PICTURES} >= {pictures} && deep('tbody tr').length >= 1")
        if serious := axe.serious(tab):
            found[notebook] = serious
    assert found == {}


def wait_for_figures(tab: Browser, figures: tuple[int, int]) -> None:
    """Wait until the replenishment notebook shows this order value and this number of lines."""
    value, lines = figures
    shown = f"/what-if order value {value:,} .* what-if lines {lines:,} .* safety stock at cost/"
    tab.wait_until(f"{shown}.test(words().replaceAll(/\\s+/g, ' '))")


def what_if(warehouse: Any, service_level: float, order_interval: int | None) -> tuple[int, int]:
    """Value and lines at other settings, with today's waiting orders left out and today's top-ups kept."""
    value, lines = warehouse.execute(
        """
        select
            sum(what_if.order_value + coalesce(lines.top_up_quantity * lines.unit_cost, 0)),
            count(*) filter (where what_if.suggested_quantity > 0 or lines.top_up_quantity > 0)
        from marts.replenishment_what_if(?, ?) as what_if
        left join marts.purchase_proposal_line as lines using (sku, warehouse_code)
        where not exists (
            from marts.purchase_proposal as orders
            where orders.action = 'defer' and orders.supplier_id = what_if.supplier_id
                and orders.warehouse_code = what_if.warehouse_code
                and orders.currency is not distinct from what_if.currency
        )
        """,
        [service_level, order_interval],
    ).fetchone()
    return round(value), lines


def move(tab: Browser, slider: int, key: str, times: int) -> float:
    """Move a slider by its keys; return where it stands then."""
    tab.ask(f"deep('[role=slider]')[{slider}].focus()")
    tab.press(key, times)
    return float(tab.ask(f"deep('[role=slider]')[{slider}].getAttribute('aria-valuenow')"))


def test_the_sliders_change_the_proposal(tab: Browser, address: str, warehouse: Any) -> None:
    proposed = warehouse.execute(
        "select sum(line_value), count(*) from marts.purchase_proposal_line where action <> 'defer'"
    ).fetchone()
    tab.open(f"{address}/replenishment")
    tab.wait_until("deep('[role=slider]').length == 2")
    wait_for_figures(tab, (round(proposed[0]), proposed[1]))

    less = what_if(warehouse, 0.90, None)
    assert move(tab, 0, "ArrowLeft", 10) == 90
    wait_for_figures(tab, less)

    more = what_if(warehouse, 0.90, 90)
    assert move(tab, 1, "End", 1) == 90
    wait_for_figures(tab, more)

    assert less[0] < proposed[0]
    assert more[0] > less[0]
    assert_in_order(tab, address)


def test_choosing_an_order_shows_its_lines(tab: Browser, address: str, warehouse: Any) -> None:
    orders = warehouse.execute(
        """
        select lines.sku
        from marts.purchase_proposal as orders
        inner join marts.purchase_proposal_line as lines using (supplier_id, warehouse_code, currency)
        where lines.line_number = 1
        order by orders.value desc, supplier_id, warehouse_code
        limit 2
        """
    ).fetchall()
    tab.open(f"{address}/replenishment")
    tab.wait_until("deep('[role=checkbox]').length > 2 && deep('table').length == 2")
    second = "(deep('table')[1]?.innerText ?? '')"
    tab.wait_until(f"{second}.includes('{orders[0][0]}')")
    tab.ask("deep('tbody [role=checkbox]')[1].click()")
    tab.wait_until(f"{second}.includes('{orders[1][0]}')")
    assert_in_order(tab, address)
