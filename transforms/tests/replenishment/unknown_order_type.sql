{{ config(severity='warn') }}
{# Types that no seed knows count as demand: say what they mean with var more_order_types. #}
select orders.order_type, count(*) as orders
from {{ ref('stg_orders') }} as orders
left join {{ seed_with(ref('order_types'), 'order_type', 'is_demand') }} as types
    on lower(orders.order_type) = types.order_type
where types.order_type is null
group by orders.order_type
