"""A published warehouse that cannot be read: said in two lines, by every command and page, with what to do about it.

The advice for the working database would have all of that read anew.
"""

import json
from pathlib import Path

import duckdb
import pytest
from omnium_elt.cli import main
from omnium_elt.infra import lock
from omnium_elt.infra.home import Home

from tests.support import proposal
from tests.support.desk_site import HERE, Site


@pytest.fixture
def published(home: Home) -> Home:
    proposal.publish(home)
    return home


def garbage(path: Path) -> None:
    path.write_bytes(b"rubbish" * 10_000)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_a_column(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("alter table marts.purchase_proposal_line drop column packs")


def without_a_mart(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table marts.purchase_proposal_line")


DAMAGED = ("warehouse.duckdb is damaged", "Publish it anew: omnium-elt publish.")
LACKING = (
    "warehouse.duckdb lacks something that is read of it: ",
    "Where another version published it: omnium-elt transform, then omnium-elt publish.",
)
CASES = [(garbage, DAMAGED), (cut_short, DAMAGED), (without_a_column, LACKING), (without_a_mart, LACKING)]


@pytest.mark.parametrize(("spoil", "told"), CASES)
@pytest.mark.parametrize("more", [[], ["--for-supplier"]])
def test_export_says_what_to_do(
    published: Home,
    tmp_path: Path,
    spoil,
    told: tuple[str, str],
    more: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    spoil(published.warehouse)
    command = ["export", *more, "--home", str(published.root), "--output", str(tmp_path / "o.xlsx")]
    assert main(command) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("log: ")]
    assert len(lines) == 2
    assert told[0] in lines[0]
    assert told[1] == lines[1]


@pytest.mark.parametrize(("spoil", "told"), CASES)
def test_each_page_and_control_says_what_to_do(published: Home, spoil, told: tuple[str, str]) -> None:
    site = Site(published)
    spoil(published.warehouse)
    for path in ("/", "/search?q=a", "/accuracy", "/export?format=xlsx", "/lines?which=out", "/write"):
        page = site.ask("GET", path)
        assert page.status_code == 500, path
        assert told[1] in page.text, path
    decided = site.decide({"warehouse_code": "oslo", "sku": "A"}, "ticked", True)
    checked = site.ask("GET", "/check?warehouse=oslo&sku=A&quantity=3")
    for answer in (decided, checked):
        assert answer.status_code == 500
        assert json.loads(answer.text)["problem"].splitlines()[1] == told[1]
    ticked = site.ask(
        "POST",
        "/tick",
        content="supplier=sup-1&warehouse=oslo&currency=NOK&ticked=yes",
        headers={"origin": HERE},
    )
    assert (ticked.status_code, told[1] in ticked.text) == (500, True)
    assert not published.decisions.exists()


def test_status_says_so_while_a_run_has_the_other_one(
    published: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    garbage(published.warehouse)
    with lock.hold(published.lock, "run"):
        assert main(["status", "--home", str(published.root)]) == 1
    assert DAMAGED[1] in capfd.readouterr().err


def test_a_file_of_decisions_that_cannot_be_opened_is_told_on_each_page(published: Home) -> None:
    published.decisions.mkdir()
    site = Site(published)
    for answer in (site.ask("GET", "/"), site.decide({"warehouse_code": "oslo", "sku": "A"}, "ticked", True)):
        assert answer.status_code == 500
        assert "a folder, where a file has to be" in answer.text
