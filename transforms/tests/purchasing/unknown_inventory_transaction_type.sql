{{ config(severity='warn') }}
{# Types that the seed does not list count as other. Set var more_inventory_transaction_types to define them. #}
select transactions.transaction_type, count(*) as transactions
from {{ ref('stg_inventory_transactions') }} as transactions
left join {{ seed_with(ref('inventory_transaction_types'), 'transaction_type', 'kind') }} as types
    on lower(transactions.transaction_type) = types.transaction_type
where types.transaction_type is null
group by transactions.transaction_type
