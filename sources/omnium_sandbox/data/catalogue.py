"""What the retailer has before the first day: suppliers, warehouses and articles, with their true parameters."""

import math
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import numpy

from omnium_sandbox.truth import DayDistribution, DemandPattern, OpeningDays, RateCurve, SupplierKind

Size = Literal["empty", "small", "medium", "large"]


@dataclass(frozen=True)
class Scale:
    """The quantities of a tenant's size.

    One record, as it is one row of the table of sizes.
    """

    days: int
    orders: int
    lines_per_order: float
    suppliers: int
    products: int
    """Number of products; each language of a product adds a row."""
    stores: int
    review_days: int
    """Days between two reviews of a supplier by the buyer."""
    cover_days: int
    """Days of demand that one purchase covers."""
    transfer_days: int
    fast_articles: int
    """Articles per supplier that sell well."""
    store_share: float
    """Share of the articles that each store keeps."""
    customers: int
    others: int
    """Rows of each resource that does not come from the simulation."""
    order_span_days: int = 1
    """Days of demand that one customer order may combine."""
    transfer_cover_days: int = 10
    """Days of demand that one transfer to a store covers."""
    sold_share: float = 0.92
    """Approximate share of the demand that finds stock. Demand is `orders` divided by it, as orders are sales."""


SCALES: dict[Size, Scale] = {
    # 15 months, so that a season occurs twice.
    "small": Scale(455, 210, 5.0, 12, 40, 2, 30, 55, 14, 3, 0.5, 80, 12, order_span_days=21),
    "medium": Scale(548, 10_000, 4.5, 60, 1_150, 4, 10, 24, 4, 7, 0.3, 1_500, 60),
    # 16 months: with these lead times a tenth of the purchase orders is open at the end.
    "large": Scale(
        480,
        100_000,
        1.2,
        240,
        15_400,
        4,
        4,
        32,
        3,
        30,
        0.78,
        15_000,
        600,
        transfer_cover_days=60,
        sold_share=0.55,
    ),
}

CENTRAL = 0
"""The number of the central warehouse, which ships online orders and transfers to the stores."""


@dataclass(frozen=True)
class Warehouse:
    """A warehouse or store."""

    code: str
    name: str
    city: str
    postal_code: str
    opening: OpeningDays = field(default_factory=OpeningDays)
    refit: tuple[int, int] | None = None
    """(first day, last day) of the time when the store was closed for renovation."""


PLACES = [
    Warehouse("oslo-central", "Sentrallager Oslo", "Oslo", "0582"),
    Warehouse("store-bergen", "Butikk Bergen", "Bergen", "5014"),
    Warehouse("store-trondheim", "Butikk Trondheim", "Trondheim", "7011"),
    Warehouse("store-stavanger", "Butikk Stavanger", "Stavanger", "4006"),
    Warehouse("store-tromso", "Butikk Tromsø", "Tromsø", "9008"),
]
VIRTUAL_CODE = "oslo-web"
"""A virtual location of the central warehouse that shows some of its stock a second time."""
TRANSFER_SUPPLIER = "internal-oslo"


@dataclass
class Supplier:
    """A supplier and its true lead times.

    One record, as its fields are drawn together.
    """

    id: str
    name: str
    kind: SupplierKind
    configured_days: int
    margin_days: int
    interval_days: int
    currency: str
    minimum_amount: float
    maximum_amount: float
    shipment_cost: float
    regimes: list[DayDistribution]
    starts: list[int]
    """The first day of each regime."""
    lines: list[int]
    """Order lines placed in each regime."""
    quoted_days: int
    """The lead time that the supplier promises."""
    country: str = "NO"
    by_truck: bool = False
    """Whether all lines of an order arrive together."""
    earlier_configured: list[tuple[int, int]] = field(default_factory=list)
    """(day, configured days until then) of earlier versions."""

    def regime(self, day: int) -> int:
        """The number of the regime on a day."""
        return max(number for number, start in enumerate(self.starts) if start <= day)


@dataclass
class Article:
    """One SKU.

    One record, as its fields are drawn together.
    """

    number: int
    sku: str
    product_id: str
    name: str
    supplier: int
    pack: int
    can_break_pack: bool
    cost: float
    price: float
    brand: str
    pattern: DemandPattern
    discontinued_day: int | None = None
    components: list[tuple[int, int]] = field(default_factory=list)
    """(article number, quantity) of a package's components. A package has no stock of its own."""
    is_excluded: bool = False
    """Whether it is sold but must not be purchased (assortment code)."""
    category: int = 0
    first_day: int = 0
    """The day of the history on which it came into the range."""

    @property
    def is_package(self) -> bool:
        """Whether it consists of other articles."""
        return bool(self.components)


@dataclass
class Cell:
    """One article at one warehouse: its demand, and its stock on the current day.

    One record, as its fields are the state of one article at one warehouse.
    """

    number: int
    article: int
    warehouse: int
    lines_per_day: float
    quantities: tuple[int, ...]
    curve: RateCurve
    """Expected units per day."""
    project_orders: tuple[tuple[int, int], ...] = ()
    """(day, units) of orders far above the usual size."""
    opening_excess: int = 0
    """Units in stock on the first day beyond the usual stock."""
    forgotten_from_day: int | None = None
    """The day from which the buyer overlooks it."""
    on_hand: int = 0
    reserved: int = 0
    on_order: int = 0
    reorder_point: int = 0
    order_up_to: int = 0
    last_moved: float = 300.0
    mirror: bool = False
    """Whether the virtual location shows it too."""

    @property
    def available(self) -> int:
        """Units on hand that are not reserved."""
        return self.on_hand - self.reserved

    def is_overlooked(self, day: int) -> bool:
        """Whether the buyer overlooks it on this day."""
        return self.forgotten_from_day is not None and self.forgotten_from_day <= day


@dataclass(frozen=True)
class Promotion:
    """A promotion of some articles at all warehouses."""

    number: int
    first_day: int
    last_day: int
    factor: float
    """The factor on demand during the promotion."""
    articles: tuple[int, ...]


@dataclass
class Catalogue:
    """Everything that is decided before the first day."""

    scale: Scale
    first_day: date
    warehouses: list[Warehouse]
    suppliers: list[Supplier]
    articles: list[Article]
    cells: list[Cell]
    cell_of: dict[tuple[int, int], Cell]
    """(article, warehouse) -> cell."""
    promotions: list[Promotion] = field(default_factory=list)

    @property
    def last_day(self) -> date:
        """The last day of the history: the day before today."""
        return self.first_day + timedelta(days=self.scale.days - 1)


def day_distribution(mean: float, cv: float, longest: int) -> DayDistribution:
    """A log-normal distribution, rounded to whole days from 1 to `longest`."""
    sigma = math.sqrt(math.log(1 + cv * cv))
    mu = math.log(mean) - sigma * sigma / 2
    edges = [0.0] + [
        0.5 * (1 + math.erf((math.log(day + 0.5) - mu) / (sigma * math.sqrt(2))))
        for day in range(1, longest + 1)
    ]
    probability = numpy.concatenate([[0.0], numpy.diff(edges)])
    return DayDistribution(probability / probability.sum())


_KINDS: tuple[SupplierKind, ...] = ("reliable", "late", "reliable", "erratic", "late", "drifting", "reliable")
_FIRST = ["Nord", "Fjord", "Berg", "Skog", "Hav", "Elv", "Lys", "Stein", "Vind", "Sol", "Krag", "Tind", "Os"]
_SECOND = ["tekstil", "design", "import", "verk", "handel", "produkter", "møbler", "sport", "leker", "glass"]
_CURRENCIES = ["NOK", "NOK", "NOK", "EUR", "EUR", "SEK", "USD"]


def make_suppliers(scale: Scale, choice: random.Random) -> list[Supplier]:
    """Suppliers of each kind in turn.

    One function, as each draw depends on those before it.
    """
    suppliers = []
    for number in range(scale.suppliers):
        kind = _KINDS[number % len(_KINDS)]
        starts = [0]
        if kind == "reliable":
            regimes = [day_distribution(choice.uniform(8, 65), choice.uniform(0.1, 0.22), 120)]
            configured = regimes[0].quantile(0.5)
            quoted = configured
        elif kind == "late":
            mean = choice.uniform(30, 80)
            regimes = [day_distribution(mean, choice.uniform(0.25, 0.45), 160)]
            quoted = max(2, round(mean * choice.uniform(0.7, 0.9)))
            configured = max(2, round(mean * choice.uniform(0.5, 0.75)))
        elif kind == "erratic":
            mean = choice.uniform(16, 34)
            regimes = [day_distribution(mean, choice.uniform(1.1, 1.3), 180)]
            quoted = max(2, round(mean * 0.8))
            configured = choice.choice([7, 14, 21])
        else:
            mean = choice.uniform(12, 30)
            regimes = [day_distribution(mean * factor, 0.25, 120) for factor in (1.0, 1.4, 1.8)]
            starts = [0, round(scale.days * 0.4), round(scale.days * 0.55)]
            configured = regimes[0].quantile(0.5)
            quoted = configured
        name = f"{_FIRST[number % len(_FIRST)]}{_SECOND[number // len(_FIRST) % len(_SECOND)]}"
        name += " AS" if number < 130 else f" {number} AS"
        minimum = choice.choice([0, 0, 1_000, 2_500, 5_000])
        suppliers.append(
            Supplier(
                id=f"sup-{number + 1:03d}",
                name=name,
                kind=kind,
                configured_days=configured,
                margin_days=choice.choice([0, 0, 2, 3, 5]),
                interval_days=choice.choice([0, 7, 14, 14, 30]),
                currency=choice.choice(_CURRENCIES),
                minimum_amount=float(minimum),
                maximum_amount=float(choice.choice([0, 0, 0, 250_000])),
                shipment_cost=float(choice.choice([0, 150, 450, 900])),
                regimes=regimes,
                starts=starts,
                lines=[0 for _ in regimes],
                quoted_days=quoted,
                country=choice.choice(["NO", "NO", "SE", "DE", "CN"]),
                by_truck=number % 15 == 4,
            )
        )
        if number % 4 == 1:
            days = sorted(choice.sample(range(10, scale.days - 5), choice.randint(1, 3)))
            suppliers[-1].earlier_configured = [
                (day, max(1, configured - choice.randint(1, 6))) for day in days
            ]
    return suppliers


_NOUNS = ["Jakke", "Genser", "Lampe", "Stol", "Kopp", "Teppe", "Sekk", "Lue", "Bok", "Ball", "Krukke", "Skje"]
_ADJECTIVES = ["rød", "blå", "grønn", "hvit", "sort", "liten", "stor", "myk", "klassisk", "lett"]


def make_articles(scale: Scale, choice: random.Random) -> list[Article]:
    """Articles and packages. Seven in ten products are one SKU; the others have three variants.

    One function, as each draw depends on those before it.
    """
    articles: list[Article] = []
    packages = max(2, scale.products // 40)
    for product in range(scale.products - packages):
        product_id = str(10_001 + product)
        variants = 3 if product % 10 in (2, 5, 8) else 1
        supplier = product % scale.suppliers
        brand = f"{_FIRST[supplier % len(_FIRST)]} {supplier % 7}"
        cost = round(choice.lognormvariate(4.2, 0.7), 2)
        noun = f"{_NOUNS[product % len(_NOUNS)]} {_ADJECTIVES[product // len(_NOUNS) % len(_ADJECTIVES)]}"
        for variant in range(variants):
            sku = product_id if variants == 1 else f"{product_id}-{variant + 1}"
            articles.append(
                Article(
                    number=len(articles),
                    sku=sku,
                    product_id=product_id,
                    name=f"{noun} {product_id}" + (f" {'SML'[variant]}" if variants > 1 else ""),
                    supplier=supplier,
                    pack=1,
                    can_break_pack=choice.random() < 0.1,
                    cost=cost,
                    price=round(cost * choice.uniform(1.8, 2.8), 2),
                    brand=brand,
                    pattern="intermittent",
                    is_excluded=choice.random() < 0.01,
                    category=supplier % 12,
                )
            )
    plain = len(articles)
    for package in range(packages):
        product_id = str(90_001 + package)
        parts = choice.sample(range(plain), choice.randint(2, 3))
        components = [(part, choice.choice([1, 1, 2])) for part in parts]
        cost = round(sum(articles[part].cost * quantity for part, quantity in components), 2)
        articles.append(
            Article(
                number=len(articles),
                sku=product_id,
                product_id=product_id,
                name=f"Pakke {product_id}",
                supplier=articles[parts[0]].supplier,
                pack=1,
                can_break_pack=True,
                cost=cost,
                price=round(cost * 2, 2),
                brand="Pakker",
                pattern="intermittent",
                components=components,
                category=articles[parts[0]].category,
            )
        )
    return articles
