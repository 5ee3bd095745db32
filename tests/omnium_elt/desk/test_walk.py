"""In a real browser, desktop and phone: from the first page to a decided, exported and written order."""

import io
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from omnium_elt.infra.home import Home
from omnium_sandbox import Sandbox

from tests.support.axe import Axe
from tests.support.browser import CHROMIUM, MISSING, Browser, browser, dashboard
from tests.support.tenants import environment_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=MISSING)]

SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
LEAST_TEXT = 12
"""CSS pixels of the smallest text."""

# The smallest text that is shown, and what it says; in a picture as large as the picture makes it.
SMALLEST = """(() => {
    const seen = deep('*', document.body).filter(node => [...node.childNodes].some(
        child => child.nodeType === 3 && child.data.trim()) && node.getClientRects().length
        && !['STYLE', 'SCRIPT', 'TITLE', 'OPTION', 'NOSCRIPT'].includes(node.nodeName.toUpperCase()));
    const sizes = seen.map(node => {
        const svg = node.closest('svg');
        const units = svg ? svg.viewBox.baseVal.width : 0;
        const scale = units ? svg.getBoundingClientRect().width / units : 1;
        return [parseFloat(getComputedStyle(node).fontSize) * scale, node.textContent.trim().slice(0, 40)];
    });
    return sizes.sort((a, b) => a[0] - b[0])[0];
})()"""


@pytest.fixture(scope="module")
def tenant() -> Iterator[Sandbox]:
    with Sandbox(size="empty") as served:
        yield served


@pytest.fixture(scope="module")
def home(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home as a run left it, whose decisions are this module's own."""
    home = Home(tmp_path_factory.mktemp("walk") / "home")
    home.create()
    home.warehouse.symlink_to(finished_home / "warehouse.duckdb")
    home.exports.symlink_to(finished_home / "exports")
    return home


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the dashboard's process says on stderr."""
    return tmp_path_factory.mktemp("dashboard") / "stderr"


@pytest.fixture(scope="module")
def address(home: Home, tenant: Sandbox, said: Path) -> Iterator[str]:
    environment = {
        **os.environ,
        **environment_of(tenant),
        "SOURCES__OMNIUM__WRITER__CLIENT_ID": tenant.writer_client_id,
        "SOURCES__OMNIUM__WRITER__CLIENT_SECRET": tenant.writer_client_secret,
    }
    with said.open("w") as errors, dashboard(home.root, stderr=errors, env=environment) as served:
        yield served


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


class Walk:
    """Clicks, counted."""

    def __init__(self, tab: Browser) -> None:
        self.tab, self.clicks, self.began = tab, 0, time.monotonic()

    def click(self, selector: str, then: str, place: int = 0) -> None:
        self.tab.wait_until(f"document.readyState === 'complete' && deep({selector!r}).length > {place}")
        self.tab.ask(f"deep({selector!r})[{place}].click()")
        self.clicks += 1
        self.tab.wait_until(f"document.readyState === 'complete' && ({then})")

    def type(self, selector: str, text: str, then: str, place: int = 0) -> None:
        """Put the focus into a field and type key by key instead of what is in it."""
        self.tab.ask(f"deep({selector!r})[{place}].focus(); deep({selector!r})[{place}].select()")
        self.clicks += 1
        for sign in text:
            self.tab.command("Input.dispatchKeyEvent", type="keyDown", text=sign, key=sign)
            self.tab.command("Input.dispatchKeyEvent", type="keyUp", key=sign)
        self.tab.wait_until(then)


@pytest.mark.parametrize("device", SIZES)
def test_from_the_first_page_to_a_decided_exported_and_written_order(
    tab: Browser, address: str, tenant: Sandbox, said: Path, device: str
) -> None:
    before = len(tenant.tenant.collection("purchase_orders"))
    walk = Walk(tab)
    tab.open(address + "/", *SIZES[device])
    # Another order each time: what was written is on its way.
    walk.click("td a[href^='/order?']", "deep('tr.line').length", place=list(SIZES).index(device))
    walk.click("button[value=yes]", "deep('tr.is-ticked').length === deep('tr.line').length")
    walk.type("input[name=quantity]", "x", "deep('.problem')[0].textContent.includes('That is no quantity')")
    packs = float(tab.ask("(deep('.quantity')[0].textContent.match(/packs of ([0-9.]+)/) ?? [0, 1])[1]"))
    proposed = float(tab.ask("deep('input[name=quantity]')[0].placeholder"))
    wanted = packs * (3 if proposed != packs * 3 else 4)
    walk.type(
        "input[name=quantity]", f"{wanted:g}", "!deep('.problem')[0].textContent.includes('no quantity')"
    )
    tab.ask("deep('input[name=note]')[0].focus()")  # whoever goes on has decided
    tab.wait_until("deep('.state')[0].textContent.includes('instead of')")
    file = tab.ask("deep(\"a.button[href*='format=xlsx']\")[0].href")
    walk.clicks += 1
    try:
        content = urllib.request.urlopen(file, timeout=60).read()
    except urllib.error.HTTPError as error:
        time.sleep(1)  # the server says why after its answer
        pytest.fail(f"{error}\n{said.read_text(encoding='utf-8', errors='replace')}")
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert wanted in [cell.value for row in sheet.iter_rows() for cell in row]
    walk.click("a.button[href^='/write']", "deep('button[value=no]').length")
    walk.click("button[value=no]", "deep('button[value=yes]').length && words().includes('not sent yet')")
    assert len(tenant.tenant.collection("purchase_orders")) == before
    walk.click("button[value=yes]", "words().includes('1 of 1 written')")
    assert len(tenant.tenant.collection("purchase_orders")) == before + 1
    seconds = time.monotonic() - walk.began
    print(f"{device}: {walk.clicks} clicks, {seconds:.1f} s")
    assert walk.clicks <= 10
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith((address, "data:"))] == []


PLACES = ("/", "/list?name=overdue", "/lines?which=out", "/accuracy", "/search?q=a", "/write", "/report")


def pages(tab: Browser, address: str) -> list[str]:
    """A page of each kind, as clicks lead to them."""
    found = list(PLACES)
    tab.open(address + "/")
    for selector in ("td a[href^='/supplier?']", "td a[href^='/order?']"):
        tab.wait_until(f"document.readyState === 'complete' && deep({selector!r}).length")
        found.append(tab.ask(f"deep({selector!r})[0].getAttribute('href')"))
    tab.open(address + found[-1])
    tab.wait_until("document.readyState === 'complete' && deep(\"td a[href^='/article?']\").length")
    found.append(tab.ask("deep(\"td a[href^='/article?']\")[0].getAttribute('href')"))
    return found


def test_text_on_a_phone_is_never_too_small_and_nothing_leaves_the_page(tab: Browser, address: str) -> None:
    small, wide = [], []
    for place in pages(tab, address):
        tab.open(address + place, *SIZES["phone"])
        tab.wait_until("document.readyState === 'complete' && document.querySelector('main') !== null")
        size, text = tab.ask(SMALLEST)
        if size < LEAST_TEXT - 0.01:
            small.append((place, size, text))
        if tab.ask("document.documentElement.scrollWidth > innerWidth + 1"):
            wide.append((place, tab.ask("document.documentElement.scrollWidth")))
        assert "nan" not in tab.text().lower().split(), place
    assert (small, wide) == ([], [])


def test_axe_finds_nothing_serious(tab: Browser, address: str, all_workers: Path) -> None:
    axe = Axe(all_workers)
    serious: dict[str, Any] = {}
    tab.command("Page.setBypassCSP", enabled=True)
    found_pages = pages(tab, address)
    looks = [(place, "desktop", "light") for place in found_pages]
    looks += [(place, "phone", "dark") for place in ("/report", *found_pages[-2:])]
    for place, device, scheme in looks:
        tab.open(address + place, *SIZES[device])
        feature = {"name": "prefers-color-scheme", "value": scheme}
        tab.command("Emulation.setEmulatedMedia", features=[feature])
        tab.wait_until("document.readyState === 'complete' && document.querySelector('main') !== null")
        if found := axe.serious(tab):
            serious[f"{place} {device} {scheme}"] = found
    assert serious == {}


def test_nothing_of_it_lies_in_the_repository() -> None:
    root = Path(__file__).parents[3]
    assert not (root / "node_modules").exists()
