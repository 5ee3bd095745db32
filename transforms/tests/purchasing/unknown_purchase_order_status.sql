{{ config(severity='warn') }}
{# Statuses that the seed does not list count as placed. Set var more_purchase_order_statuses to define them. #}
select status, count(*) as orders
from {{ ref('int_purchase_orders') }}
where seeded_stage is null
group by status
