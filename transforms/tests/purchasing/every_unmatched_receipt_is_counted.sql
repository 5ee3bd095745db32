{# A receipt that fills no order row must be in the data-quality mart, for a single reason. #}
with unmatched as (

    select count(*) as receipts
    from {{ ref('fct_purchase_receipt') }}
    where not is_matched

),

counted as (

    select sum({{ adapter.quote('rows') }}) as receipts
    from {{ ref('data_quality') }}
    where check_name in (
        'receipt_of_unknown_purchase_order', 'receipt_in_other_warehouse', 'receipt_of_sku_not_ordered'
    )

)

select unmatched.receipts, counted.receipts as counted_receipts
from unmatched
cross join counted
where unmatched.receipts <> counted.receipts
