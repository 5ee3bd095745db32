"""The command line against a server that knows neither the program nor the sandbox: see `stranger.py`.

With OMNIUM_SOAK=1 all resources are read by every kind of server, with more rows and a writer at work.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.stranger import DAY, Habits, Stranger, Writer
from tests.support.stranger_compare import compare
from tests.support.stranger_rows import ENDPOINTS, as_json

pytestmark = pytest.mark.slow  # whole loads of large answers

ROOT = Path(__file__).parents[2]
IS_SOAK = bool(os.environ.get("OMNIUM_SOAK"))
ROWS = 300 if IS_SOAK else 20
MANY = {"inventory": 2_300, "suppliers": 230, "event_log": 250, "comments": 230, "time_entries": 230}
FEW_COLUMNS = (
    "stores",
    "suppliers",
    "supplier_versions",
    "private_customers",
    "inventory",
    "deliveries",
    "gift_cards",
    "prices",
    "comments",
    "time_entries",
    "event_log",
    "project_logs",
)
"""Resources whose tables are few: an hour's runs of all would cost the suite minutes."""


class User:
    """Who runs the command line in a home of their own."""

    def __init__(self, stranger: Stranger, home: Path, **environment: str) -> None:
        self.stranger, self.home = stranger, home
        self.environment = {
            **os.environ,
            "SOURCES__OMNIUM__BASE_URL": stranger.base_url,
            "SOURCES__OMNIUM__CLIENT_ID": stranger.client_id,
            "SOURCES__OMNIUM__CLIENT_SECRET": stranger.client_secret,
            "SOURCES__OMNIUM__PII": "include",
            "SOURCES__OMNIUM__SETTLING_LAG_SECONDS": "2",
            **environment,
        }

    @property
    def database(self) -> Path:
        return self.home / "state" / "warehouse.duckdb"

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "omnium_elt", *arguments, "--home", str(self.home), "--json"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Any:
        process = self.start(*arguments)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return json.loads(out)

    def load(self, names: tuple[str, ...] = (), *arguments: str) -> Any:
        return self.run("load", *(("--resources", ",".join(names)) if names else ()), *arguments)


def assert_equal(user: User, names: tuple[str, ...] = (), *, gone: bool = False) -> None:
    user.stranger.settle(everything=True)
    found = compare(user.database, user.stranger, names or None, gone=gone)
    assert found.differences[:10] == []
    rows = sum(len(user.stranger.rows[name]) for name in names or ENDPOINTS if name in ENDPOINTS)
    assert found.rows >= rows
    assert found.values > 5 * rows


def test_all_resources_from_a_server_that_fails(tmp_path: Path) -> None:
    """Faults of every kind, a clock three hours behind, a late index; and what the requests ask for."""
    habits = Habits(rows=ROWS, faults=0.05, clock_hours=-3, late_seconds=0.3, many=MANY)
    with Stranger(habits) as stranger:
        user = User(stranger, tmp_path)
        report = user.load()
        assert {one["name"] for one in report["resources"]} == {*ENDPOINTS, "supplier_versions"}
        assert_equal(user)
        assert stranger.faults
        assert not stranger.complaints
        bodies = stranger.bodies
    assert all(body["disableFacets"] is True for body in bodies["Orders/Search"])
    without = {"isAssetsExcluded": True, "isInventoryExcluded": True, "isPricesExcluded": True}
    assert all(
        body["isFacetsDisabled"] is True and body["excludedFields"] == without
        for body in bodies["Products/Scroll"]
    )
    assert all(body["includeInactive"] is True for body in bodies["Stores/SearchStores"])
    assert all(body["isBatchesExcluded"] is True for body in bodies["Inventory/Search"])
    takes = {
        body["take"]
        for path in bodies
        if "ProductCategories" not in path
        for body in bodies[path]
        if "take" in body
    }
    assert max(takes) == 100


SERVERS = {
    "plain": Habits(seed=2),
    "faults": Habits(seed=3, faults=0.05, clock_hours=-3),
    "whole seconds": Habits(seed=4, whole_seconds=True, late_seconds=0.5),
    "exclusive": Habits(seed=5, exclusive=True, late_seconds=0.5, first_supplier_page=1),
    "HTTP/1.0": Habits(seed=6, http="HTTP/1.0", clock_hours=5),
    "all of it": Habits(
        seed=7, faults=0.03, exclusive=True, whole_seconds=True, late_seconds=0.5, first_supplier_page=1
    ),
}


@pytest.mark.parametrize("kind", SERVERS if IS_SOAK else ["all of it"])
def test_loads_while_rows_change(kind: str, tmp_path: Path) -> None:
    """A load in quiet, two while a writer is at work, one more when it has stopped; then what is gone."""
    habits = SERVERS[kind]
    habits.rows, habits.many = ROWS, MANY
    names = () if IS_SOAK else FEW_COLUMNS
    with Stranger(habits) as stranger:
        user = User(stranger, tmp_path)
        user.load(names)
        assert_equal(user, names)
        writable = [name for name in names or ENDPOINTS if name in ENDPOINTS]
        for _ in range(2):
            with Writer(stranger, names=writable) as writer:
                user.load(names)
            assert writer.done["change"]
        # Longer than the settling lag and the index together: the server's clock is told in whole seconds.
        time.sleep(3.5)
        user.load(names)
        assert_equal(user, names, gone=True)
        user.run("reconcile", "--force", *(("--resources", ",".join(names)) if names else ()))
        assert_equal(user, names)
        assert not stranger.complaints


def test_windows_of_many_rows_of_the_same_seconds(tmp_path: Path) -> None:
    """1,100 rows a resource (with OMNIUM_SOAK=1 1,500) within a minute, read in windows of 1,000."""
    # More than 1,000: fewer are never read in windows.
    many = 1_500 if IS_SOAK else 1_100
    names = ("gift_cards", "carts", "inventory_transactions")
    habits = Habits(rows=0, odd=False, exclusive=True, whole_seconds=True)
    with Stranger(habits) as stranger:
        for name in names:
            endpoint, begin = ENDPOINTS[name], stranger.now() - 5 * DAY
            for number in range(many):
                row = {path: stranger.make.identity() for path in endpoint.key}
                row[endpoint.created] = stranger.make.time(begin + number * 40_000)
                stranger.save(name, row, begin + number * 40_000)
        stranger.settle(everything=True)
        user = User(stranger, tmp_path, SOURCES__OMNIUM__WINDOW_ROWS="1000")
        user.load(names)
        found = compare(user.database, stranger, names)
        assert found.differences[:10] == []
        assert found.rows == 3 * many


@pytest.mark.parametrize("mode", ["hash", "exclude"])
def test_nothing_of_a_person_is_left(mode: str, tmp_path: Path) -> None:
    """Personal texts carry a sign of their own here; a company's own may stay."""
    names = (
        "private_customers",
        "gift_cards",
        "comments",
        "ratings",
        "product_alerts",
        "invoices",
        "vouchers",
    )
    with Stranger(Habits(rows=ROWS)) as stranger:
        assert all(
            b"zqx" in as_json([row.row for row in stranger.rows[name].values()]).lower() for name in names
        )
        user = User(stranger, tmp_path, SOURCES__OMNIUM__PII=mode)
        user.load(names)
        counts = {name: len(stranger.rows[name]) for name in names}
    with duckdb.connect(str(user.database), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'omnium' "
            "and data_type in ('VARCHAR', 'JSON') "
            # dlt's digests and its packed state hold every sign by chance.
            "and not (starts_with(table_name, '_dlt_') and column_name in "
            "('state', 'version_hash', 'schema_version_hash'))"
        ).fetchall()
        leaks = [
            (table, column)
            for table, column in columns
            # Who sends an invoice is the retailer.
            if not column.startswith("invoice_sender_address")
            and connection.execute(
                f'select count(*) from omnium."{table}" where regexp_matches("{column}"::varchar, \'(?i)zqx[0-9]\')'
            ).fetchone()
            != (0,)
        ]
        assert leaks == []
        for name, count in counts.items():
            assert connection.execute(f"select count(*) from omnium.{name}").fetchone() == (count,)


def test_since_reads_what_is_newer_and_full_refresh_the_rest(tmp_path: Path) -> None:
    # Of what happened; of what there is, nothing is too old.
    names = ("purchase_orders", "orders")
    with Stranger(Habits(rows=60)) as stranger:
        day = (stranger.now() // DAY - 10) * DAY
        since = time.strftime("%Y-%m-%d", time.gmtime(day / 1_000_000))
        user = User(stranger, tmp_path)
        user.load(names, "--since", since)
        for name in names:
            newer = sorted(key for key, row in stranger.rows[name].items() if (row.modified or 0) >= day)
            with duckdb.connect(str(user.database), read_only=True) as connection:
                assert 0 < len(newer) < 60
                assert sorted(connection.execute(f"select id from omnium.{name}").fetchall()) == newer
        user.load(names, "--full-refresh")
        assert_equal(user, names)


def test_a_load_that_is_killed_and_run_again(tmp_path: Path) -> None:
    with Stranger(Habits(rows=ROWS, many=MANY, latency=0.02)) as stranger:
        user = User(stranger, tmp_path)
        for requests in (8, 40):
            stranger.requests.clear()
            process = user.start("load", "--resources", ",".join(FEW_COLUMNS))
            while sum(stranger.requests.values()) < requests and process.poll() is None:
                time.sleep(0.01)
            process.kill()
            process.communicate()
        user.load(FEW_COLUMNS)
        assert_equal(user, FEW_COLUMNS)


FIVE_LINES = """
import dlt
from omnium_source import omnium_source

pipeline = dlt.pipeline("omnium", destination="duckdb", dataset_name="omnium")
pipeline.run(omnium_source().with_resources("suppliers", "purchase_orders"))
"""


def test_the_five_lines_of_python(tmp_path: Path) -> None:
    with Stranger(Habits(rows=ROWS)) as stranger:
        user = User(stranger, tmp_path, DLT_DATA_DIR=str(tmp_path / "dlt"), PYTHONPATH=str(ROOT))
        subprocess.run([sys.executable, "-c", FIVE_LINES], cwd=tmp_path, env=user.environment, check=True)
        (database,) = tmp_path.glob("*.duckdb")
        found = compare(database, stranger, ("suppliers", "purchase_orders"))
        assert found.differences[:10] == []
        assert found.rows == 2 * ROWS
