{{ config(materialized='table') }}

{# One row per check of odd data in demand, stock and replenishment, which the models tolerate and count. #}
{%- set lines = ref('int_customer_order_lines') -%}
{%- set items = ref('int_replenishment_risks') -%}
{%- set pair = "sku || ' / ' || warehouse_code" -%}
{%- set checks = [
    (
        'customer_order_of_unknown_type',
        'No seed knows the type of the customer order: it counts as demand. Add it to the var more_order_types.',
        'select orders.order_id as odd_key from ' ~ ref('stg_orders') ~ ' as orders left join '
        ~ seed_with(ref('order_types'), 'order_type', 'is_demand') ~ ' as types on lower(orders.order_type) = types.order_type
            where types.order_type is null',
    ),
    (
        'customer_order_without_date',
        'The customer order has no usable date (missing, or 0001-01-01): it is on no day of the demand.',
        'select order_id as odd_key from ' ~ ref('stg_orders') ~ ' where created_date is null',
    ),
    (
        'order_line_without_sku',
        'The order line names no SKU: it is no demand.',
        "select order_id as odd_key from " ~ lines ~ " where left_out_reason = 'no SKU'",
    ),
    (
        'order_line_without_warehouse',
        'Neither shipment nor order names a warehouse: the demand stands nowhere.',
        'select order_id as odd_key from ' ~ lines ~ ' where demand_quantity > 0 and warehouse_code is null',
    ),
    (
        'order_line_negative',
        'The line has a quantity below 0 (goods taken back at the till): it is no demand, and takes none away.',
        'select order_id as odd_key from ' ~ lines ~ ' where ordered_quantity < 0',
    ),
    (
        'package_without_components',
        'A package was sold that names no components with a SKU: it counts as itself.',
        'select distinct lines.sku as odd_key from ' ~ lines ~ ' as lines where lines.is_package and lines.demand_quantity > 0
            and not exists (select 1 from ' ~ ref('int_package_components') ~ ' as parts where parts.sku = lines.sku)
            and not exists (select 1 from ' ~ ref('stg_order_line_components') ~ ' as parts
                where parts.line_row_id = lines.form_line_row_id)',
    ),
    (
        'package_component_unknown',
        'A package contains a SKU that no product has: its demand is counted, but it cannot be ordered.',
        "select parts.sku || ' / ' || parts.component_sku as odd_key from " ~ ref('int_package_components') ~ ' as parts
            left join ' ~ ref('dim_product') ~ ' as products on products.sku = parts.component_sku where products.sku is null',
    ),
    (
        'package_contains_itself',
        'Packages contain themselves or each other in a circle, or are nested too deeply: the chain ends at a package, which counts as itself.',
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
        'More was sold than booked in: the stock stays negative in the position, and what is missing is ordered.',
        'select ' ~ pair ~ ' as odd_key from ' ~ ref('inventory_position') ~ ' where is_negative',
    ),
    (
        'stock_differs_from_transactions',
        'The stock is not what the last transaction left: transactions were not read from the beginning, or stock was
         changed without one. Today the stock counts, for earlier days the transactions.',
        "select inventory.sku || ' / ' || inventory.warehouse_code as odd_key from " ~ ref('stg_inventory') ~ ' as inventory
            inner join ' ~ ref('fct_stock_and_demand_change') ~ ' as changes on changes.sku = inventory.sku
                and changes.warehouse_code = inventory.warehouse_code
            where changes.has_stock_record and not inventory.is_virtual and inventory.on_hand <> changes.closing_quantity
                and ' ~ as_of_is_current() ~ '
                and ' ~ add_days('changes.day', 'changes.run_days') ~ ' > ' ~ as_of(),
    ),
    (
        'sold_without_stock_record',
        'Customers ordered it, but no inventory transaction names it: it counts as always in stock.',
        'select ' ~ pair ~ ' as odd_key from ' ~ ref('fct_stock_and_demand_change') ~ '
            group by sku, warehouse_code having max(closing_quantity) is null and sum(demand_quantity) > 0',
    ),
    (
        'maximum_below_minimum',
        'The maximum quantity set in Omnium is below the minimum: the minimum holds.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ ' where max_quantity > 0 and max_quantity < min_quantity',
    ),
    (
        'pack_of_nothing',
        'The supplier pack is 0 or less: units are ordered one by one.',
        'select sku as odd_key from ' ~ ref('dim_product') ~ ' where pack_quantity <= 0',
    ),
    (
        'sold_without_supplier',
        'It sells, but has no supplier that the tenant knows: nothing can be proposed.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ " where block_reason = 'no supplier' and daily_demand > 0",
    ),
    (
        'sold_without_cost',
        'It sells, but has no cost: nothing can be proposed, and it has no ABC class.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ " where block_reason = 'no cost' and daily_demand > 0",
    ),
    (
        'cost_in_currency_without_rate',
        'No product states its cost in this currency and the default one: amounts in it stand in their own currency only,
         without annual value, ABC class and the terms of suppliers in another currency.',
        'select ' ~ pair ~ ' as odd_key from ' ~ items ~ ' where unit_cost > 0 and rate is null',
    ),
] -%}
{{ quality_checks(checks) }}
