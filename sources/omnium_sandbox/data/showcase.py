"""Articles that each show one situation of a purchaser.

Two are seasonal, one is new, one had a project order, one is overstocked, one is in stock at the wrong store, one is on
promotion, and the order of one was lost. Every tenant has them, from two suppliers of their own, so that the demo and
the tests find them by SKU.
"""

from dataclasses import dataclass, replace

from omnium_sandbox.data.catalogue import (
    CENTRAL,
    Article,
    Catalogue,
    Cell,
    Promotion,
    Supplier,
    day_distribution,
)
from omnium_sandbox.truth import DemandPattern, RateCurve, Season

SEASONAL, SEASONAL_TOO, NEW, PROJECT = "50001", "50002", "50003", "50004"
OVERSTOCKED, MISPLACED, PROMOTED, LOST_ORDER = "50005", "50006", "50007", "50008"

SEASON_CATEGORY = 12
"""The category of the two seasonal articles. Its peak is three weeks after the history, on whatever day the tenant is
generated, which is within the time that an order has to cover. It sells enough for last year's sales to be
significant."""
LOST_DAYS_AGO = 190
"""How many days before the end of the history the lost order was placed."""
_BERGEN, _TRONDHEIM = 1, 2


@dataclass(frozen=True)
class _Show:
    """One of these articles."""

    sku: str
    name: str
    lines_per_day: float
    """Order lines per day over all places."""
    quantities: tuple[int, ...]
    cost: float
    pack: int = 1
    pattern: DemandPattern = "intermittent"
    shares: tuple[tuple[int, float], ...] = ((CENTRAL, 1.0),)
    """(warehouse, share of the demand)."""


_SHOWS = (
    _Show(SEASONAL, "Solstol sesong", 0.6, (1, 2, 2, 3), 240.0, 2, "seasonal"),
    _Show(
        SEASONAL_TOO,
        "Parasoll sesong",
        0.5,
        (1, 1, 2),
        310.0,
        1,
        "seasonal",
        ((CENTRAL, 0.7), (_BERGEN, 0.3)),
    ),
    _Show(NEW, "Lykt nyhet", 0.6, (1, 1, 2), 95.0, 6),
    _Show(PROJECT, "Benk prosjektsalg", 0.3, (1, 1, 2), 420.0),
    _Show(OVERSTOCKED, "Vase overlager", 0.08, (1, 1, 2), 130.0, 4),
    _Show(
        MISPLACED,
        "Pute skjevt lager",
        0.4,
        (1, 1, 2),
        85.0,
        1,
        shares=((CENTRAL, 0.3), (_BERGEN, 0.1), (_TRONDHEIM, 0.6)),
    ),
    _Show(PROMOTED, "Krus kampanje", 0.3, (1, 2, 2), 60.0, 6),
    _Show(LOST_ORDER, "Kurv savnet ordre", 0.15, (1, 2), 150.0),
)


def add_showcase(catalogue: Catalogue) -> None:
    """Add the articles, their suppliers, their demand and their promotions to a catalogue."""
    days = catalogue.scale.days
    number = len(catalogue.suppliers)
    catalogue.suppliers += [
        _supplier(number, "Utvalgt Vareimport AS", by_truck=True),
        _supplier(number + 1, "Glemt Leveranse AS", by_truck=False),
    ]
    season = Season(5.0, days + 22.0, 15.0)
    for show in _SHOWS:
        article = Article(
            number=len(catalogue.articles),
            sku=show.sku,
            product_id=show.sku,
            name=show.name,
            supplier=number + (show.sku == LOST_ORDER),
            pack=show.pack,
            can_break_pack=False,
            cost=show.cost,
            price=show.cost * 2.25,
            brand="Utvalgt",
            pattern=show.pattern,
            category=SEASON_CATEGORY if show.pattern == "seasonal" else number % 12,
            first_day=days - 24 if show.sku == NEW else 0,
        )
        catalogue.articles.append(article)
        curve = RateCurve(
            show.lines_per_day * sum(show.quantities) / len(show.quantities),
            season if show.pattern == "seasonal" else None,
            first_day=article.first_day,
        )
        if show.sku == PROMOTED:
            promotion = Promotion(len(catalogue.promotions), days + 4, days + 17, 3.0, (article.number,))
            earlier = Promotion(promotion.number + 1, days - 130, days - 117, 3.0, (article.number,))
            catalogue.promotions += [promotion, earlier]
            periods = tuple((one.first_day, one.last_day, one.factor) for one in (earlier, promotion))
            curve = replace(curve, promotions=periods)
        for warehouse, share in show.shares:
            opening = catalogue.warehouses[warehouse].opening
            cell = Cell(
                number=len(catalogue.cells),
                article=article.number,
                warehouse=warehouse,
                lines_per_day=show.lines_per_day * share,
                quantities=show.quantities,
                curve=replace(curve, base=curve.base * share, opening=opening),
            )
            _arrange(cell, show.sku, days)
            catalogue.cells.append(cell)
            catalogue.cell_of[article.number, warehouse] = cell


def _supplier(number: int, name: str, *, by_truck: bool) -> Supplier:
    """A reliable supplier."""
    return Supplier(
        id=f"sup-{number + 1:03d}",
        name=name,
        kind="reliable",
        configured_days=18,
        margin_days=3,
        interval_days=21,
        currency="NOK",
        minimum_amount=1_500.0,
        maximum_amount=0.0,
        shipment_cost=300.0,
        regimes=[(distribution := day_distribution(18, 0.2, 60))],
        starts=[0],
        lines=[0],
        quoted_days=distribution.quantile(0.5),
        by_truck=by_truck,
    )


def _arrange(cell: Cell, sku: str, days: int) -> None:
    """Set up the situation that the article shows."""
    if sku == PROJECT:
        cell.project_orders = ((days - 20, 90),)
    if sku == OVERSTOCKED:
        cell.opening_excess = 300
    if sku == MISPLACED and cell.warehouse == _BERGEN:
        cell.opening_excess = 160
    elif sku == MISPLACED and cell.warehouse == CENTRAL:
        cell.forgotten_from_day = days - 240
    if sku == LOST_ORDER:
        cell.forgotten_from_day = days - 270
