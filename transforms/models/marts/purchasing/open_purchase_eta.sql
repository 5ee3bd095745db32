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
    where completed_lines >= {{ enough_lines_for_a_curve() }}

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

-- Rows of the same level and age have the same prospects.
ages as (

    select distinct lead_time_level, level_supplier_id, level_warehouse_code, level_sku, age_days
    from candidates

),

curves as (

    select
        ages.*,
        lead_time_survival.day,
        lead_time_survival.received,
        lead_time_survival.survival,
        coalesce(
            min(case when lead_time_survival.day <= ages.age_days then lead_time_survival.survival end) over (
                partition by
                    ages.lead_time_level, ages.level_supplier_id, ages.level_warehouse_code, ages.level_sku,
                    ages.age_days
            ),
            1
        ) as survival_at_age
    from ages
    inner join {{ ref('lead_time_survival') }} as lead_time_survival
        on ages.lead_time_level = lead_time_survival.level
        and coalesce(ages.level_supplier_id, '') = coalesce(lead_time_survival.supplier_id, '')
        and coalesce(ages.level_warehouse_code, '') = coalesce(lead_time_survival.warehouse_code, '')
        and coalesce(ages.level_sku, '') = coalesce(lead_time_survival.sku, '')

),

forecasts as (

    select
        lead_time_level,
        level_supplier_id,
        level_warehouse_code,
        level_sku,
        age_days,
        min(survival_at_age) as survival_at_age,
        min(case when day > age_days and survival <= survival_at_age * 0.5 + 1e-9 then day end) as p50_day,
        min(case when day > age_days and survival <= survival_at_age * 0.1 + 1e-9 then day end) as p90_day,
        min(case when day <= age_days + 7 then survival end) as survival_in_7_days,
        coalesce(max(case when received > 0 then day end) <= age_days, true) as is_beyond_history
    from curves
    group by lead_time_level, level_supplier_id, level_warehouse_code, level_sku, age_days

)

select
    candidates.purchase_order_id,
    candidates.purchase_order_number,
    candidates.supplier_id,
    candidates.sku,
    candidates.warehouse_code,
    candidates.is_transfer,
    candidates.order_date,
    candidates.promised_date,
    candidates.open_quantity,
    case when forecasts.lead_time_level is not null then candidates.lead_time_level end as lead_time_level,
    candidates.age_days,
    {{ add_days('candidates.order_date', 'forecasts.p50_day') }} as p50_arrival_date,
    {{ add_days('candidates.order_date', 'forecasts.p90_day') }} as p90_arrival_date,
    case
        when not forecasts.is_beyond_history
        then {{ rounded(
            '1 - coalesce(forecasts.survival_in_7_days, 1) / forecasts.survival_at_age'
        ) }}
    end as probability_within_7_days,
    coalesce({{ add_days('candidates.promised_date', var('late_tolerance_days')) }} < {{ as_of() }}, false) as is_overdue,
    coalesce(forecasts.is_beyond_history, true) as is_beyond_history
from candidates
left join forecasts
    on candidates.lead_time_level = forecasts.lead_time_level
    and coalesce(candidates.level_supplier_id, '') = coalesce(forecasts.level_supplier_id, '')
    and coalesce(candidates.level_warehouse_code, '') = coalesce(forecasts.level_warehouse_code, '')
    and coalesce(candidates.level_sku, '') = coalesce(forecasts.level_sku, '')
    and candidates.age_days = forecasts.age_days
