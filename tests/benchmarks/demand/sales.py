"""Daily sales to measure on: from a file, of a made-up parts store, or of the sandbox."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Flags = NDArray[numpy.bool_]


@dataclass(frozen=True)
class Sales:
    """Units sold of each article (row) on each day (column), and prices; articles are taken to be always in stock."""

    name: str
    articles: tuple[str, ...]
    first_day: date
    units: Floats
    prices: Floats

    @property
    def days(self) -> int:
        """The number of days."""
        return self.units.shape[1]

    def day(self, number: int) -> date:
        """The date of a column."""
        return self.first_day + timedelta(days=number)

    def first_sales(self) -> NDArray[numpy.int64]:
        """The column of each article's first sale; the number of days if it was never sold."""
        sold = self.units > 0
        return numpy.where(sold.any(1), sold.argmax(1), self.days)

    def between(self, begin: int, days: int) -> Floats:
        """Units sold of each article in the `days` days after day `begin`."""
        return self.units[:, begin + 1 : begin + 1 + days].sum(1)

    def sample(self, share: float) -> "Sales":
        """A share of the articles."""
        chosen = numpy.arange(len(self.articles)) % round(1 / share) == 0
        return Sales(
            self.name,
            tuple(article for article, is_chosen in zip(self.articles, chosen, strict=True) if is_chosen),
            self.first_day,
            self.units[chosen],
            self.prices[chosen],
        )


def from_file(path: Path, articles: Path | None = None) -> Sales:
    """Read a Parquet or CSV file with the columns sku, day, quantity.

    The price is the median of the file's column `price`. Without that column, it is the first column with `price` in
    its name of `articles`, or of a file `*articles*.parquet` in the same folder. Without prices, it is 1.
    """
    beside = articles or next(iter(sorted(path.parent.glob("*articles*.parquet"))), None)
    with duckdb.connect() as connection:
        connection.execute("create view sales as select * from " + _read(path))
        columns = {row[0] for row in connection.execute("describe sales").fetchall()}
        found = connection.execute(
            "select sku, day, sum(quantity)"
            + (", median(price)" if "price" in columns else ", null")
            + " from sales where quantity > 0 group by sku, day order by sku, day"
        ).fetchall()
        prices: dict[str, float] = {str(row[0]): float(row[3]) for row in found if row[3] is not None}
        if beside is not None and not prices:
            described = connection.execute("describe select * from " + _read(beside)).fetchall()
            price = next(row[0] for row in described if "price" in row[0])
            prices = {
                str(sku): float(value)
                for sku, value in connection.execute(
                    f'select sku, "{price}" from ' + _read(beside)
                ).fetchall()
                if value is not None
            }
    names = tuple(sorted({str(row[0]) for row in found}))
    rows = {name: row for row, name in enumerate(names)}
    first, last = min(row[1] for row in found), max(row[1] for row in found)
    units = numpy.zeros((len(names), (last - first).days + 1))
    for sku, day, quantity, _ in found:
        units[rows[str(sku)], (day - first).days] += float(quantity)
    usual = float(numpy.median(list(prices.values()))) if prices else 1.0
    return Sales(path.name, names, first, units, numpy.array([prices.get(name, usual) for name in names]))


def _read(path: Path) -> str:
    reader = "read_csv" if path.suffix == ".csv" else "read_parquet"
    return f"{reader}('{path}')"


def parts_store(articles: int = 1_500, days: int = 730, seed: int = 4) -> Sales:
    """Spare parts without seasons: most sell a few times a year, one to ten at a time; some start late or end early."""
    chance = numpy.random.default_rng(seed)
    rate = numpy.exp(chance.normal(-4.2, 1.3, articles))
    size = 1 + chance.gamma(0.6, 3.0, articles)
    begin = numpy.where(chance.random(articles) < 0.15, chance.integers(0, days, articles), 0)
    end = numpy.where(chance.random(articles) < 0.15, chance.integers(0, days, articles), days)
    number = numpy.arange(days)
    on_sale = (number >= begin[:, None]) & (number < end[:, None])
    orders = chance.poisson(rate[:, None] * on_sale)
    units = numpy.where(orders > 0, chance.negative_binomial(orders.clip(1), 1 / size[:, None]) + orders, 0)
    sold = units.sum(1) > 0
    return Sales(
        "a made-up parts store",
        tuple(f"part-{row:04d}" for row in numpy.flatnonzero(sold)),
        date(2024, 1, 1),
        units[sold].astype(float),
        numpy.exp(chance.normal(2.5, 1.2, articles))[sold],
    )


def sandbox(seed: int = 1) -> Sales:
    """The demand of customers of the medium sandbox's web warehouse, drawn from the sandbox's true rates.

    It has trends, seasons, weekdays, promotions, drifting levels, articles that start and end, and project orders.
    """
    from omnium_sandbox.data import generate

    today = date(2026, 11, 28)
    truth = generate("medium", seed, today).truth
    chance = numpy.random.default_rng(seed)
    items = sorted(
        (item for item in truth.demand.values() if item.warehouse_code == "oslo-central"),
        key=lambda one: one.sku,
    )
    first, last = items[0].first_day, items[0].last_day
    days = numpy.arange((last - first).days + 1, dtype=float)
    units = numpy.zeros((len(items), len(days)))
    for row, item in enumerate(items):
        for stream in item.streams:
            size = sum(stream.quantities) / len(stream.quantities)
            for quantity in set(stream.quantities):
                share = stream.quantities.count(quantity) / len(stream.quantities)
                units[row] += quantity * chance.poisson(stream.curve.on(days) / size * share)
        for day, quantity in item.project_orders:
            units[row, (day - first).days] += quantity
    sold = units.sum(1) > 0
    return Sales(
        "the sandbox",
        tuple(item.sku for item, is_sold in zip(items, sold, strict=True) if is_sold),
        first,
        units[sold],
        numpy.exp(chance.normal(3.0, 1.0, len(items)))[sold],
    )
