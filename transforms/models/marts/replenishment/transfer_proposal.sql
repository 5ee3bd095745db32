with transfers as (
    select
        transfers.*,
        transfers.lead_time_mean_days - transfers.transfer_days as days_sooner,
        -- Goods returned from a place that is planned together with the receiver are already part of its position.
        case
            when transfers.unit_cost is null then null
            when transfers.is_return and quantities.is_echelon then 0e0
            else transfers.units * transfers.unit_cost
        end as value_saved
    from {{ ref('int_transfer_proposals') }} as transfers
    inner join {{ ref('int_replenishment_quantities') }} as quantities
        on quantities.sku = transfers.sku
        and quantities.warehouse_code = transfers.to_warehouse_code
),

-- The wording of each of the two savings; null if there is none.
described as (
    select
        transfers.*,
        case
            when value_saved > 0e0 then 'buying for ' || {{ demand_amount(estimated_money('transfers.value_saved')) }} || ' ' || transfers.currency
        end as saved_buying,
        case
            when transfers.days_sooner >= 0.05e0 then {{ demand_number('transfers.days_sooner') }} || ' days'
        end as saved_days
    from transfers
)

select
    transfers.sku,
    transfers.product_name,
    transfers.from_warehouse_code,
    transfers.to_warehouse_code,
    {{ quantity('transfers.units') }} as units,
    {{ quantity('transfers.excess_units') }} as excess_units,
    {{ quantity('transfers.needed_units') }} as needed_units,
    {{ money('transfers.unit_cost') }} as unit_cost,
    transfers.currency,
    {{ estimated_money('transfers.value_saved') }} as purchase_value_saved,
    {{ demand_figure('transfers.transfer_days') }} as transfer_days,
    {{ demand_figure('transfers.lead_time_mean_days') }} as supplier_days,
    {{ demand_figure('transfers.days_sooner') }} as days_sooner,
    risks.urgency,
    cast(risks.urgency_rank as integer) as urgency_rank,
    risks.projected_stock_out_date,
    'Send ' || {{ demand_number('transfers.units') }} || ' from ' || transfers.from_warehouse_code || ', which has '
    || {{ demand_number('transfers.excess_units') }} || ' more than it needs, to ' || transfers.to_warehouse_code || ', which lacks '
    || {{ demand_number('transfers.needed_units') }}
    || coalesce(': it saves ' || coalesce(saved_buying || ' and ' || saved_days, saved_buying, saved_days), '')
    || '.' as explanation
from described as transfers
inner join {{ ref('int_replenishment_risks') }} as risks
    on risks.sku = transfers.sku
    and risks.warehouse_code = transfers.to_warehouse_code
