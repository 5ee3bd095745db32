"""Rows that do not come from trading: suppliers with their versions, stores, products, customers, prices,
and a modest number of everything else that the API shows."""

import random
from datetime import UTC, datetime, timedelta

from omnium_sandbox.data_campaigns import opening_hours, put_campaigns
from omnium_sandbox.data_catalogue import (
    TRANSFER_SUPPLIER,
    VIRTUAL_CODE,
    Article,
    Catalogue,
    Supplier,
)
from omnium_sandbox.data_people import Person
from omnium_sandbox.data_showcase import SEASON_CATEGORY
from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import Tenant


class Others:
    """Fills the tenant with everything but trade."""

    def __init__(
        self, tenant: Tenant, catalogue: Catalogue, people: list[Person], choice: random.Random
    ) -> None:
        self.tenant, self.catalogue, self.people, self.choice = tenant, catalogue, people, choice
        self.start = datetime.combine(catalogue.first_day, datetime.min.time(), UTC)
        self.count = catalogue.scale.others

    def put(self, resource: str, row: Row) -> None:
        """Keeps a row as it is."""
        self.tenant.collection(resource).put(row)

    def on(self, day: float) -> str:
        """A day of the history, fractions included, as the API writes it."""
        last = self.catalogue.scale.days - 0.2
        return iso(self.start + timedelta(seconds=int(min(day, last) * 86_400)))

    def some_day(self) -> float:
        """A random day of the history."""
        return self.choice.uniform(0, self.catalogue.scale.days - 1)

    # Suppliers, stores, products

    def suppliers(self) -> None:
        """Suppliers with the chain of their versions, and the one that stands for the central store."""
        for number, supplier in enumerate(self.catalogue.suppliers):
            history = [*supplier.earlier_configured, (None, supplier.configured_days)]
            previous: str | None = None
            since: float = self.choice.uniform(0, 5)
            created = self.on(since)
            for version, (until, days) in enumerate(history):
                row = self._supplier(supplier, number, days)
                row |= {"created": created, "modified": self.on(since)}
                row["versionId"] = f"v{number:03d}-{version}"
                if previous:
                    row["previousVersionId"] = previous
                previous = row["versionId"]
                self.put(
                    "supplier_versions",
                    {
                        "id": supplier.id,
                        "versionId": row["versionId"],
                        "created": row["modified"],
                        "createdBy": "buyer-1" if version else "import",
                        "type": "Save",
                        "value": row,
                    },
                )
                if until is None:
                    self.put("suppliers", row)
                else:
                    since = until + self.choice.random()
        central = self.catalogue.warehouses[0]
        row = {
            "id": TRANSFER_SUPPLIER,
            "name": central.name,
            "omniumStoreId": central.code,
            "defaultLeadTime": 2,
            "preferredCurrency": "NOK",
            "created": self.on(0.5),
            "modified": self.on(0.5),
            "versionId": "vint-0",
            "storeIds": [warehouse.code for warehouse in self.catalogue.warehouses[1:]],
            "tags": ["internal"],
        }
        version_row = {
            "id": TRANSFER_SUPPLIER,
            "versionId": "vint-0",
            "created": row["created"],
            "createdBy": "import",
            "type": "Save",
            "value": row,
        }
        self.put("suppliers", row)
        self.put("supplier_versions", version_row)

    def _supplier(self, supplier: Supplier, number: int, configured_days: int) -> Row:
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

    def stores(self) -> None:
        """Warehouse, stores, the virtual location, and a store that was closed."""
        for number, warehouse in enumerate(self.catalogue.warehouses):
            self.put(
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
                    **opening_hours(warehouse, self.catalogue.first_day, self.catalogue.scale.days),
                    "employees": [
                        {"userName": f"ansatt{number}", "firstName": "Ansatt", "lastName": f"Nr {number}"}
                    ],
                    "availableWarehouses": [
                        {"warehouseCode": self.catalogue.warehouses[0].code, "priority": 1}
                    ],
                    "created": self.on(0),
                    "modified": self.on(3 + number),
                },
            )
        central = self.catalogue.warehouses[0]
        common = {"availableOnMarkets": ["nor"], "created": self.on(0), "modified": self.on(2)}
        self.put(
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
        self.put(
            "stores",
            {
                "id": "store-closed",
                "name": "Nedlagt butikk",
                "isWarehouse": True,
                "isInactive": True,
                **common,
            },
        )

    def products(self) -> None:
        """Products in Norwegian, some in Swedish too; with variants or their own SKU; a few deleted."""
        by_product: dict[str, list[Article]] = {}
        for article in self.catalogue.articles:
            by_product.setdefault(article.product_id, []).append(article)
        for number, (product_id, articles) in enumerate(by_product.items()):
            created = self.choice.uniform(-400, 0)
            if articles[0].first_day:
                created = articles[0].first_day - 10.0
            modified = max(self.some_day(), created + 1)
            for language in ("no", "sv") if number % 10 < 3 else ("no",):
                self.put("products", self._product(product_id, articles, language, created, modified))
        for number in range(max(1, len(by_product) // 100)):
            first = self.catalogue.articles[number]
            row = self._product(f"9{first.product_id}", [first], "no", -300, self.some_day())
            row |= {"skuId": f"9{first.product_id}", "status": "Deleted", "isActive": False}
            self.put("products", row)

    def _product(
        self, product_id: str, articles: list[Article], language: str, created: float, modified: float
    ) -> Row:
        first = articles[0]
        row: Row = {
            "id": f"{product_id}_{language}",
            "productId": product_id,
            "language": language,
            "name": first.name if language == "no" else f"{first.name} (sv)",
            "created": iso(self.start + timedelta(days=int(created))),
            "modified": self.on(modified),
            "published": iso(self.start + timedelta(days=int(created) + 5)),
            "status": "Published",
            "isActive": True,
            "isSku": len(articles) == 1,
            "brand": first.brand,
            "mainCategoryId": f"cat-{first.category:02d}",
            "categories": [{"categoryId": f"cat-{first.category:02d}", "name": "Kategori"}],
            "marketIds": ["nor"] if language == "no" else ["swe"],
            "productType": "Package" if first.is_package else "Product",
            "assets": [{"url": f"https://media.example.com/{product_id}.jpg", "name": "bilde"}],
            "properties": [{"key": "material", "value": "ull", "valueType": "string"}],
            "tags": ["kampanje"] if first.number % 11 == 0 else [],
        }
        if len(articles) == 1:
            return row | self._article(first, language)
        row |= {"supplierId": self.catalogue.suppliers[first.supplier].id}
        row["variants"] = [
            {
                "id": f"{article.sku}_{language}",
                "productId": product_id,
                "name": article.name,
                "language": language,
                "size": "SML"[number],
                **self._article(article, language),
            }
            for number, article in enumerate(articles)
        ]
        return row

    def _article(self, article: Article, language: str) -> Row:
        """What makes a product or a variant a SKU."""
        supplier = self.catalogue.suppliers[article.supplier]
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
            other = self.catalogue.suppliers[(article.supplier + 1) % len(self.catalogue.suppliers)]
            row["additionalSuppliers"] = [
                {"supplierId": other.id, "supplierName": other.name, "supplierSkuId": f"X-{article.sku}"}
            ]
        if article.number % 5 == 2:
            row["minQuantity"] = 2
        if article.number % 17 == 3:
            row["maxQuantity"] = 200
        if article.discontinued_day is not None:
            row["discontinued"] = iso(self.start + timedelta(days=article.discontinued_day))
        if article.is_excluded:
            row["assortmentCodes"] = [{"assortmentCodeId": "no-purchase"}]
        if article.components:
            row["components"] = [
                {
                    "id": f"{article.sku}-{number}",
                    "componentId": self.catalogue.articles[part].sku,
                    "skuId": self.catalogue.articles[part].sku,
                    "productId": f"{self.catalogue.articles[part].product_id}_{language}",
                    "componentName": self.catalogue.articles[part].name,
                    "quantity": quantity,
                    "isRequired": True,
                }
                for number, (part, quantity) in enumerate(article.components)
            ]
        return row

    # Prices

    def prices(self) -> None:
        """A price and a cost per SKU, price lists and their items."""
        for article in self.catalogue.articles:
            supplier = self.catalogue.suppliers[article.supplier]
            modified = self.on(self.some_day())
            common = {"productId": article.product_id, "skuId": article.sku, "marketId": "nor", "unit": "stk"}
            self.put(
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
                    "validFrom": iso(self.start),
                },
            )
            if article.is_package:
                continue
            self.put(
                "cost_prices",
                common
                | {
                    "cost": article.cost,
                    "originalCost": article.cost,
                    "currencyCode": supplier.currency,
                    "supplier": supplier.id,
                    "modified": modified,
                    "validFrom": iso(self.start),
                },
            )
        for number in range(max(2, self.count // 20)):
            list_id = f"pl-{number + 1:02d}"
            self.put(
                "price_lists",
                {
                    "id": list_id,
                    "name": f"Prisliste {number + 1}",
                    "currencyCode": "NOK",
                    "isActive": number % 4 != 3,
                    "created": self.on(number % 300),
                    "modified": self.on(number % 300 + 2),
                    "supplierId": self.catalogue.suppliers[number % len(self.catalogue.suppliers)].id,
                    "customerIds": [self.people[number % len(self.people)].customer_id],
                },
            )
            for place in range(20):
                article = self.catalogue.articles[(number * 20 + place) % len(self.catalogue.articles)]
                self.put(
                    "price_list_items",
                    {
                        "id": f"{list_id}-{place}",
                        "priceListId": list_id,
                        "skuId": article.sku,
                        "productId": article.product_id,
                        "name": article.name,
                        "unitPrice": article.price,
                        "cost": article.cost,
                        "isActive": True,
                        "created": self.on(number % 300),
                    },
                )

    # People

    def customers(self) -> None:
        """Private customers, club members among them, businesses and groups."""
        for number, person in enumerate(self.people):
            day = self.some_day()
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
                "created": self.on(day),
                "modified": self.on(day + self.choice.uniform(0, 60)),
                "consents": [{"type": "newsletter", "status": number % 2 == 0, "date": self.on(day)}],
                "tags": [],
            }
            self.put("private_customers", row)
            if number % 4 == 0:
                self.put(
                    "customer_club_members",
                    {
                        "customerId": person.customer_id,
                        "customerName": person.name,
                        "firstName": person.first_name,
                        "lastName": person.last_name,
                        "email": person.email,
                        "phone": person.phone,
                        "marketId": "nor",
                        "memberSince": self.on(day),
                        "interests": ["sport"],
                    },
                )
        for number in range(self.count):
            person = self.people[number % len(self.people)]
            day = self.some_day()
            self.put(
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
                    "created": self.on(day),
                    "modified": self.on(day + 10),
                },
            )
        for number in range(3):
            group = {"id": f"grp-{number}", "name": f"Gruppe {number}", "displayName": f"Gruppe {number}"}
            self.put("customer_groups", group | {"created": self.on(number), "modified": self.on(number + 9)})

    # What hangs on orders

    def around_orders(self, orders: list[Row]) -> None:
        """Analytics lines, payments, invoices, pick lists and comments of the last orders."""
        recent = orders[-self.count * 20 :]
        for order in recent:
            self._payment(order)
        for order in recent[-self.count * 10 :]:
            for line in order["orderForm"]["lineItems"]:
                self._analytics_line(order, line)
        for order in recent[-self.count :]:
            self._invoice(order)
            self.put(
                "pick_lists",
                {
                    "id": f"PL{order['orderNumber']}",
                    "name": f"Plukk {order['orderNumber']}",
                    "status": "Completed",
                    "warehouseCode": order["storeId"],
                    "pickListOrderItems": [
                        {"orderId": order["id"], "shipmentId": f"{order['orderNumber']}-S1"}
                    ],
                    "created": order["created"],
                    "modified": order["modified"],
                },
            )
            self.put(
                "comments",
                {
                    "id": f"CM{order['orderNumber']}",
                    "objectId": order["id"],
                    "objectType": "Order",
                    "type": "Note",
                    "title": "Notat",
                    "detail": f"Ringte {order['customerPhone']} om levering",
                    "creator": "Kundeservice",
                    "emailRecipient": order["customerEmail"],
                    "customerId": order["customerId"],
                    "created": order["created"],
                },
            )

    def _payment(self, order: Row) -> None:
        self.put(
            "payment_transactions",
            {
                "id": f"{order['orderNumber']}-P1",
                "amount": order["total"],
                "created": order["created"],
                "paidDate": order["created"],
                "transactionDate": order["created"],
                "currencyCode": "NOK",
                "billingCurrency": "NOK",
                "customerName": order["customerName"],
                "orderNumber": order["orderNumber"],
                "orderCreated": order["created"],
                "orderTotal": order["total"],
                "paymentMethodName": "Kort",
                "paymentMarketId": "nor",
                "paymentStoreId": order["storeId"],
                "status": "Processed",
                "transactionType": "Capture",
                "lineItems": len(order["orderForm"]["lineItems"]),
            },
        )

    def _analytics_line(self, order: Row, line: Row) -> None:
        names = ("customerId", "customerName", "customerEmail", "customerPhone", "customerNumber")
        self.put(
            "order_line_analytics",
            {
                "id": f"{order['id']}_{line['lineItemId']}",
                "analyticsOrderLineType": "OrderLine",
                "currency": "NOK",
                "market": "nor",
                "order": {
                    "orderId": order["id"],
                    "orderNumber": order["orderNumber"],
                    "orderType": order["orderType"],
                    "status": order["status"],
                    "created": order["created"],
                },
                "orderLine": {
                    "lineItemId": line["lineItemId"],
                    "skuId": line["code"],
                    "name": line["displayName"],
                    "quantity": line["quantity"],
                    "deliveredQuantity": line["deliveredQuantity"],
                    "extendedPrice": line["extendedPrice"],
                    "costTotal": line["costTotal"],
                    "taxRate": 25,
                },
                "product": {"skuId": line["code"], "productId": line["productId"], "brand": line["brand"]},
                "customer": {name: order[name] for name in names},
                "store": {"storeId": order["storeId"]},
                "warehouse": {"storeId": order["storeId"]},
                "supplier": {"supplierId": line["supplierId"]},
            },
        )

    def _invoice(self, order: Row) -> None:
        self.put(
            "invoices",
            {
                "id": f"INV{order['orderNumber']}",
                "invoiceNumber": order["orderNumber"],
                "invoiceType": "Invoice",
                "orderId": order["id"],
                "amount": order["total"],
                "amountOutstanding": 0,
                "currency": "NOK",
                "customerId": order["customerId"],
                "customerName": order["customerName"],
                "customerEmail": order["customerEmail"],
                "customerAddress": order["billingAddress"],
                "isCreditNote": False,
                "lineItems": order["orderForm"]["lineItems"],
                "storeId": order["storeId"],
                "created": order["created"],
                "modified": order["modified"],
            },
        )

    # The rest

    def remainder(self) -> None:
        """Carts, subscriptions, gift cards, ratings, projects and the like."""
        articles = self.catalogue.articles
        for number in range(self.count):
            person = self.people[number * 7 % len(self.people)]
            article = articles[number * 3 % len(articles)]
            day = self.some_day()
            stamps = {"created": self.on(day), "modified": self.on(day + self.choice.uniform(0, 20))}
            cart = self._cart(number, person, article) | stamps
            self.put("carts", cart)
            self._one_of_each(number, person, article, day, stamps, cart)
        for number in range(SEASON_CATEGORY + 1):
            for language in ("no", "sv"):
                self.put(
                    "product_categories",
                    {
                        "id": f"cat-{number:02d}_{language}",
                        "categoryId": f"cat-{number:02d}",
                        "name": f"Kategori {number}",
                        "language": language,
                        "parentId": "root" if number else None,
                        "sortIndex": number,
                    },
                )

    def _cart(self, number: int, person: Person, article: Article) -> Row:
        line = {
            "lineItemId": f"CL{number}",
            "code": article.sku,
            "displayName": article.name,
            "quantity": number % 3 + 1,
            "placedPrice": article.price,
            "extendedPrice": round(article.price * (number % 3 + 1), 2),
        }
        return {
            "id": f"CART{number + 1:06d}",
            "orderNumber": str(number),
            "customerId": person.customer_id,
            "customerName": person.name,
            "customerEmail": person.email,
            "customerPhone": person.phone,
            "billingAddress": person.order_address(),
            "marketId": "nor",
            "storeId": self.catalogue.warehouses[0].code,
            "orderStatus": "New",
            "orderType": "Online",
            "total": line["extendedPrice"],
            "orderForm": {"lineItems": [line], "shipments": [{"shipmentId": "1", "lineItems": [line]}]},
        }

    def _one_of_each(
        self, number: int, person: Person, article: Article, day: float, stamps: dict[str, str], cart: Row
    ) -> None:
        code = f"{number + 1:05d}"
        created = stamps["created"]
        rows: dict[str, Row] = {
            "gift_cards": {
                "id": f"GC{code}",
                "giftCardCode": f"GAVE{code}",
                "balance": 250.0,
                "currency": "NOK",
                "customerId": person.customer_id,
                "customerName": person.name,
                "customerEmail": person.email,
                "marketId": "nor",
                "isClosed": number % 5 == 0,
                "transactions": [{"id": "1", "amount": 500.0, "currency": "NOK", "date": created}],
                **stamps,
            },
            "vouchers": {
                "id": f"V{code}",
                "voucherNumber": code,
                "amount": 100.0,
                "currency": "NOK",
                "customerId": person.customer_id,
                "status": "Active",
                **stamps,
            },
            "ratings": {
                "id": f"RT{code}",
                "objectId": article.product_id,
                "objectName": article.name,
                "skuId": article.sku,
                "type": "Product",
                "value": number % 5 + 1,
                "comment": "Fint",
                "raterId": person.customer_id,
                "raterName": person.name,
                "raterDisplayName": person.first_name,
                "date": created,
            },
            "product_alerts": {
                "id": f"PA{code}",
                "email": person.email,
                "phone": person.phone,
                "skuId": article.sku,
                "storeId": self.catalogue.warehouses[0].code,
                "isActive": number % 3 != 0,
                "created": created,
            },
            "promotions": {
                "id": f"PROMO{code}",
                "name": f"Kampanje {code}",
                "title": f"Kampanje {code}",
                "markets": ["nor"],
                "activeFrom": created,
                "priority": number,
                "promotionData": {"promotionType": "Percent", "minQuantity": 1},
                "createdDate": created,
                "updatedDate": stamps["modified"],
            },
        }
        for resource, row in rows.items():
            self.put(resource, row)
        if number % 4:
            return
        self.put(
            "cart_templates",
            {"id": f"CT{code}", "name": f"Mal {code}", "salesPersonId": "sales-1", "cart": cart, **stamps},
        )
        self.put(
            "subscriptions",
            {
                "id": f"SUB{code}",
                "customerId": person.customer_id,
                "customerName": person.name,
                "customerEmail": person.email,
                "customerPhone": person.phone,
                "intervalDays": 30,
                "status": "Active",
                "cartTemplate": cart,
                "startDate": created,
                **stamps,
            },
        )
        project = f"PRJ{code}"
        logs = [
            {"id": f"{project}-{place}", "projectId": project, "text": "Opprettet", "user": "sales-1"}
            | {"date": self.on(day + place)}
            for place in range(3)
        ]
        self.put(
            "projects",
            {
                "id": project,
                "projectNumber": code,
                "name": f"Prosjekt {code}",
                "status": "Open",
                "customer": {"customerId": person.customer_id, "name": person.name},
                "contactPersons": [{"id": "1", "firstName": person.first_name, "lastName": person.last_name}],
                "logItems": logs,
                **stamps,
            },
        )
        for log in logs:
            self.put("project_logs", log)
        self.put(
            "time_entries",
            {
                "id": f"T{code}",
                "projectId": project,
                "hours": number % 8 + 1,
                "status": "Approved",
                "userId": "fitter-1",
                "date": created,
            },
        )

    def all(self, orders: list[Row]) -> None:
        """Everything, in an order that a reader of this file follows."""
        self.suppliers()
        self.stores()
        self.products()
        self.prices()
        put_campaigns(self.catalogue, self.put)
        self.customers()
        self.around_orders(orders)
        self.remainder()
