{#
  The order of the inventory transactions of a SKU and warehouse. Transactions of the same instant are sorted by stock,
  downwards if it falls and upwards if it rises, so that the first one has the stock before and the last one the stock
  after. If stock both rises and falls (or stays) within an instant, the first transaction is the one whose opening
  stock no other leaves, and the last one is that whose closing stock no other finds. A sequence that returns to where
  it began (goods moved to another shelf) has neither and changes nothing.
#}
{% macro order_of_transactions() -%}
    transacted_at, place_in_instant, sign(quantity) * new_inventory, sign(reserved_quantity) * new_reserved_inventory, transaction_id
{%- endmacro %}


{#
  A query on `rows`, a CTE of transactions with non-null quantities and stocks, that adds place_in_instant, −1 to 1.
  Instants that change nothing are left out, except the first of each SKU and warehouse, because they would hide the
  stock before them.
#}
{% macro transactions_in_their_instants(rows) -%}
{%- set instant = ['sku', 'warehouse_code', 'transacted_at'] -%}
{%- set follows = '{1}.new_inventory - {1}.quantity = {0}.new_inventory '
    ~ 'and {1}.new_reserved_inventory - {1}.reserved_quantity = {0}.new_reserved_inventory' -%}
(
    with instants as (
        select {{ instant | join(', ') }}
        from {{ rows }}
        group by {{ instant | join(', ') }}
        having min(sign(quantity)) < max(sign(quantity)) or min(sign(reserved_quantity)) < max(sign(reserved_quantity))
    ),

    uneven as (
        select transactions.*
        from {{ rows }} as transactions
        inner join instants
            on {% for column in instant %}instants.{{ column }} = transactions.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    ),

    placed as (
        select
            transactions.sku,
            transactions.warehouse_code,
            transactions.transacted_at,
            transactions.transaction_id,
            max(case when {{ follows.replace('{0}', 'others').replace('{1}', 'transactions') }} then 1 else 0 end) = 0 as is_first,
            max(case when {{ follows.replace('{0}', 'transactions').replace('{1}', 'others') }} then 1 else 0 end) = 0 as is_last
        from uneven as transactions
        inner join uneven as others
            on {% for column in instant %}others.{{ column }} = transactions.{{ column }} and {% endfor -%}
                others.transaction_id <> transactions.transaction_id
        group by transactions.sku, transactions.warehouse_code, transactions.transacted_at, transactions.transaction_id
    ),

    circles as (
        select placed.sku, placed.warehouse_code, placed.transacted_at
        from placed
        inner join (
            select sku, warehouse_code, min(transacted_at) as first_at
            from {{ rows }}
            group by sku, warehouse_code
        ) as firsts
            on firsts.sku = placed.sku
            and firsts.warehouse_code = placed.warehouse_code
            and firsts.first_at < placed.transacted_at
        group by placed.sku, placed.warehouse_code, placed.transacted_at
        having max(case when is_first or is_last then 1 else 0 end) = 0
    )

    select
        transactions.*,
        case when placed.is_first and not placed.is_last then -1 when placed.is_last and not placed.is_first then 1 else 0 end as place_in_instant
    from {{ rows }} as transactions
    left join placed
        on placed.sku = transactions.sku
        and placed.warehouse_code = transactions.warehouse_code
        and placed.transaction_id = transactions.transaction_id
    left join circles
        on {% for column in instant %}circles.{{ column }} = transactions.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    where circles.sku is null
)
{%- endmacro %}
