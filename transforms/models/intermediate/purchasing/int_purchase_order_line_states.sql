{#
  One row per purchase order line: the line as it was known at the as-of date, and its first promise.

  At the date of the newest load that is what stands in the tenant. For an earlier date it is, in this
  order: the current row, if it has not been modified since; the state that the snapshot kept; else
  the order as it was placed (nothing cancelled or delivered yet), with the stage of the last status
  in the event log.
#}
with lines as (

    select * from {{ ref('int_purchase_order_line_promises') }}

),

orders as (

    select * from {{ ref('int_purchase_orders') }}

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
        {{ local_date("(dbt_valid_from at time zone 'UTC')") }} <= {{ as_of() }} as was_known,
        row_number() over (partition by purchase_order_line_id order by dbt_valid_from, dbt_scd_id) as version_number,
        lag(promised_date) over (
            partition by purchase_order_line_id order by dbt_valid_from, dbt_scd_id
        ) as promised_date_before
    from {{ ref('purchase_order_line_history') }}
    -- A line that never changed since it was first seen is what it is today.
    where purchase_order_line_id in (
        select changed.purchase_order_line_id
        from {{ ref('purchase_order_line_history') }} as changed
        where changed.dbt_valid_to is not null
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

    select * from numbered where version_number = 1

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

)

select
    lines.purchase_order_line_id,
    lines.purchase_order_id,
    lines.sku,
    lines.warehouse_code,
    lines.delivery_id,
    lines.unit_cost,
    lines.currency,
    case
        when orders.is_current_state then orders.status
        when known_versions.status is not null then known_versions.status
        else orders.last_logged_status
    end as status,
    case
        when orders.is_current_state then lines.ordered_quantity
        else coalesce(known_versions.ordered_quantity, first_versions.ordered_quantity, lines.ordered_quantity)
    end as ordered_quantity,
    case
        when orders.is_current_state then lines.canceled_quantity
        else coalesce(known_versions.canceled_quantity, 0)
    end as canceled_quantity,
    case
        when orders.is_current_state then lines.delivered_quantity
        else coalesce(known_versions.delivered_quantity, 0)
    end as delivered_quantity,
    case
        when orders.is_current_state then lines.promised_date
        else coalesce(known_versions.promised_date, first_versions.promised_date, lines.promised_date)
    end as promised_date,
    case
        when orders.is_current_state then lines.promise_source
        else coalesce(known_versions.promise_source, first_versions.promise_source, lines.promise_source)
    end as promise_source,
    coalesce(first_versions.promised_date, lines.promised_date) as first_promised_date,
    coalesce(slips.promise_slips, 0) as promise_slips
from lines
inner join orders
    on lines.purchase_order_id = orders.purchase_order_id
left join first_versions
    on lines.purchase_order_line_id = first_versions.purchase_order_line_id
left join known_versions
    on lines.purchase_order_line_id = known_versions.purchase_order_line_id
left join slips
    on lines.purchase_order_line_id = slips.purchase_order_line_id
