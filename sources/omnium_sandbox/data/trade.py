"""Simulation of the retailer's days: customers buy what is in stock, buyers order, suppliers deliver.

One loop runs all events in order of time. Sales and receipts happen at uniformly distributed times of the day, so that
the share of a day in stock is also the expected share of that day's demand that finds stock.
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
    """Simulate the history, write its rows into the tenant, and return the newest customer orders.

    `generator` draws the demand, `choice` everything else. Without `keep_orders` customer orders do not become rows,
    but their transactions and returns do.
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
                # An additional order, beyond the demand, which the customer cancels.
                sales.sell(seconds, warehouse, wanted, is_canceled=True)
    purchases.place_drafts()
    rows = PurchaseRows(history, purchases)
    rows.write_orders()
    rows.write_inventory()
    return sales.recent_orders
