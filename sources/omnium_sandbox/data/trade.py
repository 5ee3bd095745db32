"""The retailer's days: customers buy while there is stock, buyers order, suppliers take their time.

One loop over all events in order of time. Every sale and receipt happens at a time spread evenly over the day, so
that the share of a day in stock and the demand of that day go together.
"""

import math
import random

import numpy

from omnium_sandbox.data.catalogue import Catalogue
from omnium_sandbox.data.history import DAY, History
from omnium_sandbox.data.people import Person
from omnium_sandbox.data.purchase_rows import PurchaseRows
from omnium_sandbox.data.purchases import Purchases
from omnium_sandbox.data.sales import Sales
from omnium_sandbox.rows import Row
from omnium_sandbox.tenant import Tenant


def trade(
    tenant: Tenant,
    catalogue: Catalogue,
    people: list[Person],
    choice: random.Random,
    generator: numpy.random.Generator,
    *,
    keep_orders: bool,
) -> list[Row]:
    """Plays the whole history into a tenant, and returns the newest customer orders.

    `generator` draws what customers want, `choice` all else. Without `keep_orders` the customers' orders do not become
    rows; all that follows from them does.
    """
    history = History(tenant, catalogue, choice)
    sales = Sales(history, people, keep_orders=keep_orders)
    purchases = Purchases(history, sales)
    purchases.plan()
    purchases.open_stock()
    orders = sales.customer_orders(generator)
    position = 0
    for day in range(catalogue.scale.days):
        purchases.review(day)
        limit = min((day + 1) * DAY, history.end)
        while True:
            next_order = orders[position][0] if position < len(orders) else math.inf
            if min(next_order, history.next_event) >= limit:
                break
            if history.next_event <= next_order:
                history.step()
                continue
            seconds, warehouse, wanted = orders[position]
            position += 1
            sales.sell(seconds, warehouse, wanted)
            if choice.random() < 0.015 and seconds < history.end - 3 * DAY:
                # On top of what is wanted: somebody orders and thinks better of it.
                sales.sell(seconds, warehouse, wanted, is_canceled=True)
    purchases.place_drafts()
    rows = PurchaseRows(history, purchases)
    rows.write_orders()
    rows.write_inventory()
    return sales.recent_orders
