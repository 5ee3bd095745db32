"""Examples for the demo: one article for each situation that a purchaser meets, with the marts' explanation of it."""

from typing import Any

from omnium_elt.warehouse.queries import Row

# Each query returns sku, product, warehouse and explanation of at most one article: the most striking of its kind.
QUERIES = {
    "a season": """
        select sku, product_name, warehouse_code, explanation
        from marts.replenishment
        where block_reason is null and season_factor >= 1.1 and expected_demand >= 5
        order by season_factor desc, expected_demand * unit_cost desc, sku, warehouse_code
        limit 1
    """,
    "a new article": """
        with begins as (
            select sku, warehouse_code, min(day) as first_day
            from marts.fct_stock_and_demand_change
            group by sku, warehouse_code
        )
        select sku, product_name, warehouse_code, explanation
        from marts.replenishment
        inner join begins using (sku, warehouse_code)
        where block_reason is null
            and daily_demand > 0
            and first_day > (select max(day) - 45 from marts.fct_stock_and_demand_change)
        order by daily_demand * unit_cost desc, sku, warehouse_code
        limit 1
    """,
    "a promotion": """
        select sku, product_name, warehouse_code, explanation
        from marts.replenishment
        where block_reason is null and promotion_demand >= 1
        order by promotion_demand * unit_cost desc, sku, warehouse_code
        limit 1
    """,
    "a one-off order": """
        select sku, product_name, warehouse_code, explanation
        from marts.replenishment
        where block_reason is null and one_off_quantity > 0
        order by last_one_off_date desc, one_off_quantity * unit_cost desc, sku, warehouse_code
        limit 1
    """,
    "too much of it": """
        select overstock.sku, overstock.product_name, overstock.warehouse_code,
            concat(replenishment.explanation, ' To do: ', overstock.action, '.')
        from marts.overstock as overstock
        inner join marts.replenishment as replenishment using (sku, warehouse_code)
        where overstock.action in ('stop ordering', 'cancel orders', 'sell off')
        order by overstock.excess_value desc, overstock.sku, overstock.warehouse_code
        limit 1
    """,
    "in the wrong place": """
        select sku, product_name, to_warehouse_code, explanation
        from marts.transfer_proposal
        order by urgency_rank, purchase_value_saved desc, sku, to_warehouse_code
        limit 1
    """,
}


def examples(connection: Any) -> list[Row]:
    """One article of each kind, if the warehouse has one: what it is, where, and why it is worth a look."""
    found = []
    for what, query in QUERIES.items():
        for sku, product, warehouse, sentence in connection.execute(query).fetchall():
            found.append(
                {
                    "what": what,
                    "sku": str(sku),
                    "product": str(product or sku),
                    "warehouse": str(warehouse),
                    "sentence": str(sentence),
                }
            )
    return found
