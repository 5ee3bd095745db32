"""Days of a zone against Python's zoneinfo: SQL compiled once, asked of zones whose clocks are set in odd ways."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from omnium_elt.warehouse import database

from tests.support.models import dbt

pytestmark = pytest.mark.slow

COMPILED_FOR = "Asia/Kolkata"
SET_BACK_OR_FORWARD = [
    ("Europe/Oslo", "2027-03-28"),
    ("Europe/Oslo", "2026-10-25"),
    # by half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Lord_Howe", "2027-04-04"),
    # no midnight
    ("America/Santiago", "2026-09-06"),
    ("Asia/Beirut", "2027-03-28"),
    # an hour before midnight twice
    ("America/Santiago", "2027-04-03"),
    ("Asia/Beirut", "2026-10-24"),
    # two midnights
    ("Atlantic/Azores", "2026-10-25"),
    ("America/St_Johns", "2026-11-01"),
    ("Pacific/Kiritimati", "2026-12-31"),
]
QUARTER = dt.timedelta(minutes=15)

Ask = Callable[[str, list[dt.datetime]], list[Any]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    inline = """
        select
            {{ local_date('instant') }} as day,
            {{ demand_day_fraction('instant', local_date('instant')) }} as fraction,
            {{ named_day('instant') }} as named_day,
            {{ last_named_day('instant') }} as last_named_day
        from given
        order by instant
    """
    folder = tmp_path_factory.mktemp("days")
    compiled = dbt(folder, "compile", "--inline", inline, variables={"time_zone": COMPILED_FOR})
    code = compiled.results[0].node.compiled_code

    def asked(zone: str, instants: list[dt.datetime]) -> list[Any]:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(
                "create table given as select unnest(?::timestamptz[]) as instant", [list(map(str, instants))]
            )
            return connection.execute(code.replace(COMPILED_FOR, zone)).fetchall()

    return asked


def around(day: str) -> list[dt.datetime]:
    """Three days, a quarter of an hour at a time."""
    first = dt.datetime.fromisoformat(f"{day}T00:00:00+00:00") - dt.timedelta(days=1)
    return [first + number * QUARTER for number in range(3 * 96)]


def beginning(day: dt.date, zone: str) -> dt.datetime:
    """The first quarter of an hour of a day."""
    instants = around(str(day))
    return next(one for one in instants if one.astimezone(ZoneInfo(zone)).date() == day)


@pytest.mark.parametrize(("zone", "day"), SET_BACK_OR_FORWARD)
def test_a_day_and_what_has_passed_of_it(ask: Ask, zone: str, day: str) -> None:
    instants = around(day)
    for instant, (found, fraction, *_) in zip(instants, ask(zone, instants), strict=True):
        local = instant.astimezone(ZoneInfo(zone)).date()
        begin, end = beginning(local, zone), beginning(local + dt.timedelta(days=1), zone)
        assert (found, fraction) == (local, pytest.approx((instant - begin) / (end - begin), abs=1e-12))


@pytest.mark.parametrize(("zone", "day"), SET_BACK_OR_FORWARD)
def test_a_day_counts_from_its_middle_on(zone: str, day: str, tmp_path: Path) -> None:
    """In the program as in the models."""
    local = dt.date.fromisoformat(day)
    begin, end = beginning(local, zone), beginning(local + dt.timedelta(days=1), zone)
    middle = begin + (end - begin) / 2
    with database.connect(tmp_path / "none.duckdb") as connection:
        connection.execute("create schema omnium")
        connection.execute("create table omnium._dlt_loads (inserted_at timestamptz)")
        for instant, is_over in (
            (begin, False),
            (middle - QUARTER, False),
            (middle, True),
            (end - QUARTER, True),
        ):
            connection.execute("delete from omnium._dlt_loads")
            connection.execute("insert into omnium._dlt_loads values (?)", [str(instant)])
            assert database.newest_load(connection, zone) == (local, is_over)


@pytest.mark.parametrize("zone", ["America/St_Johns", "Europe/Oslo", "Pacific/Kiritimati", "UTC"])
def test_midnight_in_utc_names_a_day_in_every_zone(ask: Ask, zone: str) -> None:
    midnight = dt.datetime(2026, 12, 25, tzinfo=dt.UTC)
    ours = dt.datetime(2026, 12, 25, tzinfo=ZoneInfo(zone))
    for instant in (midnight, ours):
        ((*_, named, last),) = ask(zone, [instant])
        assert (named, last) == (dt.date(2026, 12, 25), dt.date(2026, 12, 24))
    for instant in (midnight - dt.timedelta(seconds=1), ours - dt.timedelta(seconds=1)):
        assert ask(zone, [instant])[0][-1] == dt.date(2026, 12, 24)
