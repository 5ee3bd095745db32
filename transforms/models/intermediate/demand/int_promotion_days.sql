{{ config(materialized='table') }}

-- One row per SKU and day of a promotion, per store if it applies to some stores only. It covers promotions that name
-- the SKU and price lists that belong to a promotion or plan a volume. A reduction that lasts longer than a quarter is
-- a price, not a promotion.

with promotions as (
    select
        *,
        {{ json_list_has_values('stores') }} or {{ json_list_has_values('store_groups') }} as is_for_some,
        {{ json_list_has_values('excluded_stores') }} or {{ json_list_has_values('excluded_store_groups') }} as is_not_for_some
    from {{ ref('stg_promotions') }}
),

limited as (
    select
        promotions.promotion_key,
        stores.warehouse_code
    from promotions
    inner join {{ ref('stg_stores') }} as stores
        on promotions.is_for_some or promotions.is_not_for_some
    where (
            not promotions.is_for_some
            or {{ json_list_holds('promotions.stores', 'stores.warehouse_code') }}
            or {{ json_list_holds('promotions.store_groups', 'stores.store_group_id') }}
        )
        and not {{ json_list_holds('promotions.excluded_stores', 'stores.warehouse_code') }}
        and not {{ json_list_holds('promotions.excluded_store_groups', 'stores.store_group_id') }}
),

of_lists as (
    select
        items.sku,
        case when promotions.is_for_some or promotions.is_not_for_some then limited.warehouse_code else '' end as warehouse_code,
        {{ named_day('lists.valid_from_at') }} as first_day,
        {{ last_named_day('lists.valid_to_at') }} as last_day,
        {{ local_date('coalesce(items.created_at, lists.created_at, lists.valid_from_at)') }} as created_date,
        items.planned_sales_quantity
    from {{ ref('stg_price_list_items') }} as items
    inner join {{ ref('stg_price_lists') }} as lists
        on lists.price_list_id = items.price_list_id
    left join promotions
        on promotions.promotion_id = lists.promotion_id
    left join limited
        on limited.promotion_key = promotions.promotion_key
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
        case when promotions.is_for_some or promotions.is_not_for_some then limited.warehouse_code else '' end as warehouse_code,
        {{ named_day('promotions.active_from_at') }} as first_day,
        {{ last_named_day('promotions.active_to_at') }} as last_day,
        {{ local_date('coalesce(promotions.created_at, promotions.active_from_at)') }} as created_date,
        cast(null as decimal(18, 4)) as planned_sales_quantity
    from promotions
    inner join named
        on named.promotion_key = promotions.promotion_key
    left join limited
        on limited.promotion_key = promotions.promotion_key
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
        -- null: none of the stores that it names exists
        and warehouse_code is not null
        and created_date <= {{ as_of() }}
        and last_day > {{ add_days(as_of(), -1 * demand_constants().memory_limit_days) }}
        and first_day <= {{ add_days(as_of(), demand_constants().ahead_days) }}
),

days as (
    select
        sku,
        warehouse_code,
        first_day,
        {{ demand_day_offsets('days') }} as day_offset,
        {{ real('planned_sales_quantity') }} / days as planned_daily_quantity
    from periods
    where days <= {{ demand_constants().longest_promotion_days }}
),

by_day as (
    select
        sku,
        warehouse_code,
        {{ add_days('first_day', 'day_offset') }} as day,
        min(first_day) as promotion_date,
        max(planned_daily_quantity) as planned_daily_quantity
    from days
    group by sku, warehouse_code, {{ add_days('first_day', 'day_offset') }}
),

-- A promotion in all stores replaces one in some.
ranked as (
    select
        *,
        min(warehouse_code) over (partition by sku, day) as first_warehouse_code
    from by_day
)

select
    sku,
    warehouse_code,
    day,
    promotion_date,
    planned_daily_quantity
from ranked
where warehouse_code = ''
    or first_warehouse_code <> ''
