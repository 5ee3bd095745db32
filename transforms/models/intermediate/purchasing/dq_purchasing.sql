{# One row per check of odd purchasing data, which the models tolerate and count. #}
{%- set orders = ref('int_purchase_orders') -%}
{%- set lines = ref('int_purchase_order_line_states') -%}
{%- set order_rows = ref('fct_purchase_order_line') -%}
{%- set receipts = ref('int_purchase_receipts') -%}
{%- set transactions = ref('stg_inventory_transactions') -%}
{%- set row_key = "purchase_order_id || ' / ' || sku || coalesce(' / ' || warehouse_code, '')" -%}
{%- set checks = [
    (
        'receipt_before_order',
        'Goods were received before the order was created, so it was recorded afterwards. The order row is
         marked as retroactive and left out of lead times.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where received_date < order_date',
    ),
    (
        'receipt_without_purchase_order',
        'The stock transaction of a goods reception names no purchase order; it counts in stock, but for no
         order and no lead time.',
        'select transaction_id as odd_key from ' ~ transactions ~ ' as transactions inner join '
        ~ seed_with(ref('inventory_transaction_types'), 'transaction_type', 'kind') ~ " as types on lower(transactions.transaction_type) = types.transaction_type
            where types.kind = 'receipt' and transactions.purchase_order_id is null and transactions.quantity <> 0
            and not transactions.is_virtual
            and coalesce(" ~ local_date('transactions.transacted_at') ~ ' <= ' ~ as_of() ~ ', true)',
    ),
    (
        'receipt_of_unknown_purchase_order',
        'A receipt names a purchase order that the tenant does not show, or no longer shows; it counts in stock, but for no order.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where not is_order_known',
    ),
    (
        'receipt_in_other_warehouse',
        'The order contains the SKU, but for another warehouse; the receipt is assigned to no order row, and the row stays open
         unless the line itself reports a delivery.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' as receipts where not is_matched and exists (
            select 1 from ' ~ lines ~ ' as lines where lines.purchase_order_id = receipts.purchase_order_id
            and lines.sku = receipts.sku)',
    ),
    (
        'receipt_of_sku_not_ordered',
        'The order does not contain the SKU that was received for it (a substitute, or a wrong booking); the receipt is assigned to no order row.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' as receipts where not is_matched and is_order_known
            and not exists (select 1 from ' ~ lines ~ ' as lines
            where lines.purchase_order_id = receipts.purchase_order_id and lines.sku = receipts.sku)',
    ),
    (
        'receipt_negative',
        'A receipt is negative (a correction, or goods sent back); it reverses the latest receipts of the order.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where quantity < 0',
    ),
    (
        'receipt_negative_beyond_received',
        'More was reversed than had been received for the order; the received quantity counts as 0.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ receipts ~ ' where is_matched
            group by purchase_order_id, sku, warehouse_code having sum(quantity) < 0',
    ),
    (
        'receipt_for_cancelled_line',
        'Goods were received for a line that was cancelled completely, or for a cancelled order.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ " where received_quantity > 0
            and (stage = 'cancelled' or (net_quantity = 0 and canceled_quantity > 0))",
    ),
    (
        'receipt_for_draft',
        'Goods were received for an order that was never placed according to its status; it counts as placed.',
        'select purchase_order_id as odd_key from ' ~ orders ~ " as orders where stage = 'draft' and exists (
            select 1 from " ~ receipts ~ ' as receipts where receipts.purchase_order_id = orders.purchase_order_id)',
    ),
    (
        'receipt_without_date',
        'A receipt has no usable date (missing, or 0001-01-01); its quantity counts, but it has no lead time.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where received_date is null',
    ),
    (
        'receipt_above_ordered',
        'More was received than was ordered and not cancelled.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ ' where over_received_quantity > 0',
    ),
    (
        'delivered_without_receipt',
        'The line reports more delivered units than its receipts; the difference does not count as open, but has no lead time.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ ' where delivered_quantity > received_quantity',
    ),
    (
        'done_without_receipt',
        'The order is completed, but nothing was received for the row; it is left out of lead times.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ " where stage = 'done' and received_quantity = 0 and net_quantity > 0",
    ),
    (
        'order_without_supplier',
        'The purchase order names no supplier; its rows count only in the global lead time.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' where supplier_id is null and not is_transfer',
    ),
    (
        'order_of_unknown_supplier',
        'The supplier of the purchase order was deleted or cannot be read; it keeps its measured lead times and, if known, its last configuration.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' as orders where supplier_id is not null and not exists (
            select 1 from ' ~ ref('stg_suppliers') ~ ' as suppliers where suppliers.supplier_id = orders.supplier_id)',
    ),
    (
        'order_maximum_below_minimum',
        'The maximum order value of the supplier is below its minimum; only the minimum applies.',
        'select supplier_id as odd_key from ' ~ ref('dim_supplier')
            ~ ' where not is_deleted and maximum_order_amount > 0 and maximum_order_amount < minimum_order_amount',
    ),
    (
        'order_without_lines',
        'The purchase order has no lines, so nothing of it counts.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' as orders where not exists (
            select 1 from ' ~ lines ~ ' as lines where lines.purchase_order_id = orders.purchase_order_id)',
    ),
    (
        'order_without_date',
        'The purchase order has no usable creation date (missing, or 0001-01-01); its rows have no duration.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' where order_date is null',
    ),
    (
        'order_with_unknown_status',
        'The status is in no seed; the order counts as placed. Add the status to the var more_purchase_order_statuses.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' where seeded_stage is null',
    ),
    (
        'line_without_quantity',
        'The ordered quantity of the line is 0 or negative; its row has net quantity 0 and is left out of lead times.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where ordered_quantity <= 0',
    ),
    (
        'line_canceled_above_ordered',
        'More was cancelled than ordered; the net quantity counts as 0.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where canceled_quantity > ordered_quantity',
    ),
    (
        'line_without_sku',
        'The line has no SKU; it has no row in fct_purchase_order_line.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where sku is null',
    ),
    (
        'line_of_unknown_sku',
        'No product has the SKU of the line; the line counts, but nothing is known about the article.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' as lines where sku is not null and not exists (
            select 1 from ' ~ ref('dim_product') ~ ' as products where products.sku = lines.sku)',
    ),
    (
        'line_sku_in_other_case',
        'The SKU of the line differs from that of its product or stock only in capitals or surrounding blanks; it counts as the same SKU.',
        'select purchase_order_line_id as odd_key from ' ~ ref('int_purchase_order_line_promises') ~ ' where written_sku <> sku',
    ),
    (
        'line_without_warehouse',
        'Neither the line nor its order names a receiving warehouse; receipts cannot be matched.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where warehouse_code is null',
    ),
    (
        'open_beyond_history',
        'The row has been open longer than any comparable order took, and may never arrive; no arrival is estimated.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ ref('open_purchase_eta') ~ ' where is_beyond_history',
    ),
    (
        'transaction_of_unknown_type',
        'The type of the stock transaction is in no seed; the transaction counts as other. Add the type to the var more_inventory_transaction_types.',
        'select transactions.transaction_id as odd_key from ' ~ transactions ~ ' as transactions left join '
        ~ seed_with(ref('inventory_transaction_types'), 'transaction_type', 'kind') ~ ' as types on lower(transactions.transaction_type) = types.transaction_type
            where types.transaction_type is null
            and coalesce(' ~ local_date('transactions.transacted_at') ~ ' <= ' ~ as_of() ~ ', true)',
    ),
    (
        'sku_of_several_products',
        'Several products have the same SKU (not counting language versions of one product); the newest is used.',
        "select sku as odd_key from (
            select coalesce(sku_id, product_id, id) as sku, product_id from " ~ ref('stg_products') ~ "
            union
            select coalesce(variants.sku_id, variants.product_id, variants.id) as sku, products.product_id
            from " ~ ref('stg_product_variants') ~ ' as variants
            inner join ' ~ ref('stg_products') ~ ' as products on variants.product_key = products.product_key
        ) as owners where sku is not null group by sku having count(distinct product_id) > 1',
    ),
    (
        'supplier_without_lead_time',
        'The supplier has no configured lead time; the default of the tenant applies.',
        'select supplier_id as odd_key from ' ~ ref('lead_time_policy') ~ ' where is_default_configured',
    ),
] -%}
{{ quality_checks(checks) }}
