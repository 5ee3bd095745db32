{{ config(severity='warn') }}
{# Types that the seed does not list count as demand. Set var more_order_types to define them. #}
select orders.order_type, count(*) as orders
from {{ ref('stg_orders') }} as orders
left join {{ seed_with(ref('order_types'), 'order_type', 'is_demand') }} as types
    on lower(orders.order_type) = types.order_type
where types.order_type is null
group by orders.order_type
