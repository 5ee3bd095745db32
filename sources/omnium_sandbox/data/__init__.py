"""Generate a tenant's data. The same seed, size and day give the same rows, byte for byte; another day shifts them.

catalogue        suppliers, warehouses and articles, with their true parameters
demand           true demand, with season, weekdays, trend and promotions
showcase         articles that each show one situation of a purchaser
trade            simulates the days of the history
├── history        time, stock, transactions and the event log
├── sales          what customers buy; customer_order: one of their orders
└── purchases      what buyers order; purchase_rows: these orders as rows
filler           writes rows that do not come from the simulation
├── masters        suppliers, stores, products, prices, customers
├── campaigns      promotions, their price lists, opening hours
├── others         rows that refer to orders, and a few rows of every other resource
└── people         made-up persons
filled           any number of orders, built on the fly
└── uneven         orders of which no two have the same fields
odd              rows with faults
"""

import random
from dataclasses import replace
from datetime import date, timedelta

import numpy

from omnium_sandbox.data.campaigns import put_campaigns
from omnium_sandbox.data.catalogue import (
    CENTRAL,
    PLACES,
    SCALES,
    Catalogue,
    Size,
    make_articles,
    make_suppliers,
)
from omnium_sandbox.data.demand import make_cells, make_promotions, open_warehouses
from omnium_sandbox.data.filled import Orders, generated_orders
from omnium_sandbox.data.filler import Filler
from omnium_sandbox.data.masters import customers, prices, products, stores, suppliers
from omnium_sandbox.data.odd import put_odd_rows
from omnium_sandbox.data.others import around_orders, remainder
from omnium_sandbox.data.people import make_people
from omnium_sandbox.data.showcase import add_showcase
from omnium_sandbox.data.trade import trade
from omnium_sandbox.tenant import Tenant
from omnium_sandbox.truth import DemandStream, DemandTruth, LeadTimeTruth, Truth

__all__ = ["Size", "generate"]

DRAWS = date(2026, 11, 30)
"""Part of every seed instead of `today`, so that a tenant is the same one on every day: a figure of the demo or a test
that holds on one day holds on the next. Any other date would do, and give other tenants."""


def generate(
    size: Size,
    seed: int,
    today: date,
    *,
    odd_data: bool = False,
    filled: bool = False,
    uneven: bool = False,
    orders: int | None = None,
) -> Tenant:
    """A tenant of this size whose history ends on the evening before `today`.

    `orders` replaces the orders of the history by that many, built on the fly: lean ones (about 2.5 KB), with `filled`
    ones that fill all fields of the description (about 24 KB), with `uneven` ones of which no two have the same fields
    (about 18 KB). `filled` and `uneven` without `orders` make 10,000.
    """
    tenant = Tenant()
    if size != "empty":
        choice = random.Random(f"{seed} {size} {DRAWS}")
        generator = numpy.random.default_rng([seed, len(size), DRAWS.toordinal()])
        catalogue = make_catalogue(size, today, choice)
        people = make_people(catalogue.scale.customers, choice)
        recent = trade(
            tenant, catalogue, people, choice, generator, keep_orders=not (filled or uneven or orders)
        )
        to = Filler(tenant, catalogue, people, choice)
        suppliers(to)
        stores(to)
        products(to)
        prices(to)
        put_campaigns(to)
        customers(to)
        around_orders(to, recent)
        remainder(to)
        tenant.truth = truth_of(catalogue)
    if filled or uneven or orders:
        kind: Orders = "uneven" if uneven else "filled" if filled else "lean"
        tenant.collections["orders"] = generated_orders(orders or 10_000, today, kind, seed)
    if odd_data:
        put_odd_rows(tenant, today)
    return tenant


def truth_of(catalogue: Catalogue) -> Truth:
    """The true lead times and demand of a catalogue."""
    truth = Truth()
    for supplier in catalogue.suppliers:
        placed = sum(supplier.lines) or 1
        truth.lead_times[supplier.id] = LeadTimeTruth(
            supplier_id=supplier.id,
            kind=supplier.kind,
            configured_days=supplier.configured_days,
            regimes=supplier.regimes,
            regime_starts=[
                date.fromordinal(catalogue.first_day.toordinal() + day) for day in supplier.starts
            ],
            weights=[count / placed for count in supplier.lines]
            if sum(supplier.lines)
            else [1.0] + [0.0] * (len(supplier.regimes) - 1),
        )
    through_packages: dict[tuple[int, int], list[DemandStream]] = {}
    for cell in catalogue.cells:
        for part, quantity in catalogue.articles[cell.article].components:
            curve = replace(cell.curve, base=cell.curve.base * quantity)
            stream = DemandStream(curve, tuple(units * quantity for units in cell.quantities))
            through_packages.setdefault((part, cell.warehouse), []).append(stream)
    for cell in catalogue.cells:
        article = catalogue.articles[cell.article]
        if article.is_package:
            continue
        key = (article.sku, catalogue.warehouses[cell.warehouse].code)
        extra = through_packages.get((cell.article, cell.warehouse), [])
        truth.demand[key] = DemandTruth(
            *key,
            article.pattern,
            (DemandStream(cell.curve, cell.quantities), *extra),
            catalogue.first_day,
            catalogue.last_day,
            tuple((catalogue.first_day + timedelta(days=day), units) for day, units in cell.project_orders),
        )
    assert all(warehouse == CENTRAL for _, warehouse in through_packages)
    return truth


def make_catalogue(size: Size, today: date, choice: random.Random) -> Catalogue:
    """Suppliers, articles and demand of a tenant of this size whose history ends the day before `today`."""
    scale = SCALES[size]
    first_day = today - timedelta(days=scale.days)
    warehouses = open_warehouses(PLACES[: scale.stores + 1], first_day, scale.days)
    suppliers = make_suppliers(scale, choice)
    articles = make_articles(scale, choice)
    promotions = make_promotions(scale, articles, choice)
    cells = make_cells(scale, articles, warehouses, promotions, first_day, choice)
    cell_of = {(cell.article, cell.warehouse): cell for cell in cells}
    catalogue = Catalogue(scale, first_day, warehouses, suppliers, articles, cells, cell_of, promotions)
    add_showcase(catalogue)
    return catalogue
