with order_rows as (

    select * from {{ ref('int_purchase_order_row_punctuality') }}

),

scored as (

    select
        supplier_id,
        case when grouping(promise_month) = 1 then 'all' else 'month' end as period,
        promise_month as month,
        count(case when is_due then 1 end) as lines_due,
        avg(case when is_on_time then 1e0 when not is_on_time then 0e0 end) as on_time_share,
        avg(case when is_in_full then 1e0 when not is_in_full then 0e0 end) as in_full_share,
        avg(case when is_otif_net then 1e0 when not is_otif_net then 0e0 end) as otif_net_share,
        avg(case when is_otif_gross then 1e0 when not is_otif_gross then 0e0 end) as otif_gross_share,
        {{ real('sum(case when is_due then least(on_time_quantity, net_quantity) end)') }}
            / nullif(sum(case when is_due then net_quantity end), 0) as otif_quantity_share,
        {{ real('sum(case when is_due then least(on_time_quantity, greatest(ordered_quantity, 0)) end)') }}
            / nullif(sum(case when is_due then greatest(ordered_quantity, 0) end), 0) as otif_quantity_gross_share,
        {{ median('days_late') }} as median_days_late,
        {{ whole('sum(promise_slips)') }} as promise_slips,
        {{ real('sum(over_received_quantity)') }} / nullif(greatest(sum(ordered_quantity), 0), 0) as over_received_share,
        {{ real('sum(canceled_quantity)') }} / nullif(greatest(sum(ordered_quantity), 0), 0) as canceled_share,
        count(distinct case when is_due and open_quantity > 0 then coalesce(currency, '') end) as currencies,
        min(case when is_due and open_quantity > 0 then currency end) as overdue_currency,
        min(currency) as any_currency,
        sum(case when is_due then {{ worth('open_quantity', 'unit_cost') }} end) as overdue_open_value,
        count(case when is_due and open_quantity > 0 and unit_cost is null then 1 end) as overdue_without_cost
    from order_rows
    group by grouping sets ((supplier_id, promise_month), (supplier_id))

)

select
    scored.supplier_id,
    scored.period,
    scored.month,
    scored.lines_due,
    {{ rounded('scored.on_time_share') }} as on_time_share,
    {{ rounded('scored.in_full_share') }} as in_full_share,
    {{ rounded('scored.otif_net_share') }} as otif_net_share,
    {{ rounded('scored.otif_gross_share') }} as otif_gross_share,
    {{ rounded('scored.otif_quantity_share') }} as otif_quantity_share,
    {{ rounded('scored.otif_quantity_gross_share') }} as otif_quantity_gross_share,
    {{ real('scored.median_days_late') }} as median_days_late,
    coalesce(lead_time.p50_days, months.p50_days) as p50_days,
    coalesce(lead_time.p90_days, months.p90_days) as p90_days,
    drifts.drift_days,
    drifts.is_drifting,
    scored.promise_slips,
    {{ rounded('scored.over_received_share') }} as over_received_share,
    {{ rounded('scored.canceled_share') }} as canceled_share,
    -- Amounts in several currencies, or in an unknown one, are not added up.
    case
        when scored.currencies = 0 then {{ money('0') }}
        when scored.currencies = 1 and scored.overdue_currency is not null and scored.overdue_without_cost = 0
        then {{ money('scored.overdue_open_value') }}
    end as overdue_open_value,
    case when scored.currencies <= 1 then coalesce(scored.overdue_currency, scored.any_currency) end as currency,
    scored.currencies > 1 as is_mixed_currency,
    scored.lines_due < 5 as is_small_sample
from scored
left join {{ ref('lead_time') }} as lead_time
    on scored.period = 'all'
    and lead_time.level = 'supplier'
    and scored.supplier_id = lead_time.supplier_id
left join {{ ref('int_lead_time_drifts') }} as drifts
    on scored.period = 'all'
    and scored.supplier_id = drifts.supplier_id
    and not drifts.is_transfer
left join {{ ref('int_supplier_month_lead_times') }} as months
    on scored.supplier_id = months.supplier_id
    and scored.month = months.promise_month
