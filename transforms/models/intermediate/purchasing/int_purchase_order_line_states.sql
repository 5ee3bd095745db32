{#
  One row per purchase order line, as it was known at the as-of date, with its first promise.

  At the date of the newest load, that is the tenant's current data. For an earlier date it is, in this order: the
  current row, if it has not been modified since; the state that the snapshot kept; else the order as it was placed
  (nothing cancelled or delivered yet), with the last status in the event log. A delivery's promise counts only if the
  delivery has not been modified since either; otherwise the snapshot is used, and then the next source of a promise. A
  line added to its order after the as-of date (Omnium splits lines, and buyers add some) is left out.
#}
{{ config(materialized='table_by_key') }}

with lines as (

    select * from {{ ref('int_purchase_order_line_promises') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

orders as (

    select * from {{ ref('int_purchase_orders') }}
    where {{ of_changed_keys('purchase_order_id') }}

),

deliveries as (

    select
        delivery_id,
        {{ as_of_is_current() }}
            or coalesce({{ local_date('coalesce(modified_at, created_at)') }} <= {{ as_of() }}, true)
            as is_current_state
    from {{ ref('stg_deliveries') }}

),

history as (

    select
        purchase_order_line_id,
        status,
        ordered_quantity,
        canceled_quantity,
        delivered_quantity,
        promised_date,
        promise_source,
        purchase_order_id,
        order_modified_at,
        {{ as_of_is_current() }} or {{ local_date(from_utc('dbt_valid_from')) }} <= {{ as_of() }}
            as was_known,
        row_number() over versions as version_number,
        lag(promised_date) over versions as promised_date_before
    from {{ ref('purchase_order_line_history') }}
    -- A line that has never changed since it was first seen equals its current state; its history is needed only for an
    -- earlier date.
    where {{ of_changed_keys('purchase_order_id') }}
        and (
            not {{ as_of_is_current() }}
            or purchase_order_line_id in (
                select changed.purchase_order_line_id
                from {{ ref('purchase_order_line_history') }} as changed
                where changed.dbt_valid_to is not null
            )
        )
    window versions as (
        partition by purchase_order_line_id
        -- A state that was superseded at its own time is the earlier of the two. If several states were superseded at
        -- the same time, their order is unknown; the remaining columns make it deterministic.
        order by dbt_valid_from, dbt_valid_to nulls last, order_modified_at, promised_date, promise_source, status,
            ordered_quantity, canceled_quantity, delivered_quantity
    )

),

numbered as (

    select
        history.*,
        max(case when was_known then version_number end) over (
            partition by purchase_order_line_id
        ) as known_version_number
    from history

),

first_versions as (

    select
        numbered.*,
        -- Not one of the lines that the snapshot saw first.
        order_modified_at > min(order_modified_at) over (partition by purchase_order_id)
            and {{ local_date(from_utc('order_modified_at')) }} > {{ as_of() }}
            and not {{ as_of_is_current() }}
            as is_of_later
    from numbered
    where version_number = 1

),

known_versions as (

    select * from numbered where version_number = known_version_number

),

slips as (

    select
        purchase_order_line_id,
        count(*) as promise_slips
    from history
    where was_known and promised_date > promised_date_before
    group by purchase_order_line_id

),

-- The version of the promise that counts, if it is not the current one.
dated as (

    select
        lines.*,
        orders.status as current_status,
        orders.last_logged_status,
        orders.is_current_state,
        orders.requested_delivery_date,
        orders.configured_arrival_date,
        coalesce(deliveries.is_current_state, true) as is_delivery_current,
        orders.is_current_state
            and (lines.promise_source = 'line' or coalesce(deliveries.is_current_state, true))
            as is_promise_current
    from lines
    inner join orders
        on lines.purchase_order_id = orders.purchase_order_id
    left join deliveries
        on lines.delivery_id = deliveries.delivery_id

),

states as (

    select
        dated.purchase_order_line_id,
        dated.purchase_order_id,
        dated.sku,
        dated.warehouse_code,
        dated.delivery_id,
        dated.unit_cost,
        dated.currency,
        case
            when dated.is_current_state then dated.current_status
            when known_versions.status is not null then known_versions.status
            else dated.last_logged_status
        end as status,
        case
            when dated.is_current_state then dated.ordered_quantity
            else coalesce(known_versions.ordered_quantity, first_versions.ordered_quantity, dated.ordered_quantity)
        end as ordered_quantity,
        case
            when dated.is_current_state then dated.canceled_quantity
            else coalesce(known_versions.canceled_quantity, 0)
        end as canceled_quantity,
        case
            when dated.is_current_state then dated.delivered_quantity
            else coalesce(known_versions.delivered_quantity, 0)
        end as delivered_quantity,
        case
            when dated.is_promise_current then 'today'
            when known_versions.promised_date is not null then 'known'
            when first_versions.promised_date is not null
                and (first_versions.promise_source <> 'delivery' or dated.is_delivery_current)
            then 'first'
            when dated.promise_source <> 'delivery' or dated.is_delivery_current then 'today'
            else 'without delivery'
        end as promise_version,
        dated.promised_date,
        dated.promise_source,
        dated.requested_delivery_date,
        dated.configured_arrival_date,
        known_versions.promised_date as known_promised_date,
        known_versions.promise_source as known_promise_source,
        first_versions.promised_date as first_promised_date,
        first_versions.promise_source as first_promise_source,
        coalesce(first_versions.was_known, false) as was_first_known,
        coalesce(slips.promise_slips, 0) as promise_slips
    from dated
    left join first_versions
        on dated.purchase_order_line_id = first_versions.purchase_order_line_id
    left join known_versions
        on dated.purchase_order_line_id = known_versions.purchase_order_line_id
    left join slips
        on dated.purchase_order_line_id = slips.purchase_order_line_id
    where not coalesce(first_versions.is_of_later, false)

),

promised as (

    select
        states.*,
        case promise_version
            when 'today' then promised_date
            when 'known' then known_promised_date
            when 'first' then first_promised_date
            else coalesce(requested_delivery_date, configured_arrival_date)
        end as chosen_promised_date,
        case
            when promise_version = 'today' then promise_source
            when promise_version = 'known' then known_promise_source
            when promise_version = 'first' then first_promise_source
            when requested_delivery_date is not null then 'requested'
            when configured_arrival_date is not null then 'lead_time'
        end as chosen_promise_source
    from states

)

select
    purchase_order_line_id,
    purchase_order_id,
    sku,
    warehouse_code,
    delivery_id,
    unit_cost,
    currency,
    status,
    ordered_quantity,
    canceled_quantity,
    delivered_quantity,
    chosen_promised_date as promised_date,
    chosen_promise_source as promise_source,
    coalesce(case when was_first_known then first_promised_date end, chosen_promised_date) as first_promised_date,
    promise_slips
from promised
