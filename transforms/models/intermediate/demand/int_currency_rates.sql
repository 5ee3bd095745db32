-- One row per currency of a cost or supplier, with the value of one unit in the tenant's default currency. Omnium's API
-- has no exchange rates, but products may state their cost in both currencies. The default currency is
-- var('default_currency'), else the one whose cost is the same in both, else the most frequent cost currency.

with product_costs as (
    select cost_currency, cost, cost_in_default_currency from {{ ref('stg_products') }}
    union all
    select cost_currency, cost, cost_in_default_currency from {{ ref('stg_product_variants') }}
    union all
    select cost_currency, cost, null as cost_in_default_currency from {{ ref('stg_inventory') }} where not is_virtual
),

costs as (
    select
        cost_currency as currency,
        count(*) as costs,
        {{ median('case when cost > 0 and cost_in_default_currency > 0
            then ' ~ real('cost_in_default_currency') ~ ' / ' ~ real('cost') ~ ' end') }} as rate
    from product_costs
    where cost_currency is not null
    group by cost_currency
),

currencies as (
    select currency from costs
    union
    select currency from {{ ref('stg_suppliers') }} where currency is not null
),

ranked as (
    select
        currencies.currency,
        costs.rate,
        row_number() over (
            order by
                case when currencies.currency = '{{ var("default_currency", "") | replace("'", "''") }}' then 0 else 1 end,
                case when abs(costs.rate - 1e0) < 0.0001e0 then 0 else 1 end,
                coalesce(costs.costs, 0) desc,
                currencies.currency
        ) as preference
    from currencies
    left join costs
        on costs.currency = currencies.currency
)

select
    currency,
    preference = 1 as is_default,
    case when preference = 1 then 1e0 else rate end as rate
from ranked
