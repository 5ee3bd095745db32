"""Who and what the retailer has before the first day: suppliers, warehouses, articles, and their truth."""

import math
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import numpy
from numpy.typing import NDArray

from omnium_sandbox.truth import DayDistribution, DemandPattern, RateCurve, SupplierKind

Size = Literal["empty", "small", "medium", "large"]


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    days: int
    orders: int
    lines_per_order: float
    suppliers: int
    products: int
    """Products, before language rows."""
    stores: int
    review_days: int
    """Days between two looks of the buyer at one supplier."""
    cover_days: int
    """Days of demand that one purchase covers."""
    transfer_days: int
    fast_articles: int
    """Articles per supplier that sell well."""
    store_share: float
    """Share of the articles that each store keeps."""
    customers: int
    others: int
    """Rows of each resource that only has to be there."""
    order_span_days: int = 1
    """Demand of so many days may come in one order."""
    transfer_cover_days: int = 10
    """Days of demand that one transfer to a store covers."""
    sold_share: float = 0.92
    """Share of the demand that finds stock, roughly: orders are what is sold."""


SCALES: dict[Size, Scale] = {
    "small": Scale(365, 300, 3.0, 12, 40, 2, 26, 45, 14, 3, 0.5, 80, 12, order_span_days=14),
    "medium": Scale(548, 10_000, 4.5, 60, 1_150, 4, 10, 24, 4, 7, 0.3, 1_500, 60),
    # 16 months: with these lead times a tenth of the purchase orders is then open at the end.
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
"""The first warehouse: online orders, and the source of transfers to the stores."""


@dataclass(frozen=True)
class Warehouse:
    """A place with stock."""

    code: str
    name: str
    city: str
    postal_code: str


_PLACES = [
    ("oslo-central", "Sentrallager Oslo", "Oslo", "0582"),
    ("store-bergen", "Butikk Bergen", "Bergen", "5014"),
    ("store-trondheim", "Butikk Trondheim", "Trondheim", "7011"),
    ("store-stavanger", "Butikk Stavanger", "Stavanger", "4006"),
    ("store-tromso", "Butikk Tromsø", "Tromsø", "9008"),
]
VIRTUAL_CODE = "oslo-web"
"""A virtual stock location of the central warehouse; it shows the same stock again."""
TRANSFER_SUPPLIER = "internal-oslo"


@dataclass
class Supplier:
    """A supplier and how long it really takes."""

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
    """Day from which each regime holds."""
    lines: list[int]
    """Order lines placed in each regime."""
    quoted_days: int
    """What it promises."""
    country: str = "NO"
    earlier_configured: list[tuple[int, int]] = field(default_factory=list)
    """(day, configured days until then): versions before today's."""

    def regime(self, day: int) -> int:
        """Which regime holds on a day."""
        return max(number for number, start in enumerate(self.starts) if start <= day)


@dataclass
class Article:
    """One SKU."""

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
    """(article number, quantity) of a package; it has no stock of its own."""
    is_excluded: bool = False
    """Sold, but not to be purchased (assortment code)."""

    @property
    def is_package(self) -> bool:
        """Whether it is put together from other articles."""
        return bool(self.components)


@dataclass
class Cell:
    """One article at one warehouse: what is wanted of it, and its stock as the days go by."""

    number: int
    article: int
    warehouse: int
    lines_per_day: float
    quantities: tuple[int, ...]
    curve: RateCurve
    is_regular: bool = False
    """Sells nearly the same number of lines each day."""
    on_hand: int = 0
    reserved: int = 0
    on_order: int = 0
    reorder_point: int = 0
    order_up_to: int = 0
    last_moved: float = 300.0
    mirror: bool = False
    """Shown again in the virtual location."""

    @property
    def available(self) -> int:
        """On hand and not promised to anyone."""
        return self.on_hand - self.reserved


@dataclass
class Catalogue:
    """Everything that stands before the first day."""

    scale: Scale
    first_day: date
    warehouses: list[Warehouse]
    suppliers: list[Supplier]
    articles: list[Article]
    cells: list[Cell]
    cell_of: dict[tuple[int, int], Cell]
    """(article, warehouse) -> cell."""

    @property
    def last_day(self) -> date:
        """The last day of the history: the day before today."""
        return self.first_day + timedelta(days=self.scale.days - 1)


def day_distribution(mean: float, cv: float, longest: int) -> DayDistribution:
    """A log-normal duration rounded to whole days, 1 to `longest`."""
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
    """Suppliers of every kind, in turn."""
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
    """Articles: seven in ten products are one SKU, the others have three variants; some packages."""
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
            )
        )
    return articles


_QUANTITIES: dict[str, tuple[int, ...]] = {
    "smooth": (1, 1, 1, 2, 2),
    "erratic": (1, 1, 2, 3, 8),
    "intermittent": (1, 1, 2, 2, 3),
    "lumpy": (1, 1, 2, 4, 8),
    "seasonal": (1, 1, 2, 2, 3),
    "dead": (1, 1, 2),
}


def make_cells(
    scale: Scale, articles: list[Article], suppliers: list[Supplier], stores: int, choice: random.Random
) -> list[Cell]:
    """What is wanted where. Few articles sell daily, some often, most seldom, some no more."""
    wanted = scale.orders * scale.lines_per_order / scale.days / scale.sold_share
    rank: dict[int, int] = {}
    weights: list[float] = []
    star_share = 0.4 * wanted
    stars: set[int] = set()
    star_lines = 0.0
    for article in articles:
        place = rank[article.supplier] = rank.get(article.supplier, -1) + 1
        if article.is_package:
            weights.append(choice.lognormvariate(-1.5, 0.4))
        elif place == 0 and star_lines < star_share and article.number % 3 == 0:
            stars.add(article.number)
            star_lines += 1.1
            weights.append(0.0)
        else:
            weights.append(choice.lognormvariate(0, 0.35) * (1.0 if place < scale.fast_articles else 0.06))
    unit = max(wanted - star_lines, wanted * 0.5) / sum(weights)
    cells: list[Cell] = []
    for article in articles:
        is_star = article.number in stars
        article.pattern = _pattern(article, is_star, choice)
        if not is_star and not article.is_package and choice.random() < 0.04:
            article.discontinued_day = choice.randrange(scale.days // 3, scale.days + 60)
        lines = choice.uniform(1.0, 1.4) if is_star else weights[article.number] * unit
        curve = _curve(article.pattern, scale.days, choice)
        kept = [CENTRAL]
        if not is_star and not article.is_package:
            kept += [store for store in range(1, stores + 1) if choice.random() < scale.store_share]
        shares = [0.55 if len(kept) > 1 else 1.0] + [0.45 / max(1, len(kept) - 1)] * (len(kept) - 1)
        quantities = _QUANTITIES[article.pattern]
        for warehouse, share in zip(kept, shares, strict=True):
            rate = lines * share
            units = rate * sum(quantities) / len(quantities)
            cells.append(
                Cell(
                    number=len(cells),
                    article=article.number,
                    warehouse=warehouse,
                    lines_per_day=rate,
                    quantities=quantities,
                    curve=RateCurve(units, curve.amplitude, curve.phase_days, curve.last_day),
                    is_regular=is_star and article.pattern == "smooth",
                    mirror=warehouse == CENTRAL and not article.is_package and choice.random() < 0.04,
                )
            )
        units = lines * sum(quantities) / len(quantities)
        packs = [size for size in (1, 1, 4, 6, 10, 12, 24) if size <= max(1.0, units * 14)]
        article.pack = choice.choice(packs)
    return cells


def _pattern(article: Article, is_star: bool, choice: random.Random) -> DemandPattern:
    if is_star:
        return "smooth" if choice.random() < 0.75 else "erratic"
    if article.is_package:
        return "intermittent"
    return choice.choices(("intermittent", "lumpy", "seasonal", "dead"), (58, 20, 15, 7))[0]


def _curve(pattern: DemandPattern, days: int, choice: random.Random) -> RateCurve:
    if pattern == "seasonal":
        return RateCurve(1.0, choice.uniform(0.5, 0.9), choice.uniform(0, 365))
    if pattern == "dead":
        return RateCurve(1.0, last_day=round(days * choice.uniform(0.25, 0.6)))
    return RateCurve(1.0)


def demand_events(
    catalogue: Catalogue, generator: numpy.random.Generator
) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64], NDArray[numpy.int64]]:
    """What customers come for: (cell, second since the first day, quantity), by time.

    Times are spread evenly over 06 to 22 o'clock of each day, as receipts are.
    """
    days = catalogue.scale.days
    numbers, positions, moments = [], [], []
    for cell in catalogue.cells:
        # How many are expected by the end of each day; customers come at every whole number of it, give
        # or take one: more evenly than by pure chance, so that a rate can be told within 90 days.
        expected = _expected_lines(cell, days)
        count = int(expected[-1]) + 2
        position = numpy.arange(count)
        due = position + generator.random(count) * (0.3 if cell.is_regular else 1.0) - generator.random()
        inside = (due >= 0) & (due < expected[-1])
        when = numpy.interp(due[inside], expected, numpy.arange(days + 1))
        numbers.append(numpy.full(len(when), cell.number))
        positions.append(position[inside])
        moments.append(numpy.minimum(when.astype(numpy.int64), days - 1))
    number, when = numpy.concatenate(numbers), numpy.concatenate(moments)
    seconds = when * 86_400 + generator.integers(6 * 3_600, 22 * 3_600, len(when))
    quantity = _quantities(catalogue.cells, number, numpy.concatenate(positions), generator)
    order = numpy.argsort(seconds, kind="stable")
    return number[order], seconds[order], quantity[order]


def _expected_lines(cell: Cell, days: int) -> NDArray[numpy.float64]:
    """Order lines expected before each day, from 0 on the first to all of them after the last."""
    curve = RateCurve(cell.lines_per_day, cell.curve.amplitude, cell.curve.phase_days, cell.curve.last_day)
    daily = curve.on(numpy.arange(days, dtype=numpy.float64))
    return numpy.concatenate([[0.0], numpy.cumsum(daily)])


def _quantities(
    cells: list[Cell],
    number: NDArray[numpy.int64],
    position: NDArray[numpy.int64],
    generator: numpy.random.Generator,
) -> NDArray[numpy.int64]:
    """Units per line: each block of a cell's lines has every one of its quantities once, shuffled."""
    shuffled: dict[tuple[int, int], list[int]] = {}
    result = numpy.empty(len(number), dtype=numpy.int64)
    for place, (cell_number, nth) in enumerate(zip(number.tolist(), position.tolist(), strict=True)):
        table = cells[cell_number].quantities
        block, within = divmod(nth, len(table))
        if (cell_number, block) not in shuffled:
            shuffled[cell_number, block] = generator.permutation(table).tolist()
        result[place] = shuffled[cell_number, block][within]
    return result


def make_catalogue(size: Size, today: date, choice: random.Random) -> Catalogue:
    """Suppliers, articles and demand of a tenant of this size whose history ends the day before today."""
    scale = SCALES[size]
    warehouses = [Warehouse(*place) for place in _PLACES[: scale.stores + 1]]
    suppliers = make_suppliers(scale, choice)
    articles = make_articles(scale, choice)
    cells = make_cells(scale, articles, suppliers, scale.stores, choice)
    return Catalogue(
        scale,
        today - timedelta(days=scale.days),
        warehouses,
        suppliers,
        articles,
        cells,
        {(cell.article, cell.warehouse): cell for cell in cells},
    )
