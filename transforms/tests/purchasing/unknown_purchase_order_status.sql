{{ config(severity='warn') }}
{# Statuses that no seed knows count as placed: say what they mean with var more_purchase_order_statuses. #}
select status, count(*) as orders
from {{ ref('int_purchase_orders') }}
where seeded_stage is null
group by status
