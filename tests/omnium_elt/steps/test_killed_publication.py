"""publish, killed between two of its files: who reads the warehouse is told its own day, and the next run mends all."""

import hashlib
import json
import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest
from omnium_elt.decide import lines
from omnium_elt.decide.lines import Selection
from omnium_elt.desk import marts
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.run_report import Silent
from omnium_elt.inspect.demo import findings
from omnium_elt.inspect.status import status
from omnium_elt.steps.publish import publish
from omnium_elt.steps.supplier_orders import export_orders
from omnium_elt.write import orders

pytestmark = pytest.mark.slow

LATER = date(2027, 3, 28)
POINTS = ("warehouse.duckdb", "report.html", "dim_warehouse.parquet", "purchase_proposal_line.parquet")


class Killed(BaseException):
    """Ends a publication as a kill does: nothing that it would still have done is done."""


@pytest.fixture
def settings(home_after_run: Home) -> Settings:
    return Settings(home=home_after_run, run_id="20270328T060000Z-0001")


def later(home: Home) -> None:
    """The models are built for another day: other rows in two marts, another mark."""
    with duckdb.connect(str(home.working_database)) as connection:
        connection.execute("update marts.dim_warehouse set warehouse_name = warehouse_name || ' II'")
        connection.execute("update marts.purchase_proposal_line set line_number = line_number + 1")
    marker = home.state / "transform.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "as_of": LATER.isoformat()}))


def kill_after(settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish until the file `name` has taken its place."""
    replace = os.replace

    def replaced(source: Any, target: Any) -> None:
        replace(source, target)
        if Path(target).name == name:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replaced)
        with pytest.raises(Killed):
            publish(settings, Silent())


def days_told(home: Home, folder: Path) -> dict[str, str]:
    """As of which day each reader of the warehouse says that the figures are."""
    with lines.connect(home) as connection:
        fresh = marts.freshness(connection, home)
        found = {"export": lines.day(connection).isoformat(), "desk": fresh["as_of"].isoformat()}
        assert fresh["published_at"].astimezone(UTC).isoformat()[:19] + "Z" == status(home).published_at
    changes, _ = orders.proposed(home, Selection())
    (found["write"],) = {str(change.facts["as_of"]) for change in changes}
    export_orders(home, "html", str(folder), Selection())
    (found["files"],) = {
        LATER.isoformat() if LATER.isoformat() in path.read_text(encoding="utf-8") else "another"
        for path in folder.iterdir()
    }
    found["status"] = str(status(home).as_of)
    found["demo"] = str(findings(home).as_of)
    return found


@pytest.mark.parametrize("point", POINTS)
def test_every_reader_is_told_the_day_of_the_warehouse_that_is_there(
    settings: Settings, point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omnium_elt.inspect.notebook import header  # here, as every worker imports this file, and one runs it

    later(settings.home)
    kill_after(settings, point, monkeypatch)
    assert json.loads(settings.home.manifest.read_text())["as_of"] != LATER.isoformat()
    assert set(days_told(settings.home, tmp_path / "orders").values()) == {"2027-03-28"}
    monkeypatch.setenv("OMNIUM_HOME", str(settings.home.root))
    assert "As of <strong>2027-03-28</strong>" in header("/replenishment").text


@pytest.mark.parametrize("point", POINTS)
def test_the_next_run_publishes_all_of_it(
    settings: Settings, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(settings.home)
    kill_after(settings, point, monkeypatch)
    assert publish(settings, Silent()).status == "ok"
    assert_agree(settings.home, LATER.isoformat(), " II")
    assert publish(settings, Silent()).status == "unchanged"


@pytest.mark.parametrize("point", POINTS)
def test_models_that_are_again_what_the_manifest_says_are_published_again(
    settings: Settings, point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`transform --as-of`, killed while it was published, and then as every day: nothing may be of that other day."""
    home = settings.home
    before = shutil.copytree(home.state, tmp_path / "state")
    as_of = json.loads(home.manifest.read_text())["as_of"]
    report = (home.exports / "report.html").read_text(encoding="utf-8")
    later(home)
    kill_after(settings, point, monkeypatch)
    shutil.rmtree(home.state)
    shutil.copytree(before, home.state)
    assert publish(settings, Silent()).status == "ok"
    assert_agree(home, as_of, "")
    assert LATER.isoformat() not in (home.exports / "report.html").read_text(encoding="utf-8")
    assert as_of in report


@pytest.mark.parametrize("damage", ["cut off", "another's", "gone"])
def test_a_warehouse_that_is_not_the_one_published_is_put_there_anew(settings: Settings, damage: str) -> None:
    home = settings.home
    as_of = json.loads(home.manifest.read_text())["as_of"]
    if damage == "cut off":
        home.warehouse.write_bytes(home.warehouse.read_bytes()[:5_000])
    elif damage == "another's":
        home.warehouse.unlink()
        duckdb.connect(str(home.warehouse)).close()
    else:
        home.warehouse.unlink()
    assert publish(settings, Silent()).status == "ok"
    assert_agree(home, as_of, "")


def test_a_report_that_is_gone_is_written_again(settings: Settings) -> None:
    (settings.home.exports / "report.html").unlink()
    assert publish(settings, Silent()).status == "ok"
    assert (settings.home.exports / "report.html").exists()


def test_the_warehouse_says_which_version_it_is(settings: Settings) -> None:
    later(settings.home)
    began = datetime.now(UTC).replace(microsecond=0)
    publish(settings, Silent())
    with duckdb.connect(str(settings.home.warehouse), read_only=True) as connection:
        ((run_id, as_of, published_at),) = connection.execute(
            "select run_id, as_of, published_at from omnium._omnium_published"
        ).fetchall()
    assert (run_id, as_of) == ("20270328T060000Z-0001", LATER)
    assert began <= published_at <= datetime.now(UTC)


def assert_agree(home: Home, as_of: str, ending: str) -> None:
    """Warehouse, exports and manifest are one version: as of that day, warehouses' names with that ending."""
    manifest = json.loads(home.manifest.read_text())
    assert manifest["as_of"] == status(home).as_of == as_of
    assert manifest["published_at"] == status(home).published_at
    for mart in manifest["marts"].values():
        assert hashlib.sha256((home.exports / mart["file"]).read_bytes()).hexdigest() == mart["sha256"], mart[
            "file"
        ]
    names = pyarrow.parquet.read_table(home.exports / "dim_warehouse.parquet")["warehouse_name"].to_pylist()
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        there = connection.execute("select warehouse_name from marts.dim_warehouse").fetchall()
    assert sorted(names) == sorted(name for (name,) in there)
    assert {name.endswith(" II") for name in names} == {bool(ending)}
