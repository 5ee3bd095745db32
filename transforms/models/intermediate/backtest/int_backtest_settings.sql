-- One row per replayed SKU and warehouse and renewal day, with the settings configured at the time. A supplier without
-- a version from that time has today's settings.

with versions as (
    select
        items.item_id,
        days.refresh,
        history.lead_time_days,
        history.safety_margin_days,
        history.order_interval_days,
        row_number() over (
            partition by items.item_id, days.refresh
            order by history.version_number desc
        ) as place
    from {{ ref('int_backtest_items') }} as items
    cross join {{ ref('int_backtest_as_of_days') }} as days
    inner join {{ ref('dim_supplier_history') }} as history
        on history.supplier_id = items.supplier_id
        and (history.valid_from is null or {{ local_date('history.valid_from') }} <= days.as_of_day)
)

select
    items.item_id,
    days.refresh,
    case
        when versions.lead_time_days is not null
            then versions.lead_time_days
                + coalesce(versions.safety_margin_days, {{ var('lead_time_safety_margin_days') }})
        else items.configured_lead_time_days
    end as configured_lead_time_days,
    case
        when versions.item_id is not null then {{ real('coalesce(nullif(versions.order_interval_days, 0), 30)') }}
        else items.order_interval_days
    end as order_interval_days
from {{ ref('int_backtest_items') }} as items
cross join {{ ref('int_backtest_as_of_days') }} as days
left join versions
    on versions.item_id = items.item_id
    and versions.refresh = days.refresh
    and versions.place = 1
