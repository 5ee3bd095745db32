{#
  One row per inventory transaction that a purchase order caused in the receiving warehouse, as far as known at the
  as-of date. `kept_quantity` is what remains of a positive transaction after later negative ones have taken back the
  latest units: with R the running sum per order, SKU and warehouse, the units that remain of all transactions up to one
  are the minimum of R from there on.
#}
{{ config(materialized='table_by_key') }}

with transactions as (

    select
        transactions.transaction_id,
        transactions.purchase_order_id,
        coalesce(spellings.sku, transactions.sku) as sku,
        transactions.warehouse_code as booked_warehouse_code,
        -- The goods of a virtual location are in its physical warehouse.
        coalesce(virtual_locations.physical_warehouse_code, transactions.warehouse_code) as warehouse_code,
        transactions.is_virtual or virtual_locations.warehouse_code is not null as is_virtual,
        transactions.quantity,
        transactions.goods_reception_id,
        transactions.transacted_at as received_at,
        {{ local_date('transactions.transacted_at') }} as received_date
    from {{ ref('stg_inventory_transactions') }} as transactions
    left join {{ ref('int_virtual_locations') }} as virtual_locations
        on transactions.warehouse_code = virtual_locations.warehouse_code
    left join {{ ref('int_sku_spellings') }} as spellings
        on transactions.sku = spellings.spelling
    where transactions.purchase_order_id is not null
        and transactions.quantity <> 0
        and {{ of_changed_keys('transactions.purchase_order_id') }}

),

orders as (

    select * from {{ ref('int_purchase_orders') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

lines as (

    select * from {{ ref('int_purchase_order_line_promises') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

ordered_rows as (

    select distinct purchase_order_id, sku, warehouse_code
    from lines

),

-- The locations that the lines themselves name.
ordered_locations as (

    select distinct purchase_order_id, sku, ordered_warehouse_code
    from lines

),

located as (

    select
        transactions.*,
        ordered_locations.purchase_order_id is not null as is_location_ordered
    from transactions
    left join ordered_locations
        on transactions.purchase_order_id = ordered_locations.purchase_order_id
        and transactions.sku = ordered_locations.sku
        and transactions.booked_warehouse_code = ordered_locations.ordered_warehouse_code
    where transactions.received_date <= {{ as_of() }} or transactions.received_date is null

),

-- An order that names a virtual location is often booked there and in its physical warehouse as well. The first booking
-- of a quantity in the warehouse is the copy of its first booking in the location, the second of the second, and so on.
-- A booking without a counterpart is a receipt of its own.
paired as (

    select
        located.*,
        sum(case when is_virtual and is_location_ordered then 1 else 0 end) over (
            partition by purchase_order_id, sku, warehouse_code, quantity
        ) as bookings_in_ordered_location,
        row_number() over (
            partition by purchase_order_id, sku, warehouse_code, quantity, is_virtual, is_location_ordered
            order by received_at nulls last, transaction_id
        ) as booking_number,
        count(case when not is_virtual or is_location_ordered then 1 end) over (
            partition by purchase_order_id, sku, warehouse_code
        ) as bookings_beside_copies
    from located

),

receipts as (

    select
        paired.*,
        orders.supplier_id,
        orders.supplying_warehouse_code,
        coalesce(orders.is_transfer, false) as is_transfer,
        orders.purchase_order_id is not null as is_order_known,
        orders.order_date,
        ordered_rows.purchase_order_id is not null as is_matched
    from paired
    left join orders
        on paired.purchase_order_id = orders.purchase_order_id
    left join ordered_rows
        on paired.purchase_order_id = ordered_rows.purchase_order_id
        and paired.sku = ordered_rows.sku
        and paired.warehouse_code = ordered_rows.warehouse_code
    where
        -- The outgoing side of an internal transfer.
        not (
            coalesce(orders.supplying_warehouse_code = paired.warehouse_code, false)
            and ordered_rows.purchase_order_id is null
        )
        -- Copies of a receipt are left out. They are in the physical warehouse if a virtual location ordered, or in a
        -- virtual location if its warehouse ordered. If nothing was booked in that warehouse itself, the bookings of
        -- the location are the receipts.
        and case
            when paired.is_location_ordered then true
            when not paired.is_virtual then paired.booking_number > paired.bookings_in_ordered_location
            else paired.bookings_beside_copies = 0 and ordered_rows.purchase_order_id is not null
        end

),

running as (

    select
        receipts.*,
        sum(quantity) over (
            partition by purchase_order_id, sku, warehouse_code
            order by received_at nulls last, transaction_id
            rows between unbounded preceding and current row
        ) as running_quantity
    from receipts

),

remaining as (

    select
        running.*,
        greatest(0, min(running_quantity) over (
            partition by purchase_order_id, sku, warehouse_code
            order by received_at nulls last, transaction_id
            rows between current row and unbounded following
        )) as quantity_through
    from running

)

select
    transaction_id,
    purchase_order_id,
    supplier_id,
    supplying_warehouse_code,
    sku,
    warehouse_code,
    is_transfer,
    is_order_known,
    is_matched,
    order_date,
    received_at,
    received_date,
    quantity,
    goods_reception_id,
    {{ quantity('quantity_through') }} as quantity_through,
    {{ quantity('quantity_through - coalesce(lag(quantity_through) over (
        partition by purchase_order_id, sku, warehouse_code
        order by received_at nulls last, transaction_id
    ), 0)') }} as kept_quantity
from remaining
