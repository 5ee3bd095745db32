{#
  One row per purchase order line as it is today, with its promised date and the source of that date. The snapshot
  purchase_order_line_history keeps earlier states of this table.
#}
{{ config(materialized='table_by_key') }}

with orders as (

    select * from {{ ref('int_purchase_orders') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

lines as (

    select
        stg_purchase_order_lines.*,
        row_number() over (
            partition by purchase_order_key, line_item_id order by line_index
        ) as place
    from {{ ref('stg_purchase_order_lines') }} as stg_purchase_order_lines
    where purchase_order_key in (select orders.purchase_order_key from orders)

),

virtual_locations as (

    select * from {{ ref('int_virtual_locations') }}

),

deliveries as (

    select
        delivery_id,
        {{ named_day('estimated_arrival_at') }} as estimated_arrival_date,
        modified_at
    from {{ ref('stg_deliveries') }}

),

joined as (

    select
        -- Omnium says that line ids are unique over all orders, but a copied order may repeat them, and a line may have
        -- none.
        orders.purchase_order_id || ' / ' || coalesce(lines.line_item_id, 'line without id')
            || case when lines.place > 1 then ' / ' || cast(lines.place as {{ raw_type('text') }}) else '' end
            as purchase_order_line_id,
        orders.purchase_order_id,
        coalesce(spellings.sku, lines.sku) as sku,
        lines.sku as written_sku,
        -- What a virtual location orders is received in the warehouse that holds its goods.
        coalesce(
            virtual_locations.physical_warehouse_code, lines.warehouse_code, orders.store_id
        ) as warehouse_code,
        coalesce(lines.warehouse_code, orders.store_id) as ordered_warehouse_code,
        coalesce(lines.delivery_id, orders.delivery_id) as delivery_id,
        orders.status,
        lines.ordered_quantity,
        lines.canceled_quantity,
        lines.delivered_quantity,
        coalesce(nullif(lines.discounted_price, 0), lines.placed_price) as unit_cost,
        coalesce(lines.currency, orders.currency) as currency,
        {{ named_day('lines.estimated_arrival_at') }} as line_arrival_date,
        deliveries.estimated_arrival_date as delivery_arrival_date,
        orders.requested_delivery_date,
        orders.configured_arrival_date,
        case
            when deliveries.modified_at > orders.modified_at then deliveries.modified_at
            else coalesce(orders.modified_at, orders.created_at, deliveries.modified_at)
        end as known_at,
        {{ utc('coalesce(orders.modified_at, orders.created_at)') }} as order_modified_at
    from lines
    inner join orders
        on lines.purchase_order_key = orders.purchase_order_key
    left join deliveries
        on coalesce(lines.delivery_id, orders.delivery_id) = deliveries.delivery_id
    left join {{ ref('int_sku_spellings') }} as spellings
        on lines.sku = spellings.spelling
    left join virtual_locations
        on coalesce(lines.warehouse_code, orders.store_id) = virtual_locations.warehouse_code

)

select
    purchase_order_line_id,
    purchase_order_id,
    sku,
    written_sku,
    warehouse_code,
    ordered_warehouse_code,
    delivery_id,
    status,
    coalesce(ordered_quantity, 0) as ordered_quantity,
    coalesce(canceled_quantity, 0) as canceled_quantity,
    coalesce(delivered_quantity, 0) as delivered_quantity,
    unit_cost,
    currency,
    coalesce(
        line_arrival_date, delivery_arrival_date, requested_delivery_date, configured_arrival_date
    ) as promised_date,
    case
        when line_arrival_date is not null then 'line'
        when delivery_arrival_date is not null then 'delivery'
        when requested_delivery_date is not null then 'requested'
        when configured_arrival_date is not null then 'lead_time'
    end as promise_source,
    -- UTC without a time zone, as dbt's snapshots expect it.
    {{ utc('coalesce(known_at, ' ~ instant_literal('0002-01-01 00:00:00') ~ ')') }} as known_at,
    order_modified_at
from joined
