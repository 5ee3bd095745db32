{{ config(materialized='table') }}

{# One row per check of odd data in demand, stock and replenishment, which the models tolerate and count. #}
{%- set lines = ref('int_customer_order_lines') -%}
{%- set items = ref('int_replenishment_risks') -%}
{%- set pair = "sku || ' / ' || warehouse_code" -%}
{%- set checks = [
    (
        'customer_order_of_unknown_type',
        'The type of the customer order is in no seed; the order counts as demand. Add the type to the var more_order_types.',
        'select orders.order_id as odd_key from ' ~ ref('stg_orders') ~ ' as orders left join '
        ~ seed_with(ref('order_types'), 'order_type', 'is_demand') ~ ' as types on lower(orders.order_type) = types.order_type
            where types.order_type is null',
    ),
    (
        'customer_order_without_date',
        'The customer order has no usable date (missing, or 0001-01-01); it counts on no day.',
        'select order_id as odd_key from ' ~ ref('stg_orders') ~ ' where created_date is null',
    ),
    (
        'order_line_without_sku',
        'The order line has no SKU; it does not count as demand.',
        "select order_id as odd_key from " ~ lines ~ " where left_out_reason = 'no SKU'",
    ),
    (
        'order_line_without_warehouse',
        'Neither the shipment nor the order names a warehouse; the demand counts in no warehouse.',
        'select order_id as odd_key from ' ~ lines ~ ' where demand_quantity > 0 and warehouse_code is null',
    ),
    (
        'order_line_negative',
        'The line has a negative quantity (goods taken back at the till); it neither counts as demand nor reduces it.',
        'select order_id as odd_key from ' ~ lines ~ ' where ordered_quantity < 0',
    ),
    (
        'package_without_components',
        'A package was sold that has no components with a SKU; it counts as an article of its own.',
        'select distinct lines.sku as odd_key from ' ~ lines ~ ' as lines where lines.is_package and lines.demand_quantity > 0
            and not exists (select 1 from ' ~ ref('int_package_components') ~ ' as parts where parts.sku = lines.sku)
            and not exists (select 1 from ' ~ ref('stg_order_line_components') ~ ' as parts
                where parts.line_row_id = lines.form_line_row_id)',
    ),
    (
        'package_component_unknown',
        'A package contains a SKU that no product has; its demand counts, but it cannot be ordered.',
        "select parts.sku || ' / ' || parts.component_sku as odd_key from " ~ ref('int_package_components') ~ ' as parts
            left join ' ~ ref('dim_product') ~ ' as products on products.sku = parts.component_sku where products.sku is null',
    ),
    (
        'package_contains_itself',
        'Packages contain themselves or each other, or are nested too deeply; the chain ends at a package, which counts as an article of its own.',
        "select parts.sku || ' / ' || parts.component_sku as odd_key from " ~ ref('int_package_components') ~ ' as parts
            where parts.component_sku in (select sku from ' ~ ref('int_package_components') ~ " where is_package)
            union
            select products.sku || ' / ' || components.component_sku as odd_key from " ~ ref('dim_product') ~ ' as products
            inner join ' ~ ref('stg_product_components') ~ ' as components
                on coalesce(components.variant_key, components.product_key) = coalesce(products.variant_key, products.product_key)
            where components.component_sku = products.sku',
    ),
    (
        'stock_negative',
        'More was sold than was booked in; the stock stays negative in the position, and the missing units are ordered.',
        'select ' ~ pair ~ ' as odd_key from ' ~ ref('inventory_position') ~ ' where is_negative',
    ),
    (
        'stock_differs_from_transactions',
        'The stock differs from the result of the last transaction: the first transactions were not read, or the stock was
         changed without one. The stock counts for today, and the transactions for earlier days.',
        "select inventory.sku || ' / ' || inventory.warehouse_code as odd_key from " ~ ref('stg_inventory') ~ ' as inventory
            inner join ' ~ ref('fct_stock_and_demand_change') ~ ' as changes on changes.sku = inventory.sku
                and changes.warehouse_code = inventory.warehouse_code
            where changes.has_stock_record and not inventory.is_virtual and inventory.on_hand <> changes.closing_quantity
                and ' ~ as_of_is_current() ~ '
                and ' ~ add_days('changes.day', 'changes.run_days') ~ ' > ' ~ as_of(),
    ),
    (
        'sold_without_stock_record',
        'Customers ordered the article, but it has no inventory transaction; it counts as always in stock.',
        'select ' ~ pair ~ ' as odd_key from ' ~ ref('fct_stock_and_demand_change') ~ '
            group by sku, warehouse_code having max(closing_quantity) is null and sum(demand_quantity) > 0',
    ),
    (
        'maximum_below_minimum',
        'The maximum quantity set in Omnium is below the minimum; the minimum applies.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ ' where max_quantity > 0 and max_quantity < min_quantity',
    ),
    (
        'pack_of_nothing',
        'The pack size of the supplier is 0 or less; units are ordered singly.',
        'select sku as odd_key from ' ~ ref('dim_product') ~ ' where pack_quantity <= 0',
    ),
    (
        'sold_without_supplier',
        'The article sells, but has no supplier known to the tenant; no order can be proposed.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ " where block_reason = 'no supplier' and daily_demand > 0",
    ),
    (
        'sold_without_cost',
        'The article sells, but has no cost; no order can be proposed, and it has no ABC class.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ " where block_reason = 'no cost' and daily_demand > 0",
    ),
    (
        'cost_in_currency_without_rate',
        'No product has a cost in both this currency and the default one, so there is no exchange rate; amounts are shown in their own currency,
         without annual value, ABC class and the terms of suppliers in other currencies.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ ' where unit_cost > 0 and rate is null',
    ),
] -%}
{{ quality_checks(checks) }}
