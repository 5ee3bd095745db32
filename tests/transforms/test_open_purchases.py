"""How likely an open order still comes within some days, whatever its history, its promise and its age."""

from pathlib import Path

import duckdb
import pytest

from tests.support.models import dbt, write_raw
from tests.support.purchases import build, line, order, receipt, supplier

pytestmark = pytest.mark.slow  # several builds

CHANCES = """
    select
        eta.purchase_order_id, {{ horizon }} as horizon,
        {{ arrival_probability('eta', 'prospects', horizon) }} as probability
    from {{ ref('open_purchase_eta') }} as eta
    left join {{ ref('int_arrival_prospects') }} as prospects
        on eta.prospect_key = prospects.prospect_key
        and {{ horizon }} >= prospects.from_days
        and ({{ horizon }} < prospects.until_days or prospects.until_days is null)
"""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publisher's orders took 5, 7, 7, 10 and 14 days, and four are open after 9, 12, 18 and 28 (30 June 2025)."""
    folder = tmp_path_factory.mktemp("waiting")
    arrived = [(1, 5), (2, 7), (3, 7), (4, 10), (5, 14)]
    open_since = {"nine": 21, "twelve": 18, "eighteen": 12, "twenty-eight": 2}
    write_raw(
        folder,
        {
            "suppliers": [supplier("norstedt"), supplier("new")],
            "purchase_orders": [
                *(order(f"came-{day}", line(f"{day}", "roman", 5), created=f"2025-05-0{day}T08:00:00Z")
                  for day, _ in arrived),
                *(order(name, line(name, "roman", 5), created=f"2025-06-{day:02}T08:00:00Z")
                  for name, day in open_since.items()),
                # Ordered long before the season, for the 4th of July.
                order("for-july", line("j", "roman", 5, estimatedTimeOfArrival="2025-07-04T08:00:00Z"),
                      created="2025-03-01T08:00:00Z"),
                order("for-ever", line("e", "roman", 5), created="2024-01-01T08:00:00Z"),
                order("dateless", line("d", "roman", 5), created="0001-01-01T00:00:00Z"),
            ],
            "inventory_transactions": [
                receipt(f"r{day}", f"came-{day}", "roman", 5, f"2025-05-{day + days:02}T08:00:00Z")
                for day, days in arrived
            ],
        },
        "2025-06-30T20:00:00+00:00",
    )  # fmt: skip
    build(folder, select=("+open_purchase_eta", "+int_arrival_prospects"))
    return folder


def chances(folder: Path, horizon: int) -> dict[str, float]:
    """Purchase order → probability that it comes within so many days."""
    inline = CHANCES.replace("{{ horizon }}", str(horizon)).replace(", horizon)", f", '{horizon}')")
    compiled = dbt(folder, "compile", "--inline", inline, variables={"as_of_date": "2025-06-30"})
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(compiled.results[0].node.compiled_code).fetchall()
    return {name: round(probability, 6) for name, _, probability in rows}


def test_an_order_counts_by_the_chance_that_it_still_comes(waiting: Path) -> None:
    # Eleven rows are watched; those that are open for 9 and 12 days leave before the 10th and the 14th.
    after_9 = (1 - 1 / 11) * (1 - 2 / 10)
    after_10 = after_9 * (1 - 1 / 7)
    after_14 = after_10 * (1 - 1 / 5)
    one, week, year = chances(waiting, 1), chances(waiting, 7), chances(waiting, 365)
    assert one["nine"] == pytest.approx(1 - after_10 / after_9, abs=1e-6)
    assert week["nine"] == pytest.approx(1 - after_14 / after_9, abs=1e-6)
    assert year["nine"] == week["nine"]
    assert one["twelve"] == 0
    assert week["twelve"] == pytest.approx(1 - after_14 / after_10, abs=1e-6)


def test_beyond_all_history_it_fades(waiting: Path) -> None:
    """14 days were the longest. After 18, 28 and 546 days the chance is ever smaller, and never jumps to nothing."""
    week = chances(waiting, 7)
    assert week["eighteen"] == pytest.approx(0.5 ** (4 / 14) * 0.75, abs=1e-6)
    assert week["twenty-eight"] == pytest.approx(0.5 * 0.75)
    assert week["for-ever"] == 0
    assert chances(waiting, 365)["twenty-eight"] == pytest.approx(0.5)


def test_what_is_promised_for_later_comes_when_it_is_promised(waiting: Path) -> None:
    assert [chances(waiting, horizon)["for-july"] for horizon in (3, 4)] == [0, 1]


def test_an_order_without_a_date_counts(waiting: Path) -> None:
    """Nobody knows how long it has been waited for; data_quality tells it."""
    assert chances(waiting, 1)["dateless"] == 1
