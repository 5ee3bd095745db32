{{ config(materialized='table_by_key') }}

with order_rows as (

    select * from {{ ref('int_purchase_order_rows') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

orders as (

    select * from {{ ref('int_purchase_orders') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

stages as (

    select status, stage
    from {{ seed_with(ref('purchase_order_statuses'), 'status', 'stage') }} as seeded

),

received_orders as (

    select distinct purchase_order_id
    from {{ ref('int_purchase_receipts') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

parts as (

    select
        int_purchase_receipt_parts.*,
        -- The part of the quantity that counts towards the net quantity.
        greatest(0, least(running_quantity, net_quantity) - (running_quantity - quantity)) as counted_quantity
    from {{ ref('int_purchase_receipt_parts') }} as int_purchase_receipt_parts
    where {{ of_changed_keys('int_purchase_receipt_parts.purchase_order_id') }}

),

joined as (

    select
        order_rows.*,
        orders.purchase_order_number,
        orders.supplier_id,
        orders.supplying_warehouse_code,
        orders.is_transfer,
        orders.order_date,
        orders.cancelled_date,
        orders.is_current_state,
        received_orders.purchase_order_id is not null as is_order_received,
        -- A status that the seed does not list counts as placed.
        coalesce(stages.stage, 'placed') as status_stage
    from order_rows
    inner join orders
        on order_rows.purchase_order_id = orders.purchase_order_id
    left join stages
        on lower(order_rows.status) = stages.status
    left join received_orders
        on order_rows.purchase_order_id = received_orders.purchase_order_id

),

placed as (

    select
        joined.*,
        case when status_stage = 'draft' then 'placed' else status_stage end as stage
    from joined
    -- An order that was never placed has no row, but a draft with a receipt was placed.
    where status_stage <> 'draft' or is_order_received

),

receipts as (

    select
        placed.purchase_order_id,
        placed.sku,
        placed.warehouse_code,
        placed.promised_date,
        sum(parts.quantity) as received_quantity,
        min(parts.received_date) as first_receipt_date,
        max(parts.received_date) as last_receipt_date,
        min(case when parts.running_quantity >= parts.net_quantity then parts.received_date end) as full_receipt_date,
        sum(parts.counted_quantity * {{ days_between('placed.order_date', 'parts.received_date') }})
            / nullif(sum(case when parts.received_date is not null then parts.counted_quantity end), 0)
            as weighted_receipt_days
    from placed
    inner join parts
        on {{ same_order_row('placed', 'parts') }}
    group by placed.purchase_order_id, placed.sku, placed.warehouse_code, placed.promised_date

),

measured as (

    select
        placed.*,
        coalesce(receipts.received_quantity, 0) as received_quantity,
        receipts.first_receipt_date,
        receipts.last_receipt_date,
        {{ days_between('placed.order_date', 'receipts.first_receipt_date') }} as first_receipt_days,
        {{ days_between('placed.order_date', 'receipts.last_receipt_date') }} as last_receipt_days,
        case
            when placed.net_quantity > 0
            then {{ days_between('placed.order_date', 'receipts.full_receipt_date') }}
        end as full_receipt_days,
        receipts.weighted_receipt_days,
        placed.net_quantity > 0
            and coalesce(receipts.received_quantity, 0) >= placed.net_quantity as is_complete,
        placed.stage in ('done', 'cancelled')
            and coalesce(receipts.received_quantity, 0) > 0
            and receipts.received_quantity < placed.net_quantity as is_closed_short
    from placed
    left join receipts
        on {{ same_order_row('placed', 'receipts') }}

)

select
    purchase_order_id,
    purchase_order_number,
    supplier_id,
    sku,
    warehouse_code,
    is_transfer,
    status,
    order_date,
    promised_date,
    promise_source,
    first_promised_date,
    ordered_quantity,
    canceled_quantity,
    net_quantity,
    {{ quantity('received_quantity') }} as received_quantity,
    {{ quantity("case
        when stage = 'placed'
        then greatest(0, net_quantity - greatest(received_quantity, delivered_quantity))
        else 0
    end") }} as open_quantity,
    {{ quantity('greatest(0, received_quantity - net_quantity)') }} as over_received_quantity,
    first_receipt_date,
    last_receipt_date,
    first_receipt_days,
    full_receipt_days,
    cast(weighted_receipt_days as decimal(18, 4)) as weighted_receipt_days,
    is_complete,
    is_closed_short,
    case
        when is_complete then full_receipt_days
        when is_closed_short then last_receipt_days
        when stage = 'cancelled' and cancelled_date < {{ as_of() }}
        then {{ days_between('order_date', 'cancelled_date') }}
        else {{ days_between('order_date', as_of()) }}
    end as duration_days,
    coalesce(first_receipt_date < order_date, false) as is_retroactive,
    {{ money('unit_cost') }} as unit_cost,
    currency,
    stage,
    supplying_warehouse_code,
    delivered_quantity,
    promise_slips
from measured
