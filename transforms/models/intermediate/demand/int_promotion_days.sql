{{ config(materialized='table') }}

-- One row per SKU and day on which it is on promotion: of promotions that name it, and of price lists that belong to a
-- promotion or plan a volume for it. What is cheaper for longer than a quarter is no promotion but its price.

with of_lists as (
    select
        items.sku,
        {{ local_date('lists.valid_from_at') }} as first_day,
        {{ local_date(second_before('lists.valid_to_at')) }} as last_day,
        {{ local_date('coalesce(items.created_at, lists.created_at, lists.valid_from_at)') }} as created_date,
        items.planned_sales_quantity
    from {{ ref('stg_price_list_items') }} as items
    inner join {{ ref('stg_price_lists') }} as lists
        on lists.price_list_id = items.price_list_id
    where lists.is_active
        and items.sku is not null
        and (lists.promotion_id is not null or items.planned_sales_quantity > 0)
),

named as (
    select
        products.promotion_key,
        case when products.is_sku then products.product_id else skus.sku end as sku
    from {{ ref('stg_promotion_products') }} as products
    left join {{ ref('dim_product') }} as skus
        on not products.is_sku
        and skus.product_id = products.product_id
),

of_promotions as (
    select
        named.sku,
        {{ local_date('promotions.active_from_at') }} as first_day,
        {{ local_date(second_before('promotions.active_to_at')) }} as last_day,
        {{ local_date('coalesce(promotions.created_at, promotions.active_from_at)') }} as created_date,
        cast(null as decimal(18, 4)) as planned_sales_quantity
    from {{ ref('stg_promotions') }} as promotions
    inner join named
        on named.promotion_key = promotions.promotion_key
    where not promotions.is_deactivated
        and named.sku is not null
),

periods as (
    select
        *,
        {{ days_between('first_day', 'last_day') }} + 1 as days
    from (
        select * from of_lists
        union all
        select * from of_promotions
    ) as both_kinds
    where first_day <= last_day
        and created_date <= {{ as_of() }}
        and last_day > {{ add_days(as_of(), -1 * demand_constants().memory_limit_days) }}
        and first_day <= {{ add_days(as_of(), demand_constants().ahead_days) }}
),

days as (
    select
        sku,
        first_day,
        {{ demand_day_offsets('days') }} as day_offset,
        {{ real('planned_sales_quantity') }} / days as planned_daily_quantity
    from periods
    where days <= {{ demand_constants().longest_promotion_days }}
)

select
    sku,
    {{ add_days('first_day', 'day_offset') }} as day,
    min(first_day) as promotion_date,
    max(planned_daily_quantity) as planned_daily_quantity
from days
group by sku, {{ add_days('first_day', 'day_offset') }}
