"""Tables that grow by what is new: after anything that may happen between two builds they equal a whole build."""

import dataclasses
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import hypothesis
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from hypothesis import strategies
from omnium_elt.infra.home import Home, Settings
from omnium_elt.infra.project_files import TRANSFORMS
from omnium_elt.steps import transform
from omnium_elt.steps.dbt_commands import dbt_arguments, dbt_environment
from omnium_elt.warehouse import build_state, database

from tests.support.by_key import BY_KEY, differences
from tests.support.parsing import share_parsing

pytestmark = pytest.mark.slow

ORDER = "(select _dlt_id from omnium.orders order by hash(concat(_dlt_id, '{n}')) limit 1)"
LINE = "(select _dlt_id from omnium.orders__order_form__line_items order by hash(concat(_dlt_id, '{n}')) limit 1)"
ROOT = f"(select _dlt_root_id from omnium.orders__order_form__line_items where _dlt_id = {LINE})"
TRANSACTION = (
    "(select _dlt_id from omnium.inventory_transactions order by hash(concat(_dlt_id, '{n}')) limit 1)"
)
OTHER = "(select {column} from omnium.inventory_transactions order by hash(concat(_dlt_id, '-{n}')) limit 1)"
OTHER_SKU, OTHER_PLACE = (OTHER.replace("{column}", column) for column in ("variant", "warehouse_code"))
PURCHASE = "(select _dlt_id from omnium.purchase_orders order by hash(concat(_dlt_id, '{n}')) limit 1)"
PURCHASE_LINES = "omnium.purchase_orders__purchase_order_form__line_items"
PURCHASE_LINE = f"(select _dlt_id from {PURCHASE_LINES} order by hash(concat(_dlt_id, '{{n}}')) limit 1)"
RECEIPT = (
    "(select _dlt_id from omnium.inventory_transactions where purchase_order_id is not null "
    "order by hash(concat(_dlt_id, '{n}')) limit 1)"
)
LOADED = "update omnium.orders set _dlt_load_id = '{load}' where _dlt_id = " + ROOT

EVENTS = {
    "more ordered": (
        "update omnium.orders__order_form__line_items set quantity = quantity + 7 "
        f"where _dlt_id = {LINE}; {LOADED}"
    ),
    "another article ordered": (
        f"update omnium.orders__order_form__line_items set code = {OTHER_SKU} where _dlt_id = {LINE}; {LOADED}"
    ),
    "line to be canceled": (
        "update omnium.orders__order_form__line_items set canceled_quantity = 1, "
        f"canceled_date = cast('{{today}}' as timestamptz) - interval 20 days where _dlt_id = {LINE}; {LOADED}"
    ),
    "line gone": f"{LOADED}; delete from omnium.orders__order_form__line_items where _dlt_id = {LINE}",
    "order canceled": (
        "update omnium.orders set status = 'OrderCanceled', _dlt_load_id = '{load}' where _dlt_id = " + ORDER
    ),
    "order loaded again": "update omnium.orders set _dlt_load_id = '{load}' where _dlt_id = " + ORDER,
    "orders deleted": "update omnium.orders set _omnium_deleted_at = now() where hash(concat(_dlt_id, '{n}')) % 20 = 0",
    "orders there again": "update omnium.orders set _omnium_deleted_at = null",
    "late order": (
        "insert into omnium.orders select * replace (_dlt_id || '-{n}' as _dlt_id, id || '-{n}' as id, "
        "created - interval 100 days as created, '{load}' as _dlt_load_id) from omnium.orders where _dlt_id = "
        + ORDER
        + "; insert into omnium.orders__order_form__line_items select * replace (_dlt_id || '-{n}' as _dlt_id, "
        "_dlt_root_id || '-{n}' as _dlt_root_id) from omnium.orders__order_form__line_items "
        "where _dlt_root_id || '-{n}' in (select _dlt_id from omnium.orders where _dlt_load_id = '{load}')"
    ),
    "transaction of another article": (
        f"update omnium.inventory_transactions set variant = {OTHER_SKU}, _dlt_load_id = '{{load}}' "
        f"where _dlt_id = {TRANSACTION}"
    ),
    "transaction of another warehouse": (
        f"update omnium.inventory_transactions set warehouse_code = {OTHER_PLACE}, _dlt_load_id = '{{load}}' "
        f"where _dlt_id = {TRANSACTION}"
    ),
    "transaction in other capitals": (
        "update omnium.inventory_transactions set variant = lower(variant) || ' ', _dlt_load_id = '{load}' "
        f"where _dlt_id = {TRANSACTION}"
    ),
    "transaction gone": f"delete from omnium.inventory_transactions where _dlt_id = {TRANSACTION}",
    "transactions deleted": (
        "update omnium.inventory_transactions set _omnium_deleted_at = now() "
        "where hash(concat(_dlt_id, '{n}')) % 20 = 0"
    ),
    "transactions there again": "update omnium.inventory_transactions set _omnium_deleted_at = null",
    "late transaction": (
        "insert into omnium.inventory_transactions select * replace (_dlt_id || '-{n}' as _dlt_id, "
        "id || '-{n}' as id, transaction_date - interval 50 days as transaction_date, "
        f"'{{load}}' as _dlt_load_id) from omnium.inventory_transactions where _dlt_id = {TRANSACTION}"
    ),
    "article virtual": (
        "update omnium.products set is_virtual = not coalesce(is_virtual, false), "
        "_dlt_load_id = '{load}' where hash(concat(_dlt_id, '{n}')) % 10 = 0"
    ),
    "store virtual": (
        "update omnium.stores set is_virtual = not coalesce(is_virtual, false), _dlt_load_id = '{load}' "
        "where _dlt_id = (select _dlt_id from omnium.stores order by hash(concat(_dlt_id, '{n}')) limit 1)"
    ),
    "return gone": (
        "update omnium.returns set _omnium_deleted_at = now() "
        "where _dlt_id = (select _dlt_id from omnium.returns order by hash(concat(_dlt_id, '{n}')) limit 1)"
    ),
}
PURCHASING = {
    "more purchased": f"update {PURCHASE_LINES} set quantity = quantity + 7 where _dlt_id = {PURCHASE_LINE}; "
    "{purchase_loaded}",
    "promise moved": (
        f"update {PURCHASE_LINES} set estimated_time_of_arrival = "
        f"cast('{{today}}' as timestamptz) + interval '{{n}} days' "
        f"where _dlt_id = {PURCHASE_LINE}; {{purchase_loaded}}"
    ),
    "purchased line gone": (
        f"{{purchase_loaded}}; delete from {PURCHASE_LINES} where _dlt_id = {PURCHASE_LINE}"
    ),
    "purchased in other capitals": (
        f"update {PURCHASE_LINES} set code = lower(code) where _dlt_id = {PURCHASE_LINE}; {{purchase_loaded}}"
    ),
    "purchase canceled": (
        "update omnium.purchase_orders set status = 'Canceled', _dlt_load_id = '{load}', "
        f"modified = cast('{{today}}' as timestamptz) where _dlt_id = {PURCHASE}"
    ),
    "purchase to be canceled": (
        "update omnium.purchase_orders set status = 'Canceled', _dlt_load_id = '{load}', "
        f"modified = cast('{{today}}' as timestamptz) + interval 20 days where _dlt_id = {PURCHASE}"
    ),
    "purchase to be placed": (
        "update omnium.purchase_orders set created = cast('{today}' as timestamptz) + interval 10 days, "
        f"_dlt_load_id = '{{load}}' where _dlt_id = {PURCHASE}"
    ),
    "purchase draft": (
        f"update omnium.purchase_orders set status = 'New', _dlt_load_id = '{{load}}' where _dlt_id = {PURCHASE}"
    ),
    "purchases deleted": (
        "update omnium.purchase_orders set _omnium_deleted_at = now() where hash(concat(_dlt_id, '{n}')) % 20 = 0"
    ),
    "purchases there again": "update omnium.purchase_orders set _omnium_deleted_at = null",
    "receipt of another purchase": (
        "update omnium.inventory_transactions set purchase_order_id = (select id from omnium.purchase_orders "
        f"where _dlt_id = {PURCHASE}), _dlt_load_id = '{{load}}' where _dlt_id = {RECEIPT}"
    ),
    "receipt of more": (
        "update omnium.inventory_transactions set inventory_change = inventory_change + 5, _dlt_load_id = '{load}' "
        f"where _dlt_id = {RECEIPT}"
    ),
    "receipt gone": f"delete from omnium.inventory_transactions where _dlt_id = {RECEIPT}",
    "receipt to come": (
        "update omnium.inventory_transactions set transaction_date = cast('{today}' as timestamptz) + "
        "interval 15 days, "
        f"_dlt_load_id = '{{load}}' where _dlt_id = {RECEIPT}"
    ),
    "delivery late": (
        "update omnium.deliveries set estimated_time_of_arrival = estimated_time_of_arrival + interval 9 days, "
        "modified = cast('{today}' as timestamptz), _dlt_load_id = '{load}' where hash(concat(_dlt_id, '{n}')) % 10 = 0"
    ),
    "supplier slower": (
        "update omnium.suppliers set default_lead_time = coalesce(default_lead_time, 0) + 3, _dlt_load_id = '{load}', "
        "modified = cast('{today}' as timestamptz) "
        "where _dlt_id = (select _dlt_id from omnium.suppliers order by hash(concat(_dlt_id, '{n}')) limit 1)"
    ),
    "status logged": (
        "insert into omnium.event_log select * replace (_dlt_id || '-{n}' as _dlt_id, id || '-{n}' as id, "
        "'Canceled' as status, '{load}' as _dlt_load_id) from omnium.event_log where object_id in "
        f"(select id from omnium.purchase_orders where _dlt_id = {PURCHASE})"
    ),
}
EVENTS |= {
    name: sql.replace(
        "{purchase_loaded}",
        "update omnium.purchase_orders set _dlt_load_id = '{load}', modified = cast('{today}' as timestamptz) "
        f"where _dlt_id = (select _dlt_root_id from {PURCHASE_LINES} where _dlt_id = {PURCHASE_LINE})",
    )
    for name, sql in PURCHASING.items()
}
"""What may happen to raw rows between two builds. {n}: a number that picks the row; {load}: the id of a later load."""


@dataclasses.dataclass(frozen=True)
class Build:
    """What happened, and the build that follows.

    So many days from the newest load's, with another time zone, one that ends within the model of that name, or whole
    ones in parts of so many rows.
    """

    events: tuple[tuple[str, int], ...] = ()
    days: int = 0
    time_zone: str | None = None
    ends_within: str | None = None
    rows_at_once: int | None = None


class Tenant:
    """A home with a small tenant, its models built by key again and again."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._loads = itertools.count(9_000_000_000)
        with duckdb.connect(str(home.working_database)) as connection:
            self._today = database.newest_load(connection, "UTC")[0] or date.max
            # Columns that this tenant has not filled yet.
            for table, column, kind in (
                ("orders__order_form__line_items", "canceled_quantity", "bigint"),
                ("orders__order_form__line_items", "canceled_date", "timestamptz"),
                ("products", "is_virtual", "boolean"),
                ("stores", "is_virtual", "boolean"),
            ):
                connection.execute(f"alter table omnium.{table} add column if not exists {column} {kind}")

    def build(self, build: Build) -> None:
        """Let it happen, and build. One that ends within a model leaves everything as it was."""
        with duckdb.connect(str(self._home.working_database)) as connection:
            for event, number in build.events:
                names = {"n": number, "load": f"{next(self._loads)}.0", "today": self._today}
                connection.execute(EVENTS[event].format(**names))
        named = {"time_zone": build.time_zone, "rows_at_once": build.rows_at_once}
        settings = Settings(
            home=self._home, variables={name: value for name, value in named.items() if value is not None}
        )
        with database.connect(self._home.working_database) as connection:
            raw = database.fingerprint(connection)
            build_state.prepare(connection, raw, transform.project_digest(), settings.variables)
        day = self._today + timedelta(days=build.days)
        share_parsing()
        with dbt_environment(settings), ending_within(build.ends_within):
            answer = dbtRunner().invoke(
                dbt_arguments(
                    settings,
                    "build",
                    "--select",
                    *(f"+{name}" for name in BY_KEY),
                    "--exclude-resource-type",
                    "unit_test",
                    "--exclude-resource-type",
                    "test",
                    as_of=day,
                )
            )
        assert answer.success or build.ends_within, [
            result.message for result in answer.result.results if result.status == "error"
        ]

    def differences(self) -> dict[str, tuple[int, int]]:
        """Per model, rows that a whole build of it would not have, and rows that only that would have."""
        with duckdb.connect(str(self._home.working_database), read_only=True) as connection:
            return differences(connection, self._home.dbt / "target" / "compiled")

    def wrong_states(self) -> list[Any]:
        """Lines whose newest state in the history is not what they are, and such as have two of them."""
        line = (
            "select purchase_order_line_id, status, ordered_quantity, canceled_quantity, delivered_quantity, "
            "promised_date, promise_source"
        )
        states = f"{line} from snapshots.purchase_order_line_history where dbt_valid_to is null"
        with duckdb.connect(str(self._home.working_database), read_only=True) as connection:
            return connection.execute(
                f"""
                ({line} from intermediate.int_purchase_order_line_promises except all {states})
                union all
                {states} qualify count(*) over (partition by purchase_order_line_id) > 1
                """
            ).fetchall()

    def plans(self) -> dict[str, str]:
        """Per model, how DuckDB would build it with the settings of the profile, in JSON."""
        profile = yaml.safe_load((TRANSFORMS / "profiles.yml").read_text(encoding="utf-8"))
        with duckdb.connect(str(self._home.working_database), read_only=True) as connection:
            for name, value in profile["omnium"]["outputs"]["duckdb"]["settings"].items():
                if "{{" not in str(value):
                    connection.execute(f"set {name} = '{value}'")
            compiled = {name: next(self._home.dbt.rglob(f"target/compiled/**/{name}.sql")) for name in BY_KEY}
            return {
                name: str(connection.execute(f"explain (format json) {path.read_text('utf-8')}").fetchall())
                for name, path in compiled.items()
            }

    def rows_at(self) -> dict[str, set[int]]:
        """Per model the ids of its rows: a row that is written again has another one."""
        with duckdb.connect(str(self._home.working_database), read_only=True) as connection:
            return {
                name: {row[0] for row in connection.execute(f"select rowid from {schema}.{name}").fetchall()}
                for name, schema in BY_KEY.items()
            }


@contextmanager
def ending_within(model: str | None) -> Iterator[None]:
    """Within it, the statement that brings the model's new rows fails."""
    if model is None:
        yield
        return
    add_query = DuckDBConnectionManager.add_query

    def failing(manager: Any, sql: str, *arguments: Any, **named: Any) -> Any:
        if f'"{model}" by name' in sql:
            raise KeyError("ended on purpose")
        return add_query(manager, sql, *arguments, **named)

    with mock.patch.object(DuckDBConnectionManager, "add_query", failing):
        yield


@contextmanager
def inserts() -> Iterator[list[str]]:
    """The models to whose rows a statement of the `with` adds some, once for each statement."""
    add_query, found = DuckDBConnectionManager.add_query, list[str]()

    def noting(manager: Any, sql: str, *arguments: Any, **named: Any) -> Any:
        found.extend(name for name in BY_KEY if f'"{name}" by name' in sql)
        return add_query(manager, sql, *arguments, **named)

    with mock.patch.object(DuckDBConnectionManager, "add_query", noting):
        yield found


@contextmanager
def tenant(finished_home: Path) -> Iterator[Tenant]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(finished_home, Path(folder, "home"))
        yield Tenant(Home(Path(folder, "home")))


events = strategies.lists(
    strategies.tuples(strategies.sampled_from(sorted(EVENTS)), strategies.integers(0, 99)), max_size=4
).map(tuple)
builds = strategies.builds(
    Build,
    events=events,
    days=strategies.sampled_from([0, 0, -1, 1, -40, 30]),
    time_zone=strategies.sampled_from([None, None, "Pacific/Auckland"]),
    ends_within=strategies.sampled_from([None, None, *BY_KEY]),
)


@hypothesis.given(several=strategies.lists(builds, min_size=2, max_size=3))
@hypothesis.settings(
    max_examples=max(2, hypothesis.settings().max_examples // 100),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    phases=[hypothesis.Phase.generate],
)
def test_whatever_happens_they_equal_a_whole_build(finished_home: Path, several: list[Build]) -> None:
    with tenant(finished_home) as built:
        for build in several:
            built.build(build)
        built.build(dataclasses.replace(several[-1], events=(), ends_within=None))
        assert built.differences() == {}
        assert built.wrong_states() == []


def test_each_kind_of_change_is_found(finished_home: Path) -> None:
    with tenant(finished_home) as built:
        built.build(Build())
        names = list(EVENTS)
        for days, some in ((0, names[0::3]), (1, names[1::3]), (0, names[2::3]), (-40, [])):
            built.build(Build(tuple((event, 7) for event in some), days=days))
            assert built.differences() == {}, some
            assert built.wrong_states() == [], some


def test_a_whole_build_in_parts_has_the_same_rows(finished_home: Path) -> None:
    with tenant(finished_home) as built:
        with inserts() as found:
            built.build(Build(time_zone="Pacific/Auckland", rows_at_once=200))
        assert built.differences() == {}
        assert set(found) == set(BY_KEY)
        built.build(Build((("more ordered", 7), ("late transaction", 7)), rows_at_once=200))
        assert built.differences() == {}


def test_no_table_is_kept_whole_because_a_model_reads_it_twice(finished_home: Path) -> None:
    with tenant(finished_home) as built:
        built.build(Build())
        kept = {name for name, plan in built.plans().items() if "common_subplan" in plan}
        assert kept == set(), "every part, and every changed key, would read all rows into memory"


def test_a_new_day_and_a_changed_row_leave_the_rows_of_others(finished_home: Path) -> None:
    with tenant(finished_home) as built:
        built.build(Build())
        before = built.rows_at()
        built.build(
            Build(
                (("more ordered", 7), ("late transaction", 7), ("promise moved", 7), ("receipt of more", 7)),
                days=1,
            )
        )
        assert built.differences() == {}
        after = built.rows_at()
        kept = {name: len(before[name] & after[name]) / len(before[name]) for name in BY_KEY}
        assert {name for name, share in kept.items() if share > 0.9} == set(BY_KEY), kept
