{{ config(materialized='table_by_key') }}

-- One row per customer order line, counted once (the shipment's copy, else the form's). left_out_reason says why a line
-- is not demand; null if it is.

with form_lines_by_id as (
    -- A line id that occurs twice in a form is one row here; otherwise it would double the shipment's line.
    select
        order_row_id,
        line_item_id,
        min(line_row_id) as line_row_id,
        max(case when is_package then 1 else 0 end) = 1 as is_package,
        max(case when is_awaiting_purchase_order then 1 else 0 end) = 1 as is_awaiting_purchase_order
    from {{ ref('stg_order_lines') }}
    where {{ of_changed_keys('order_row_id') }}
    group by order_row_id, line_item_id
),

shipments as (
    select
        shipment_row_id,
        nullif(warehouse_code, '') as warehouse_code
    from {{ ref('stg_order_shipments') }}
    where {{ of_changed_keys('order_row_id') }}
),

-- What the shipments contain, by line id or else by article.
shipped as (
    select distinct
        order_row_id,
        coalesce(line_item_id, sku) as line
    from {{ ref('stg_order_shipment_lines') }}
    where {{ of_changed_keys('order_row_id') }}
),

lines as (
    select
        shipment_lines.order_row_id,
        form_lines.line_row_id as form_line_row_id,
        shipment_lines.line_row_id,
        shipment_lines.line_item_id,
        shipment_lines.sku,
        shipments.warehouse_code as shipment_warehouse_code,
        shipment_lines.package_line_item_id,
        shipment_lines.package_sku_id,
        shipment_lines.quantity,
        shipment_lines.canceled_quantity,
        shipment_lines.delivered_quantity,
        shipment_lines.canceled_date,
        shipment_lines.is_package or coalesce(form_lines.is_package, false) as is_package,
        shipment_lines.is_package_broken_down,
        shipment_lines.is_virtual_product,
        shipment_lines.is_awaiting_purchase_order
            or coalesce(form_lines.is_awaiting_purchase_order, false) as is_awaiting_purchase_order
    from {{ ref('stg_order_shipment_lines') }} as shipment_lines
    left join shipments
        on shipments.shipment_row_id = shipment_lines.shipment_row_id
    left join form_lines_by_id as form_lines
        on form_lines.order_row_id = shipment_lines.order_row_id
        and form_lines.line_item_id = shipment_lines.line_item_id
    where {{ of_changed_keys('shipment_lines.order_row_id') }}

    union all

    select
        form_lines.order_row_id,
        form_lines.line_row_id as form_line_row_id,
        form_lines.line_row_id,
        form_lines.line_item_id,
        form_lines.sku,
        null as shipment_warehouse_code,
        form_lines.package_line_item_id,
        form_lines.package_sku_id,
        form_lines.quantity,
        form_lines.canceled_quantity,
        form_lines.delivered_quantity,
        form_lines.canceled_date,
        form_lines.is_package,
        form_lines.is_package_broken_down,
        form_lines.is_virtual_product,
        form_lines.is_awaiting_purchase_order
    from {{ ref('stg_order_lines') }} as form_lines
    left join shipped
        on shipped.order_row_id = form_lines.order_row_id
        and shipped.line = coalesce(form_lines.line_item_id, form_lines.sku)
    where {{ of_changed_keys('form_lines.order_row_id') }}
        and shipped.order_row_id is null
),

with_components as (
    select distinct
        order_row_id,
        package_line_item_id
    from lines
    where package_line_item_id is not null
),

with_package_sku as (
    select distinct
        order_row_id,
        package_sku_id
    from lines
    where package_sku_id is not null and package_line_item_id is null
),

joined as (
    select
        orders.order_id,
        lines.order_row_id,
        lines.line_row_id,
        lines.form_line_row_id,
        lines.line_item_id,
        nullif(coalesce(spellings.sku, lines.sku), '') as sku,
        coalesce(
            virtual_locations.physical_warehouse_code, lines.shipment_warehouse_code, nullif(orders.store_id, '')
        ) as warehouse_code,
        orders.created_date as order_date,
        orders.status,
        orders.order_type,
        lines.is_package
            or coalesce({{ is_package_product('products') }}, false) as is_package,
        {{ quantity('coalesce(lines.quantity, 0)') }} as ordered_quantity,
        {{ quantity('case
            when lines.canceled_date > ' ~ as_of() ~ ' then 0
            else coalesce(lines.canceled_quantity, 0)
        end') }} as canceled_quantity,
        {{ quantity('coalesce(lines.delivered_quantity, 0)') }} as delivered_quantity,
        lines.is_awaiting_purchase_order,
        case
            when orders.created_date is null or orders.created_date > {{ as_of() }} then 'not yet known'
            when {{ demand_is_canceled_status('orders.status') }} then 'order canceled'
            when lines.sku is null or lines.sku = '' then 'no SKU'
            -- A virtual package counts because its contents do.
            when (lines.is_virtual_product or coalesce(products.is_virtual, false))
                and not lines.is_package and not coalesce({{ is_package_product('products') }}, false) then 'virtual product'
            when lines.is_package_broken_down
                or with_components.order_row_id is not null
                or with_package_sku.order_row_id is not null then 'components are lines'
            -- The last reason, because customers also wait for lines of other order types.
            when order_types.is_demand = false then 'order type'
        end as left_out_reason
    from lines
    inner join {{ ref('stg_orders') }} as orders
        on orders.order_row_id = lines.order_row_id
    left join {{ seed_with(ref('order_types'), 'order_type', 'is_demand') }} as order_types
        on order_types.order_type = lower(orders.order_type)
    -- What is shipped from a virtual stock location, or ordered there, comes from the stock of the physical warehouse.
    left join {{ ref('int_virtual_locations') }} as virtual_locations
        on virtual_locations.warehouse_code = coalesce(lines.shipment_warehouse_code, nullif(orders.store_id, ''))
    left join {{ ref('int_sku_spellings') }} as spellings
        on spellings.spelling = lines.sku
    left join {{ ref('dim_product') }} as products
        on products.sku = coalesce(spellings.sku, lines.sku)
    left join with_components
        on with_components.order_row_id = lines.order_row_id
        and with_components.package_line_item_id = lines.line_item_id
    left join with_package_sku
        on with_package_sku.order_row_id = lines.order_row_id
        and with_package_sku.package_sku_id = lines.sku
)

select
    *,
    case
        when left_out_reason is null
            then {{ quantity('case
                when ordered_quantity > canceled_quantity then ordered_quantity - canceled_quantity
                else 0
            end') }}
        else {{ quantity('0') }}
    end as demand_quantity,
    -- What the customer is still waiting for.
    case
        when left_out_reason in ('not yet known', 'order canceled', 'no SKU') or {{ demand_is_finished_status('status') }}
            then {{ quantity('0') }}
        else {{ quantity('greatest(0, ordered_quantity - canceled_quantity - delivered_quantity)') }}
    end as open_quantity
from joined
