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
    {{ estimated_money('transfers.units * transfers.unit_cost') }} as purchase_value_saved,
    {{ demand_figure('transfers.transfer_days') }} as transfer_days,
    {{ demand_figure('transfers.lead_time_mean_days') }} as supplier_days,
    {{ demand_figure('transfers.lead_time_mean_days - transfers.transfer_days') }} as days_sooner,
    risks.urgency,
    cast(risks.urgency_rank as integer) as urgency_rank,
    risks.projected_stock_out_date,
    'Send ' || {{ demand_number('transfers.units') }} || ' from ' || transfers.from_warehouse_code || ', which has '
    || {{ demand_number('transfers.excess_units') }} || ' more than it needs, to ' || transfers.to_warehouse_code || ', which lacks '
    || {{ demand_number('transfers.needed_units') }}
    || coalesce(': it saves buying for ' || {{ demand_number('transfers.units * transfers.unit_cost', 2) }} || ' ' || transfers.currency, '')
    || case
        when transfers.lead_time_mean_days - transfers.transfer_days >= 0.05e0 then ' and '
            || {{ demand_number('transfers.lead_time_mean_days - transfers.transfer_days') }} || ' days'
        else ''
    end
    || '.' as explanation
from {{ ref('int_transfer_proposals') }} as transfers
inner join {{ ref('int_replenishment_risks') }} as risks
    on risks.sku = transfers.sku
    and risks.warehouse_code = transfers.to_warehouse_code
