-- One row per SKU and warehouse with open orders, with the part of them to plan with. An order counts in full until its
-- promised date, and as long as comparable orders have taken that long. The risk that it is late is part of the safety
-- stock; counting only the probable part of it would order the rest again. Beyond both, it counts in proportion to the
-- probability that it still arrives within L + r days, so that an order that nobody closed does not block purchases for
-- ever. If no comparable order has ever arrived, it counts in full for twice the promised time.

select
    eta.sku,
    eta.warehouse_code,
    {{ quantity('sum(
        eta.open_quantity * case
            when eta.is_beyond_history
                and eta.age_days > eta.longest_days * case when coalesce(roots.completed_lines, 1) = 0 then 2 else 1 end
                then ' ~ arrival_probability('eta', 'prospects', '(sources.lead_time_mean_days + sources.review_days)') ~ '
            else 1e0
        end
    )') }} as on_order_expected
from {{ ref('open_purchase_eta') }} as eta
inner join {{ ref('int_item_lead_times') }} as sources
    on sources.sku = eta.sku
    and sources.warehouse_code = eta.warehouse_code
left join {{ ref('lead_time') }} as roots
    on roots.level = coalesce(eta.lead_time_level, 'global')
    and roots.level in ('global', 'transfer')
left join {{ ref('int_arrival_prospects') }} as prospects
    on prospects.prospect_key = eta.prospect_key
    and sources.lead_time_mean_days + sources.review_days >= prospects.from_days
    and (sources.lead_time_mean_days + sources.review_days < prospects.until_days or prospects.until_days is null)
group by eta.sku, eta.warehouse_code
