-- One row per SKU and warehouse, with the proposal, its risks and the sentence that explains it to a purchaser. Every
-- number in the sentence is a column of replenishment.

with figures as (
    select
        levels.*,
        risks.block_reason,
        risks.pack,
        risks.drafted,
        risks.stock_position,
        risks.transfer_in_quantity,
        risks.raw_quantity,
        risks.suggested_quantity,
        risks.is_below_minimum_quantity,
        risks.parity_quantity,
        risks.stock_out_risk,
        risks.expected_shortage,
        risks.days_to_order,
        risks.order_by_date,
        risks.projected_stock_out_date,
        risks.urgency,
        risks.urgency_rank,
        risks.money_at_risk,
        risks.excess_quantity,
        risks.season_factor,
        risks.confidence,
        365e0 * levels.daily_demand as annual_demand,
        risks.suggested_quantity / risks.pack as packs,
        levels.daily_demand >= 0.00137e0
            and (
                levels.evidence in ('scaled from other warehouses', 'scaled from category')
                or levels.known_days < {{ demand_constants().new_days }}e0
            ) as is_little_known
    from {{ ref('int_replenishment_levels') }} as levels
    inner join {{ ref('int_replenishment_risks') }} as risks
        on risks.sku = levels.sku
        and risks.warehouse_code = levels.warehouse_code
        -- If there are two plans, the chosen one.
        and risks.is_echelon = levels.is_echelon
),

{#- The parts of the sentence. -#}
{%- set sells %}case
        when daily_demand >= 0.1e0 then 'Sells ' || {{ demand_number('daily_demand', 2) }} || ' a day'
        when daily_demand >= 0.00137e0 then 'Sells ' || {{ demand_number('annual_demand') }} || ' a year'
        else 'Sells nothing'
    end
    || case
        when supplied_places = 1 then ' with the place that it supplies'
        when supplied_places > 1 then ' with the ' || {{ demand_number('supplied_places') }} || ' places that it supplies'
        else ''
    end
    || case
        when daily_demand >= 0.00137e0 and abs(season_factor - 1e0) >= 0.1e0
            then ', and ' || {{ demand_number('season_factor', 2) }} || ' times as much in the season to come'
        else ''
    end
    || case
        when promotion_demand >= 0.05e0 then ', and ' || {{ demand_number('promotion_demand', 1) }}
            || ' more by the promotion from ' || cast(promotion_date as varchar(10)) || ' on'
        else ''
    end
    || case
        when daily_demand < 0.00137e0 then ''
        when evidence = 'scaled from other warehouses' then ', an estimate from other warehouses, as it '
            || case when is_long_known then 'has hardly been in stock' else 'is new' end || ' here'
        when evidence = 'scaled from category' then ', an estimate from its category, as it '
            || case when is_long_known then 'has hardly been in stock' else 'is new' end
        when known_days < {{ demand_constants().new_days }}e0 then
            case when is_long_known then ', little known' else ', new' end
            || ', as it has been in stock for ' || {{ demand_number('known_days') }} || ' days'
            || case when is_long_known then ', older ones counted less' else '' end
        else ''
    end
    || case
        when one_off_quantity > 0e0 then ', not counting ' || {{ demand_number('one_off_quantity') }} || ' in one-off orders'
            || coalesce(' (the last on ' || cast(last_one_off_date as varchar(10)) || ')', '')
        else ''
    end{% endset %}
{%- set stock %}'; ' || {{ demand_number('available') }} || ' available'
        || case when on_order > 0 then ' and ' || {{ demand_number('on_order') }} || ' on order' else '' end
        || case
            when on_order_late > 0 and on_order_expected < on_order - 0.05 then ' (' || {{ demand_number('on_order_late') }}
                || ' late, ' || {{ demand_number('on_order_expected') }} || ' to be expected in time)'
            when on_order_late > 0 then ' (' || {{ demand_number('on_order_late') }} || ' late)'
            when on_order_expected < on_order - 0.05
                then ' (' || {{ demand_number('on_order_expected') }} || ' to be expected in time)'
            else ''
        end
        || case
            when promised_quantity >= 0.0001e0
                then ', of which ' || {{ demand_number('promised_quantity') }} || ' are promised'
            else ''
        end
        || case
            when is_echelon then ', and ' || {{ demand_number('stock_position') }} || ' with these places'
            else ''
        end
        || case
            when excess_quantity > 0e0 then ', ' || {{ demand_number('excess_quantity') }} || ' more than it needs'
            else ''
        end{% endset %}
{%- set level %}{{ demand_number('reorder_point') }}
        || case
            when min_quantity > statistical_reorder_point then ' set in Omnium'
            -- Most of what is kept of a new article is a reserve for uncertainty.
            when is_little_known and safety_stock > 0.5e0 * reorder_point
                then ' (' || {{ demand_number('safety_stock') }} || ' of it for doubt, as '
                    || case when is_long_known then 'little is known of it' else 'it is new' end || ')'
            else ''
        end{% endset %}
{%- set supplier %}coalesce(supplier_name, 'the supplier')
        || case when lead_time_lines > 0 then ' really takes ' else ' is taken to need ' end
        || {{ demand_number('lead_time_mean_days') }} || ' ± ' || {{ demand_number('lead_time_sd_days') }}
        || ' days (configured with margin: ' || {{ demand_number('configured_lead_time_days') }} || ')'{% endset %}
{%- set otherwise %}case
        when available < 0 then ', as customers are already waiting'
        when available = 0 then ', as there is none left'
        when projected_stock_out_date is not null
            then ', otherwise it runs out on ' || cast(projected_stock_out_date as varchar(10))
        else ''
    end
    || case
        when stock_out_risk >= 0.0005e0
            then ' (' || {{ demand_number('100e0 * stock_out_risk') }} || ' % risk of running short before the next delivery)'
        else ''
    end{% endset %}

-- The common beginning of most sentences, computed once.
told as (
    select
        *,
        {{ sells }} || {{ stock }} as beginning
    from figures
),

explained as (
    select
        *,
        case
            when block_reason is not null then 'Not proposed (' || block_reason || '): s' || substr(beginning, 2) || '.'
            when suggested_quantity > 0e0 then
                beginning || ', and the reorder point of ' || {{ level }} || ' is reached; '
                || {{ supplier }} || ': order ' || {{ demand_number('suggested_quantity') }}
                || case
                    when pack > 1e0 then ' (' || {{ demand_number('packs') }} || ' × '
                        || {{ demand_number('pack') }} || ')'
                    else ''
                end
                || case
                    when transfer_in_quantity > 0e0 then ' beside the ' || {{ demand_number('transfer_in_quantity') }}
                        || ' that other warehouses can spare'
                    else ''
                end
                || {{ otherwise }} || '.'
            when transfer_in_quantity > 0e0 then
                beginning || ', and the reorder point of ' || {{ level }} || ' is reached: bring '
                || {{ demand_number('transfer_in_quantity') }} || ' from other warehouses, which can spare them' || {{ otherwise }}
                || '.'
            when stock_position <= reorder_point and drafted > 0e0 then
                beginning || ', and the draft order of ' || {{ demand_number('drafted') }}
                || ' is what is needed: place it' || {{ otherwise }} || '.'
            when is_backorder then
                beginning || '; bought only on back order, and nobody waits.'
            when daily_demand > 0e0 then
                beginning || ', above the reorder point of ' || {{ level }} || '; ' || {{ supplier }}
                || case
                    when days_to_order >= 3650e0 then ': nothing to order for years.'
                    else ': nothing to order until ' || cast(order_by_date as varchar(10)) || '.'
                end
            else beginning || ': nothing to order.'
        end as explanation
    from told
)

select * from explained
