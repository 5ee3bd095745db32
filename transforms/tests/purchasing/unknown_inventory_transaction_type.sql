{{ config(severity='warn') }}
{# Types that no seed knows count as other: say what they mean with var more_inventory_transaction_types. #}
select transactions.transaction_type, count(*) as transactions
from {{ ref('stg_inventory_transactions') }} as transactions
left join {{ seed_with(ref('inventory_transaction_types'), 'transaction_type', 'kind') }} as types
    on lower(transactions.transaction_type) = types.transaction_type
where types.transaction_type is null
group by transactions.transaction_type
