"""Suppliers with their versions, stores, products, prices and customers."""

from datetime import timedelta

from omnium_sandbox.data.campaigns import list_item, opening_hours
from omnium_sandbox.data.catalogue import (
    TRANSFER_SUPPLIER,
    VIRTUAL_CODE,
    Article,
    Supplier,
)
from omnium_sandbox.data.filler import Filler
from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import version_of


def suppliers(to: Filler) -> None:
    """Suppliers with the chain of their versions, and the internal supplier of transfers to the stores."""
    for number, supplier in enumerate(to.catalogue.suppliers):
        history = [*supplier.earlier_configured, (None, supplier.configured_days)]
        previous: str | None = None
        since: float = to.choice.uniform(0, 5)
        created = to.on(since)
        for version, (until, days) in enumerate(history):
            row = _supplier(to, supplier, number, days)
            row |= {"created": created, "modified": to.on(since)}
            row["versionId"] = f"v{number:03d}-{version}"
            if previous:
                row["previousVersionId"] = previous
            previous = row["versionId"]
            to.put("supplier_versions", version_of(row, "buyer-1" if version else "import", row["modified"]))
            if until is None:
                to.put("suppliers", row)
            else:
                since = until + to.choice.random()
    central = to.catalogue.warehouses[0]
    row = {
        "id": TRANSFER_SUPPLIER,
        "name": central.name,
        "omniumStoreId": central.code,
        "defaultLeadTime": 2,
        "preferredCurrency": "NOK",
        "created": to.on(0.5),
        "modified": to.on(0.5),
        "versionId": "vint-0",
        "storeIds": [warehouse.code for warehouse in to.catalogue.warehouses[1:]],
        "tags": ["internal"],
    }
    to.put("suppliers", row)
    to.put("supplier_versions", version_of(row, "import", row["created"]))


def _supplier(to: Filler, supplier: Supplier, number: int, configured_days: int) -> Row:
    return {
        "id": supplier.id,
        "name": supplier.name,
        "email": f"ordre@leverandor{number}.example.com",
        "phone": f"+472200{number:04d}",
        "defaultLeadTime": configured_days,
        "defaultLeadTimeSafetyMarginDays": supplier.margin_days,
        "defaultOrderIntervalDays": supplier.interval_days,
        "minimumOrderAmount": supplier.minimum_amount,
        "maximumOrderAmount": supplier.maximum_amount,
        "shipmentCost": supplier.shipment_cost,
        "paymentTerms": 30,
        "preferredCurrency": supplier.currency,
        "preferredLanguage": "no",
        "incoterms": "DDP",
        "taxId": f"9{number:08d}",
        "address": {
            "name": supplier.name,
            "line1": f"Industriveien {number + 1}",
            "postalCode": "0580",
            "city": "Oslo",
            "countryCode": supplier.country,
        },
        "contacts": [
            {
                "id": f"{supplier.id}-c1",
                "firstName": "Kontakt",
                "lastName": f"Testesen {number}",
                "email": f"kontakt{number}@leverandor{number}.example.com",
                "phone": f"+479911{number:04d}",
                "role": "sales",
                "isPrimaryContact": True,
            }
        ],
        "externalIds": [{"providerName": "erp", "id": f"L{number + 1}"}],
        "properties": [{"key": "segment", "value": "ABB"[number % 3], "valueType": "string"}],
        "tags": ["import"] if supplier.country != "NO" else [],
    }


def stores(to: Filler) -> None:
    """The central warehouse, the stores, the virtual location, and an inactive store.

    One function, as it is a list of literals.
    """
    for number, warehouse in enumerate(to.catalogue.warehouses):
        to.put(
            "stores",
            {
                "id": warehouse.code,
                "name": warehouse.name,
                "isWarehouse": True,
                "isPrimaryWarehouse": number == 0,
                "isWebWarehouse": number == 0,
                "isPrimaryStore": False,
                "isVirtual": False,
                "isInactive": False,
                "hasVirtualStockLocations": number == 0,
                "availableOnMarkets": ["nor"],
                "email": f"{warehouse.code}@example.com",
                "phoneNumber": f"+47230000{number:02d}",
                "storeGroupId": "no",
                "address": {
                    "streetName": f"Storgata {number + 1}",
                    "zipcode": warehouse.postal_code,
                    "city": warehouse.city,
                    "countryCode": "NO",
                },
                **opening_hours(warehouse, to.catalogue.first_day, to.catalogue.scale.days),
                "employees": [
                    {"userName": f"ansatt{number}", "firstName": "Ansatt", "lastName": f"Nr {number}"}
                ],
                "availableWarehouses": [{"warehouseCode": to.catalogue.warehouses[0].code, "priority": 1}],
                "created": to.on(0),
                "modified": to.on(3 + number),
            },
        )
    central = to.catalogue.warehouses[0]
    common = {"availableOnMarkets": ["nor"], "created": to.on(0), "modified": to.on(2)}
    to.put(
        "stores",
        {
            "id": VIRTUAL_CODE,
            "name": "Nettlager Oslo",
            "isWarehouse": True,
            "isVirtual": True,
            "isInactive": False,
            **common,
            "address": {"city": central.city, "countryCode": "NO"},
        },
    )
    to.put(
        "stores",
        {
            "id": "store-closed",
            "name": "Nedlagt butikk",
            "isWarehouse": True,
            "isInactive": True,
            **common,
        },
    )


def products(to: Filler) -> None:
    """Products in Norwegian and some also in Swedish, with or without variants; a few are deleted."""
    by_product: dict[str, list[Article]] = {}
    for article in to.catalogue.articles:
        by_product.setdefault(article.product_id, []).append(article)
    for number, (product_id, articles) in enumerate(by_product.items()):
        created = to.choice.uniform(-400, 0)
        if articles[0].first_day:
            created = articles[0].first_day - 10.0
        modified = max(to.some_day(), created + 1)
        for language in ("no", "sv") if number % 10 < 3 else ("no",):
            to.put("products", _product(to, product_id, articles, language, created, modified))
    for number in range(max(1, len(by_product) // 100)):
        first = to.catalogue.articles[number]
        row = _product(to, f"9{first.product_id}", [first], "no", -300, to.some_day())
        row |= {"skuId": f"9{first.product_id}", "status": "Deleted", "isActive": False}
        to.put("products", row)


def _product(
    to: Filler, product_id: str, articles: list[Article], language: str, created: float, modified: float
) -> Row:
    first = articles[0]
    category = f"Kategori {first.category}"
    row: Row = {
        "id": f"{product_id}_{language}",
        "productId": product_id,
        "language": language,
        "name": first.name if language == "no" else f"{first.name} (sv)",
        "created": iso(to.start + timedelta(days=int(created))),
        "modified": to.on(modified),
        "published": iso(to.start + timedelta(days=int(created) + 5)),
        "status": "Published",
        "isActive": True,
        "isSku": len(articles) == 1,
        "brand": first.brand,
        "mainCategoryId": f"cat-{first.category:02d}",
        "mainCategoryName": category,
        "categories": [{"categoryId": f"cat-{first.category:02d}", "name": category}],
        "marketIds": ["nor"] if language == "no" else ["swe"],
        "productType": "Package" if first.is_package else "Product",
        "assets": [{"url": f"https://media.example.com/{product_id}.jpg", "name": "bilde"}],
        "properties": [{"key": "material", "value": "ull", "valueType": "string"}],
        "tags": ["kampanje"] if first.number % 11 == 0 else [],
    }
    if len(articles) == 1:
        return row | _article(to, first, language)
    row |= {"supplierId": to.catalogue.suppliers[first.supplier].id}
    row["variants"] = [
        {
            "id": f"{article.sku}_{language}",
            "productId": product_id,
            "name": article.name,
            "language": language,
            "size": "SML"[number],
            **_article(to, article, language),
        }
        for number, article in enumerate(articles)
    ]
    return row


def _article(to: Filler, article: Article, language: str) -> Row:
    """The fields of a product or variant that is a SKU."""
    supplier = to.catalogue.suppliers[article.supplier]
    row: Row = {
        "skuId": article.sku,
        "isSku": True,
        "supplierId": supplier.id,
        "supplierName": supplier.name,
        "supplierSkuId": f"S-{article.sku}",
        "supplierLeadTime": supplier.configured_days,
        "supplierPackagingQuantity": article.pack,
        "allowSupplierPackageBreak": article.can_break_pack,
        "cost": article.cost,
        "costCurrency": "NOK",
        "ean": f"70{article.number:011d}",
        "unit": "stk",
        "isPackage": article.is_package,
        "isBackorder": article.number % 97 == 5,
        "isVirtual": False,
        "price": {"unitPrice": article.price, "currencyCode": "NOK"},
        "prices": [{"unitPrice": article.price, "currencyCode": "NOK", "marketId": "nor"}],
    }
    if article.number % 13 == 4:
        other = to.catalogue.suppliers[(article.supplier + 1) % len(to.catalogue.suppliers)]
        row["additionalSuppliers"] = [
            {"supplierId": other.id, "supplierName": other.name, "supplierSkuId": f"X-{article.sku}"}
        ]
    if article.number % 5 == 2:
        row["minQuantity"] = 2
    if article.number % 17 == 3:
        row["maxQuantity"] = 200
    if article.discontinued_day is not None:
        row["discontinued"] = iso(to.start + timedelta(days=article.discontinued_day))
    if article.is_excluded:
        row["assortmentCodes"] = [{"assortmentCodeId": "no-purchase"}]
    if article.components:
        row["components"] = [
            {
                "id": f"{article.sku}-{number}",
                "componentId": to.catalogue.articles[part].sku,
                "skuId": to.catalogue.articles[part].sku,
                "productId": f"{to.catalogue.articles[part].product_id}_{language}",
                "componentName": to.catalogue.articles[part].name,
                "quantity": quantity,
                "isRequired": True,
            }
            for number, (part, quantity) in enumerate(article.components)
        ]
    return row


def prices(to: Filler) -> None:
    """A price and a cost price per SKU, price lists and their items.

    One function, as it is a list of literals.
    """
    for article in to.catalogue.articles:
        supplier = to.catalogue.suppliers[article.supplier]
        modified = to.on(to.some_day())
        common = {"productId": article.product_id, "skuId": article.sku, "marketId": "nor", "unit": "stk"}
        to.put(
            "prices",
            common
            | {
                "code": article.sku,
                "unitPrice": article.price,
                "currencyCode": "NOK",
                "priceType": "Standard",
                "taxRate": 25,
                "minQuantity": 1,
                "modified": modified,
                "validFrom": iso(to.start),
            },
        )
        if article.is_package:
            continue
        to.put(
            "cost_prices",
            common
            | {
                "cost": article.cost,
                "originalCost": article.cost,
                "currencyCode": supplier.currency,
                "supplier": supplier.id,
                "modified": modified,
                "validFrom": iso(to.start),
            },
        )
    for number in range(max(2, to.count // 20)):
        list_id = f"pl-{number + 1:02d}"
        to.put(
            "price_lists",
            {
                "id": list_id,
                "name": f"Prisliste {number + 1}",
                "currencyCode": "NOK",
                "isActive": number % 4 != 3,
                "created": to.on(number % 300),
                "modified": to.on(number % 300 + 2),
                "supplierId": to.catalogue.suppliers[number % len(to.catalogue.suppliers)].id,
                "customerIds": [to.people[number % len(to.people)].customer_id],
            },
        )
        for place in range(20):
            article = to.catalogue.articles[(number * 20 + place) % len(to.catalogue.articles)]
            item = list_item(list_id, place, article, article.price, to.on(number % 300))
            to.put("price_list_items", item)


def customers(to: Filler) -> None:
    """Private customers, of which some are club members, business customers and customer groups.

    One function, as it is a list of literals.
    """
    for number, person in enumerate(to.people):
        day = to.some_day()
        row: Row = {
            "customerId": person.customer_id,
            "customerNumber": person.number,
            "firstName": person.first_name,
            "lastName": person.last_name,
            "fullName": person.name,
            "email": person.email,
            "phone": person.phone,
            "birthDate": f"{1950 + number % 55}-{number % 12 + 1:02d}-{number % 27 + 1:02d}T00:00:00Z",
            "gender": "Unknown",
            "address": person.address(),
            "addresses": [person.address()],
            "marketId": "nor",
            "isCustomerClubMember": number % 4 == 0,
            "isInactive": False,
            "created": to.on(day),
            "modified": to.on(day + to.choice.uniform(0, 60)),
            "consents": [{"type": "newsletter", "status": number % 2 == 0, "date": to.on(day)}],
            "tags": [],
        }
        to.put("private_customers", row)
        if number % 4 == 0:
            to.put(
                "customer_club_members",
                {
                    "customerId": person.customer_id,
                    "customerName": person.name,
                    "firstName": person.first_name,
                    "lastName": person.last_name,
                    "email": person.email,
                    "phone": person.phone,
                    "marketId": "nor",
                    "memberSince": to.on(day),
                    "interests": ["sport"],
                },
            )
    for number in range(to.count):
        person = to.people[number % len(to.people)]
        day = to.some_day()
        to.put(
            "business_customers",
            {
                "customerId": f"B{number + 1:05d}",
                "customerNumber": str(800_000 + number),
                "name": f"Bedrift {number + 1} AS",
                "taxId": f"8{number:08d}",
                "email": f"post@bedrift{number}.example.com",
                "phone": f"+4721{number:06d}",
                "marketId": "nor",
                "isInactive": False,
                "address": person.address(),
                "contacts": [
                    {
                        "id": f"B{number + 1:05d}-1",
                        "firstName": person.first_name,
                        "lastName": person.last_name,
                        "email": person.email,
                        "phone": person.phone,
                    }
                ],
                "created": to.on(day),
                "modified": to.on(day + 10),
            },
        )
    for number in range(3):
        group = {"id": f"grp-{number}", "name": f"Gruppe {number}", "displayName": f"Gruppe {number}"}
        to.put("customer_groups", group | {"created": to.on(number), "modified": to.on(number + 9)})
