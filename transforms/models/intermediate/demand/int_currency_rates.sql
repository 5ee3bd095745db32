-- One row per currency of a cost, with what one unit of it is worth in the tenant's default currency.
-- Omnium keeps no rates of its own here, but products state their cost in both currencies.

with product_costs as (
    select cost_currency, cost, cost_in_default_currency from {{ ref('stg_products') }}
    union all
    select cost_currency, cost, cost_in_default_currency from {{ ref('stg_product_variants') }}
),

measured as (
    select
        cost_currency as currency,
        {{ median('cast(cost_in_default_currency as double precision) / cast(cost as double precision)') }} as rate,
        count(*) as products
    from product_costs
    where cost_currency is not null and cost > 0 and cost_in_default_currency > 0
    group by cost_currency
),

currencies as (
    select currency from measured
    union
    select cost_currency as currency from product_costs where cost_currency is not null
    union
    select cost_currency as currency from {{ ref('stg_inventory') }} where cost_currency is not null
    union
    select currency from {{ ref('stg_suppliers') }} where currency is not null
),

default_currency as (
    select currency
    from (
        select
            currencies.currency,
            row_number() over (
                order by
                    case when currencies.currency = '{{ var("default_currency", "") }}' then 0 else 1 end,
                    case when abs(measured.rate - 1e0) < 0.0001e0 then 0 else 1 end,
                    measured.products desc,
                    currencies.currency
            ) as preference,
            count(*) over () as currencies_known,
            measured.rate
        from currencies
        left join measured
            on measured.currency = currencies.currency
    ) as ranked
    where preference = 1
        and (
            currency = '{{ var("default_currency", "") }}' or abs(rate - 1e0) < 0.0001e0 or currencies_known = 1
        )
)

select
    currencies.currency,
    currencies.currency = default_currency.currency as is_default,
    case when currencies.currency = default_currency.currency then 1e0 else measured.rate end as rate
from currencies
left join measured
    on measured.currency = currencies.currency
left join default_currency
    on 1 = 1
