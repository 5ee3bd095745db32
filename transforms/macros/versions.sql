{#
  What the rows of each model built by key (materialized='table_by_key') depend on:

  key             the columns of its key
  by_key          queries with the key and a `part`; the version of a key is the digest of all its parts
  whole           queries with a `part` that the rows of all keys depend on; if one changes, the full table is built
  size            a relation (or one with a condition) with as many rows as a full build sorts and joins
  of_another_day  how rows of unchanged keys change with the as-of date; `:before` is replaced by the previous one

  A changed raw row has the id of the load that changed it, and the lists of a document are loaded with it, so that for
  documents this id is sufficient. Other rows are digested.
#}

{% macro versions_of_int_customer_order_lines() -%}
    {{ return({
        'key': ['order_row_id'],
        'by_key': [
            raw_versions('orders', {'order_row_id': '_dlt_id'}),
            'select order_row_id, 1 as part from ' ~ ref('stg_orders') ~ ' where created_date > ' ~ as_of(),
            'select order_row_id, hash(line_row_id) as part from ' ~ ref('stg_order_lines')
                ~ ' where canceled_date > ' ~ as_of(),
            'select order_row_id, hash(line_row_id) as part from ' ~ ref('stg_order_shipment_lines')
                ~ ' where canceled_date > ' ~ as_of(),
        ],
        'whole': [
            'select hash(sku, is_virtual, ' ~ is_package_product('products') ~ ') as part from ' ~ ref('dim_product')
                ~ ' as products where is_virtual or ' ~ is_package_product('products'),
            'select hash(spellings) as part from ' ~ ref('int_sku_spellings') ~ ' as spellings',
            'select hash(places) as part from ' ~ ref('int_virtual_locations') ~ ' as places',
            'select hash(types) as part from ' ~ ref('order_types') ~ ' as types',
        ],
        'size': ref('stg_order_lines'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{% macro versions_of_int_stock_change_days() -%}
    {{ return({
        'key': ['sku', 'warehouse_code'],
        'by_key': [
            versions_in_one_spelling(
                raw_versions('inventory_transactions', {'sku': 'variant', 'warehouse_code': 'warehouse_code'})
            ),
            versions_in_one_spelling(
                'select sku, warehouse_code, hash(transaction_id) as part from ' ~ ref('stg_inventory_transactions')
                ~ ' where transacted_at > ' ~ demand_second_before_day(add_days(as_of(), 1))
                ~ ' and sku is not null and warehouse_code is not null'
            ),
        ],
        'whole': [
            'select hash(warehouse_code) as part from ' ~ ref('stg_stores') ~ ' where is_virtual',
            'select hash(spellings) as part from ' ~ ref('int_sku_spellings') ~ ' as spellings',
        ],
        'size': ref('stg_inventory_transactions'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{# Versions by SKU and warehouse (none if there are none), with the SKU as its product spells it. #}
{% macro versions_in_one_spelling(versions) -%}
    {%- if versions is none -%}{{ return(none) }}{%- endif -%}
    {{ return(
        'select coalesce(spellings.sku, versions.sku) as sku, warehouse_code, part from (' ~ versions ~ ') as versions left join '
        ~ ref('int_sku_spellings') ~ ' as spellings on spellings.spelling = versions.sku'
    ) }}
{%- endmacro %}


{% macro versions_of_fct_stock_and_demand_change() -%}
    {%- set parts = [] -%}
    {%- for parent in ['int_customer_demand', 'int_customer_returns', 'int_transfers_out', 'int_stock_change_days'] -%}
        {%- do parts.append('select sku, warehouse_code, hash(rows) as part from ' ~ ref(parent) ~ ' as rows') -%}
    {%- endfor -%}
    {{ return({
        'key': ['sku', 'warehouse_code'],
        'by_key': parts,
        'whole': [],
        'size': ref('int_stock_change_days'),
        'of_another_day': 'update ' ~ this ~ ' set run_days = ' ~ days_between('day', add_days(as_of(), 1))
            ~ ' where ' ~ add_days('day', 'run_days') ~ ' = ' ~ add_days(':before', 1),
    }) }}
{%- endmacro %}


{% macro versions_of_int_purchase_order_line_promises() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [
            raw_versions('purchase_orders', {'purchase_order_id': 'id'}),
            rows_versions('int_purchase_orders'),
            'select orders.purchase_order_id, hash(deliveries.delivery_id, deliveries.estimated_arrival_at, deliveries.modified_at)'
                ~ ' as part from ' ~ ref('stg_purchase_order_lines') ~ ' as lines inner join ' ~ ref('int_purchase_orders')
                ~ ' as orders on lines.purchase_order_key = orders.purchase_order_key inner join ' ~ ref('stg_deliveries')
                ~ ' as deliveries on coalesce(lines.delivery_id, orders.delivery_id) = deliveries.delivery_id',
        ],
        'whole': [
            'select hash(spellings) as part from ' ~ ref('int_sku_spellings') ~ ' as spellings',
            'select hash(places) as part from ' ~ ref('int_virtual_locations') ~ ' as places',
        ],
        'size': ref('stg_purchase_order_lines'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{#
  For a day other than that of the newest load, states depend on when each of their sources last changed, so all are
  built.
#}
{% macro versions_of_int_purchase_order_line_states() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [
            rows_versions('int_purchase_order_line_promises'),
            rows_versions('int_purchase_orders'),
            rows_versions('purchase_order_line_history'),
        ] if as_of_is_current() | trim == 'true' else [none],
        'whole': [],
        'size': ref('int_purchase_order_line_promises'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{% macro versions_of_int_purchase_order_rows() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [rows_versions('int_purchase_order_line_states')],
        'whole': [],
        'size': ref('int_purchase_order_line_states'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{% macro versions_of_int_purchase_receipts() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [
            raw_versions('inventory_transactions', {'purchase_order_id': 'purchase_order_id'}),
            'select purchase_order_id, hash(transaction_id) as part from ' ~ ref('stg_inventory_transactions')
                ~ ' where transacted_at > ' ~ demand_second_before_day(add_days(as_of(), 1)) ~ ' and purchase_order_id is not null',
            rows_versions('int_purchase_orders'),
            rows_versions('int_purchase_order_line_promises'),
        ],
        'whole': [
            'select hash(spellings) as part from ' ~ ref('int_sku_spellings') ~ ' as spellings',
            'select hash(places) as part from ' ~ ref('int_virtual_locations') ~ ' as places',
        ],
        'size': ref('stg_inventory_transactions') ~ ' where purchase_order_id is not null',
        'of_another_day': none,
    }) }}
{%- endmacro %}


{% macro versions_of_int_purchase_receipt_parts() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [rows_versions('int_purchase_order_rows'), rows_versions('int_purchase_receipts')],
        'whole': [],
        'size': ref('int_purchase_receipts'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{% macro versions_of_fct_purchase_receipt() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [rows_versions('int_purchase_receipts')],
        'whole': [],
        'size': ref('int_purchase_receipts'),
        'of_another_day': none,
    }) }}
{%- endmacro %}


{# On another day, the age of an open row is different, and so is that of a row to be cancelled later. #}
{% macro versions_of_fct_purchase_order_line() -%}
    {{ return({
        'key': ['purchase_order_id'],
        'by_key': [
            rows_versions('int_purchase_order_rows'),
            rows_versions('int_purchase_orders'),
            rows_versions('int_purchase_receipts'),
            rows_versions('int_purchase_receipt_parts'),
            'select purchase_order_id, 1 as part from ' ~ ref('int_purchase_orders') ~ ' where cancelled_date >= ' ~ as_of(),
        ],
        'whole': [],
        'size': ref('int_purchase_order_rows'),
        'of_another_day': 'update ' ~ this ~ ' set duration_days = ' ~ days_between('order_date', as_of())
            ~ ' where not is_complete and not is_closed_short and duration_days = ' ~ days_between('order_date', ':before'),
    }) }}
{%- endmacro %}


{# The versions of another model's rows, by their purchase order. #}
{% macro rows_versions(name) -%}
    {{ return('select purchase_order_id, hash(rows) as part from ' ~ ref(name) ~ ' as rows where purchase_order_id is not null') }}
{%- endmacro %}


{#
  The versions of a resource's documents, from the load of each; none if its rows do not have it. `key` maps the columns
  of the key to raw ones. A document without one of them has no key.
#}
{% macro raw_versions(table, key) -%}
    {%- set found = raw_columns(table) -%}
    {%- if '_dlt_load_id' not in found -%}{{ return(none) }}{%- endif -%}
    {%- set columns, conditions = [], [] -%}
    {%- for name, column in key.items() -%}
        {%- set value = "nullif(" ~ raw_column(column, 'text', found) | trim ~ ", '')" -%}
        {%- do columns.append(value ~ ' as ' ~ name) -%}
        {%- do conditions.append(value ~ ' is not null') -%}
    {%- endfor -%}
    {%- if '_omnium_deleted_at' in found -%}{%- do conditions.append('_omnium_deleted_at is null') -%}{%- endif -%}
    {{ return(
        'select ' ~ columns | join(', ') ~ ', hash(_dlt_id, _dlt_load_id) as part from ' ~ raw_relation(table)
        ~ ' as raw_rows where ' ~ conditions | join(' and ')
    ) }}
{%- endmacro %}
