{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns',
    schema='snapshots',
    pre_hook="{{ forget_proposals_of_this_load(this) }}",
    post_hook="{{ record_rows() }}",
) }}

-- One row per SKU, warehouse and load that changed the proposal (reorder point, quantity, supplier), and one a month if
-- nothing changed. The table is only appended to, because no other table has the proposals of the past.

with proposed as (
    select
        replenishment.sku,
        replenishment.warehouse_code,
        {{ as_of() }} as proposal_date,
        {{ newest_load_instant() }} as recorded_at,
        replenishment.supplier_id,
        replenishment.lead_time_mean_days,
        replenishment.lead_time_sd_days,
        replenishment.daily_demand,
        replenishment.protection_days,
        replenishment.expected_demand,
        replenishment.demand_sd,
        replenishment.reorder_point,
        replenishment.service_level,
        replenishment.is_echelon,
        replenishment.position,
        case when lines.action <> 'defer' then lines.quantity else {{ quantity('0') }} end as proposed_quantity,
        lines.action
    from {{ ref('replenishment') }} as replenishment
    left join {{ ref('purchase_proposal_line') }} as lines
        on lines.sku = replenishment.sku
        and lines.warehouse_code = replenishment.warehouse_code
    where replenishment.block_reason is null
        and {{ 'true' if is_proposal_of_today() else 'false' }}
),

filled as (
    select
        sku, warehouse_code, proposal_date, recorded_at, supplier_id, lead_time_mean_days, lead_time_sd_days, daily_demand,
        protection_days, expected_demand, demand_sd, reorder_point, service_level, is_echelon,
        position,
        {{ quantity('coalesce(proposed_quantity, 0)') }} as proposed_quantity,
        coalesce(action, 'none') as action
    from proposed
)

{% if is_incremental() -%}
, newest as (
    select
        history.*,
        row_number() over (partition by sku, warehouse_code order by recorded_at desc) as age
    from {{ this }} as history
)

select filled.*
from filled
left join newest
    on newest.sku = filled.sku
    and newest.warehouse_code = filled.warehouse_code
    and newest.age = 1
where newest.sku is null
    or newest.reorder_point <> filled.reorder_point
    or newest.proposed_quantity <> filled.proposed_quantity
    or not ({{ is_same('newest.supplier_id', 'filled.supplier_id') }})
    or (filled.expected_demand > 0e0 and {{ days_between('newest.proposal_date', 'filled.proposal_date') }} >= 30)
{%- else -%}
select * from filled
{%- endif %}
