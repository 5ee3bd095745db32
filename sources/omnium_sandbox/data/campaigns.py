"""Rows of promotions, of their price lists with planned volumes, and the opening hours of stores."""

from datetime import date, timedelta

from omnium_sandbox.data.catalogue import Article, Catalogue, Promotion, Warehouse
from omnium_sandbox.data.demand import DAYS_AHEAD, planned_volume
from omnium_sandbox.data.filler import Filler
from omnium_sandbox.rows import Row

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def put_campaigns(to: Filler) -> None:
    """Write every promotion of the catalogue with its price list, whose items have planned volumes."""
    for promotion in to.catalogue.promotions:
        _put_campaign(to, promotion)


def _put_campaign(to: Filler, promotion: Promotion) -> None:
    catalogue = to.catalogue
    begins = _stamp(catalogue, promotion.first_day)
    ends = _stamp(catalogue, promotion.last_day + 1)
    made = _stamp(catalogue, min(promotion.first_day - 21, catalogue.scale.days - 2))
    articles = [catalogue.articles[number] for number in promotion.articles]
    promotion_id, list_id = (
        f"CAMPAIGN{promotion.number + 1:03d}",
        f"pl-campaign-{promotion.number + 1:03d}",
    )
    to.put(
        "promotions",
        {
            "id": promotion_id,
            "name": f"Kampanjeuke {promotion.number + 1}",
            "title": f"Kampanjeuke {promotion.number + 1}",
            "markets": ["nor"],
            "activeFrom": begins,
            "activeTo": ends,
            "deactivated": False,
            "priority": 1,
            "promotionData": {
                "promotionType": "Percent",
                "reward": {"usePercentage": True, "percentage": 25},
                "categoryAndBrandFilter": {"products": [_promoted(article) for article in articles]},
            },
            "createdDate": made,
            "updatedDate": made,
        },
    )
    to.put(
        "price_lists",
        {
            "id": list_id,
            "name": f"Kampanjeuke {promotion.number + 1}",
            "currencyCode": "NOK",
            "isActive": True,
            "promotionId": promotion_id,
            "validFrom": begins,
            "validTo": ends,
            "created": made,
            "modified": made,
        },
    )
    volume = planned_volume(promotion, catalogue.cells)
    for place, article in enumerate(articles):
        row = list_item(list_id, place, article, round(article.price * 0.75, 2), made)
        if article.number in volume:
            row["plannedSalesVolume"] = volume[article.number]
        to.put("price_list_items", row)


def list_item(list_id: str, place: int, article: Article, price: float, created: str) -> Row:
    """An article's price on a price list."""
    return {
        "id": f"{list_id}-{place}",
        "priceListId": list_id,
        "skuId": article.sku,
        "productId": article.product_id,
        "name": article.name,
        "unitPrice": price,
        "cost": article.cost,
        "isActive": True,
        "created": created,
    }


def _promoted(article: Article) -> Row:
    return {
        "productId": article.sku,
        "isSku": True,
        "parentId": article.product_id,
        "productName": article.name,
        "brand": article.brand,
    }


def _stamp(catalogue: Catalogue, day: int) -> str:
    return f"{catalogue.first_day + timedelta(days=day)}T00:00:00Z"


def opening_hours(warehouse: Warehouse, first_day: date, days: int) -> Row:
    """The fields for the opening hours of a place: those of each weekday, and the days on which it is closed."""
    row: Row = {}
    for weekday, factor in zip(_WEEKDAYS, warehouse.opening.weekdays, strict=True):
        hours = {"isOpen": True, "openFrom": "09:00", "openTo": "20:00"}
        row[f"{weekday}OpeningHours"] = hours if factor > 0 else {"isOpen": False}
    closed = sorted(day for day in warehouse.opening.closed_days if day < days + DAYS_AHEAD)
    refit = warehouse.refit or (0, -1)
    if closed:
        row["additionalOpeningHours"] = [
            {
                "date": f"{first_day + timedelta(days=day)}T00:00:00Z",
                "closed": True,
                "label": "Oppussing" if refit[0] <= day <= refit[1] else "Helligdag",
            }
            for day in closed
        ]
    return row
