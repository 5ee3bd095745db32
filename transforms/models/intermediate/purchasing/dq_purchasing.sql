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
        'Goods were received before the order was created: paperwork came after the goods. The order row is
         kept as retroactive and left out of lead times.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where received_date < order_date',
    ),
    (
        'receipt_without_purchase_order',
        'A stock transaction of a goods reception names no purchase order: it counts in stock, but for no
         order and no lead time.',
        'select transaction_id as odd_key from ' ~ transactions ~ ' as transactions inner join '
        ~ seed_with(ref('inventory_transaction_types'), 'transaction_type', 'kind') ~ " as types on lower(transactions.transaction_type) = types.transaction_type
            where types.kind = 'receipt' and transactions.purchase_order_id is null and transactions.quantity <> 0
            and not transactions.is_virtual
            and coalesce(" ~ local_date('transactions.transacted_at') ~ ' <= ' ~ as_of() ~ ', true)',
    ),
    (
        'receipt_of_unknown_purchase_order',
        'A receipt names a purchase order that the tenant does not (any longer) show: it counts in stock, but for no order.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where not is_order_known',
    ),
    (
        'receipt_in_other_warehouse',
        'The order holds the SKU, but for another warehouse: the receipt fills no order row, and the row stays open
         unless the line itself says delivered.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' as receipts where not is_matched and exists (
            select 1 from ' ~ lines ~ ' as lines where lines.purchase_order_id = receipts.purchase_order_id
            and lines.sku = receipts.sku)',
    ),
    (
        'receipt_of_sku_not_ordered',
        'The order does not hold the SKU that was received for it (a substitute, or a wrong booking): the receipt fills no order row.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' as receipts where not is_matched and is_order_known
            and not exists (select 1 from ' ~ lines ~ ' as lines
            where lines.purchase_order_id = receipts.purchase_order_id and lines.sku = receipts.sku)',
    ),
    (
        'receipt_negative',
        'A negative receipt (a correction, or goods sent back): it takes back the latest units received for the order.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where quantity < 0',
    ),
    (
        'receipt_negative_beyond_received',
        'More was taken back than had been received for the order: what is received counts as 0, not below.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ receipts ~ ' where is_matched
            group by purchase_order_id, sku, warehouse_code having sum(quantity) < 0',
    ),
    (
        'receipt_for_cancelled_line',
        'Goods came for a line that was cancelled whole, or an order that was cancelled.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ " where received_quantity > 0
            and (stage = 'cancelled' or (net_quantity = 0 and canceled_quantity > 0))",
    ),
    (
        'receipt_for_draft',
        'Goods came for an order whose status says that it was never placed: it counts as placed.',
        'select purchase_order_id as odd_key from ' ~ orders ~ " as orders where stage = 'draft' and exists (
            select 1 from " ~ receipts ~ ' as receipts where receipts.purchase_order_id = orders.purchase_order_id)',
    ),
    (
        'receipt_without_date',
        'A receipt has no usable date (missing, or 0001-01-01): its quantity counts, its lead time cannot.',
        'select transaction_id as odd_key from ' ~ receipts ~ ' where received_date is null',
    ),
    (
        'receipt_above_ordered',
        'More came than was ordered and not cancelled.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ ' where over_received_quantity > 0',
    ),
    (
        'delivered_without_receipt',
        'The line says that more was delivered than its receipts show: the difference is not open, but no lead time can be measured.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ ' where delivered_quantity > received_quantity',
    ),
    (
        'done_without_receipt',
        'The order is completed, but nothing was received for the row: it is left out of lead times.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ order_rows ~ " where stage = 'done' and received_quantity = 0 and net_quantity > 0",
    ),
    (
        'order_without_supplier',
        'The purchase order names no supplier: its rows count in the global lead time only.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' where supplier_id is null and not is_transfer',
    ),
    (
        'order_of_unknown_supplier',
        'The supplier of the purchase order was deleted, or cannot be read: it keeps its measured lead times, and what was configured last, where that is known.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' as orders where supplier_id is not null and not exists (
            select 1 from ' ~ ref('stg_suppliers') ~ ' as suppliers where suppliers.supplier_id = orders.supplier_id)',
    ),
    (
        'order_maximum_below_minimum',
        'The greatest value of an order that the supplier states is below the least: the least alone holds.',
        'select supplier_id as odd_key from ' ~ ref('dim_supplier')
            ~ ' where not is_deleted and maximum_order_amount > 0 and maximum_order_amount < minimum_order_amount',
    ),
    (
        'order_without_lines',
        'The purchase order has no lines: there is nothing to count.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' as orders where not exists (
            select 1 from ' ~ lines ~ ' as lines where lines.purchase_order_id = orders.purchase_order_id)',
    ),
    (
        'order_without_date',
        'The purchase order has no usable creation date (missing, or 0001-01-01): its rows have no duration.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' where order_date is null',
    ),
    (
        'order_with_unknown_status',
        'No seed knows the status: it counts as placed. Add it to the var more_purchase_order_statuses.',
        'select purchase_order_id as odd_key from ' ~ orders ~ ' where seeded_stage is null',
    ),
    (
        'line_without_quantity',
        'The line orders nothing, or less than nothing: its row has net quantity 0 and is left out of lead times.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where ordered_quantity <= 0',
    ),
    (
        'line_canceled_above_ordered',
        'More was cancelled than ordered: the net quantity counts as 0.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where canceled_quantity > ordered_quantity',
    ),
    (
        'line_without_sku',
        'The line names no SKU: it has no row in fct_purchase_order_line.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where sku is null',
    ),
    (
        'line_of_unknown_sku',
        'No product has the SKU of the line: it counts, but nothing is known of it.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' as lines where sku is not null and not exists (
            select 1 from ' ~ ref('dim_product') ~ ' as products where products.sku = lines.sku)',
    ),
    (
        'line_sku_in_other_case',
        'The SKU of the line differs from that of its product or stock in capitals or outer blanks only: it counts as that one.',
        'select purchase_order_line_id as odd_key from ' ~ ref('int_purchase_order_line_promises') ~ ' where written_sku <> sku',
    ),
    (
        'line_without_warehouse',
        'Neither the line nor its order names a receiving warehouse: receipts cannot be matched.',
        'select purchase_order_line_id as odd_key from ' ~ lines ~ ' where warehouse_code is null',
    ),
    (
        'open_beyond_history',
        'The row has been open longer than any comparable order ever took: it may never come. No arrival can be estimated.',
        'select ' ~ row_key ~ ' as odd_key from ' ~ ref('open_purchase_eta') ~ ' where is_beyond_history',
    ),
    (
        'transaction_of_unknown_type',
        'No seed knows the type of the stock transaction: it counts as other. Add it to the var more_inventory_transaction_types.',
        'select transactions.transaction_id as odd_key from ' ~ transactions ~ ' as transactions left join '
        ~ seed_with(ref('inventory_transaction_types'), 'transaction_type', 'kind') ~ ' as types on lower(transactions.transaction_type) = types.transaction_type
            where types.transaction_type is null
            and coalesce(' ~ local_date('transactions.transacted_at') ~ ' <= ' ~ as_of() ~ ', true)',
    ),
    (
        'sku_of_several_products',
        'Several products hold the same SKU (language versions of one product do not count): the newest is taken.',
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
        'The supplier has no configured lead time: the default of the tenant stands in its place.',
        'select supplier_id as odd_key from ' ~ ref('lead_time_policy') ~ ' where is_default_configured',
    ),
] -%}
{{ quality_checks(checks) }}
