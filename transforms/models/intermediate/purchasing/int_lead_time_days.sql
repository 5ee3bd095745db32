{#
  One row per level key and day on which the observation of a row ended, with the number of rows that ended and how. The
  levels are all purchases; supplier; supplier and warehouse; supplier, warehouse and SKU; and, separately, all internal
  transfers and each route.
#}
{{ config(materialized='table') }}

with observations as (

    select
        observations.*,
        -- Recent orders weigh more if the supplier drifts; otherwise old orders are just as informative.
        case
            when drifts.is_drifting then {{ lead_time_recency('observations.order_date') }}
            else 1e0
        end as recency_weight
    from {{ ref('int_lead_time_observations') }} as observations
    left join {{ ref('int_lead_time_drifts') }} as drifts
        on observations.supplier_id = drifts.supplier_id
        and observations.is_transfer = drifts.is_transfer

),

purchases as (

    select
        {{ level_of_purchases() }} as level,
        {{ survival_counts() }}
    from observations
    where not is_transfer
    group by grouping sets (
        (duration_days),
        (supplier_id, duration_days),
        (supplier_id, warehouse_code, duration_days),
        (supplier_id, warehouse_code, sku, duration_days)
    )

),

transfers as (

    select
        case when grouping(supplier_id) = 1 then 'transfer' else 'transfer_route' end as level,
        {{ survival_counts(sku='cast(null as ' ~ raw_type('text') ~ ')') }}
    from observations
    where is_transfer
    group by grouping sets (
        (duration_days),
        (supplier_id, warehouse_code, duration_days)
    )

),

levels as (

    select * from purchases

    union all

    select * from transfers

)

-- A row without a supplier (or a warehouse) counts only at the levels that do not need it.
select * from levels
where (level in ('global', 'transfer') or supplier_id is not null)
    and (level in ('global', 'transfer', 'supplier') or warehouse_code is not null)
