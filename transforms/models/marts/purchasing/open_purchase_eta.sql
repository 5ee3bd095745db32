with open_rows as (

    select
        fct_purchase_order_line.*,
        case when is_transfer then supplying_warehouse_code else supplier_id end as source_id,
        {{ days_between('order_date', as_of()) }} as age_days
    from {{ ref('fct_purchase_order_line') }} as fct_purchase_order_line
    where open_quantity > 0

),

enough as (

    select level, supplier_id, warehouse_code, sku
    from {{ ref('lead_time') }}
    where completed_lines >= {{ enough_lines() }}

),

-- The most specific level that has seen enough.
levels as (

    select
        open_rows.*,
        case
            when by_sku.level is not null then by_sku.level
            when by_warehouse.level is not null then by_warehouse.level
            when by_supplier.level is not null then by_supplier.level
            when open_rows.is_transfer then 'transfer'
            else 'global'
        end as lead_time_level
    from open_rows
    left join enough as by_sku
        on by_sku.level = 'supplier_warehouse_sku'
        and not open_rows.is_transfer
        and by_sku.supplier_id = open_rows.source_id
        and by_sku.warehouse_code = open_rows.warehouse_code
        and by_sku.sku = open_rows.sku
    left join enough as by_warehouse
        on by_warehouse.level = case when open_rows.is_transfer then 'transfer_route' else 'supplier_warehouse' end
        and by_warehouse.supplier_id = open_rows.source_id
        and by_warehouse.warehouse_code = open_rows.warehouse_code
    left join enough as by_supplier
        on by_supplier.level = 'supplier'
        and not open_rows.is_transfer
        and by_supplier.supplier_id = open_rows.source_id

),

candidates as (

    select
        levels.*,
        case when lead_time_level not in ('global', 'transfer') then source_id end as level_supplier_id,
        case
            when lead_time_level not in ('global', 'transfer', 'supplier') then warehouse_code
        end as level_warehouse_code,
        case when lead_time_level = 'supplier_warehouse_sku' then sku end as level_sku
    from levels

),

curves as (

    select
        candidates.purchase_order_id,
        candidates.sku,
        candidates.warehouse_code,
        candidates.promised_date,
        candidates.age_days,
        candidates.lead_time_level,
        lead_time_survival.day,
        lead_time_survival.received,
        lead_time_survival.survival,
        coalesce(
            min(case when lead_time_survival.day <= candidates.age_days then lead_time_survival.survival end) over (
                partition by
                    candidates.purchase_order_id, candidates.sku, candidates.warehouse_code, candidates.promised_date
            ),
            1
        ) as survival_at_age
    from candidates
    inner join {{ ref('lead_time_survival') }} as lead_time_survival
        on candidates.lead_time_level = lead_time_survival.level
        and {{ is_same('candidates.level_supplier_id', 'lead_time_survival.supplier_id') }}
        and {{ is_same('candidates.level_warehouse_code', 'lead_time_survival.warehouse_code') }}
        and {{ is_same('candidates.level_sku', 'lead_time_survival.sku') }}

),

forecasts as (

    select
        purchase_order_id,
        sku,
        warehouse_code,
        promised_date,
        min(lead_time_level) as lead_time_level,
        min(survival_at_age) as survival_at_age,
        min(case when day > age_days and survival <= survival_at_age * 0.5 + 1e-9 then day end) as p50_day,
        min(case when day > age_days and survival <= survival_at_age * 0.1 + 1e-9 then day end) as p90_day,
        min(case when day <= age_days + 7 then survival end) as survival_in_7_days,
        coalesce(max(case when received > 0 then day end) <= min(age_days), true) as is_beyond_history
    from curves
    group by purchase_order_id, sku, warehouse_code, promised_date

)

select
    open_rows.purchase_order_id,
    open_rows.purchase_order_number,
    open_rows.supplier_id,
    open_rows.sku,
    open_rows.warehouse_code,
    open_rows.is_transfer,
    open_rows.order_date,
    open_rows.promised_date,
    open_rows.open_quantity,
    forecasts.lead_time_level,
    open_rows.age_days,
    {{ add_days('open_rows.order_date', 'forecasts.p50_day') }} as p50_arrival_date,
    {{ add_days('open_rows.order_date', 'forecasts.p90_day') }} as p90_arrival_date,
    case
        when not forecasts.is_beyond_history
        then round({{ real(
            '1 - coalesce(forecasts.survival_in_7_days, 1) / forecasts.survival_at_age'
        ) }}, 6)
    end as probability_within_7_days,
    coalesce({{ add_days('open_rows.promised_date', var('late_tolerance_days')) }} < {{ as_of() }}, false) as is_overdue,
    coalesce(forecasts.is_beyond_history, true) as is_beyond_history
from open_rows
left join forecasts
    on open_rows.purchase_order_id = forecasts.purchase_order_id
    and open_rows.sku = forecasts.sku
    and open_rows.warehouse_code = forecasts.warehouse_code
    and {{ is_same('open_rows.promised_date', 'forecasts.promised_date') }}
