{#
  Products and their variants have the same fields (a variant is a product within a product), so both staging models
  select the same columns.
#}
{% macro raw_product_columns() -%}
    {{ return({
        'id': 'text', 'product_id': 'text', 'sku_id': 'text', 'language': 'text', 'name': 'text',
        'alternative_product_name': 'text', 'brand': 'text', 'status': 'text', 'product_type': 'text',
        'main_category_id': 'text', 'main_category_name': 'text', 'unit': 'text',
        'supplier_id': 'text', 'supplier_name': 'text', 'supplier_sku_id': 'text', 'cost_currency': 'text',
        'supplier_lead_time': 'days', 'lead_time': 'days',
        'supplier_packaging_quantity': 'quantity', 'min_quantity': 'quantity', 'max_quantity': 'quantity',
        'cost': 'price', 'cost_in_default_currency': 'price',
        'allow_supplier_package_break': 'boolean', 'is_active': 'boolean', 'is_sku': 'boolean',
        'is_deleted': 'boolean', 'is_virtual': 'boolean', 'is_package': 'boolean', 'is_bundle': 'boolean', 'is_kit': 'boolean',
        'is_backorder': 'boolean', 'is_excluded_from_analytics': 'boolean',
        'assortment_codes': 'json', 'ean': 'text', 'gtins': 'text',
        'discontinued': 'end', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}
{%- endmacro %}


{% macro renamed_product_columns() -%}
        -- ids
        id,
        product_id,
        nullif(sku_id, '') as sku_id,
        nullif(supplier_id, '') as supplier_id,
        supplier_sku_id,
        main_category_id,
        -- A product may have several; the one that it names as its own is taken, else the first of the list.
        coalesce(nullif(ean, ''), nullif(split_part(gtins, '"', 2), '')) as gtin,

        -- text
        language,
        coalesce(name, alternative_product_name) as product_name,
        brand,
        status,
        product_type,
        main_category_name,
        unit,
        supplier_name,
        nullif(cost_currency, '') as cost_currency,
        assortment_codes,

        -- numerics
        coalesce(supplier_lead_time, lead_time) as supplier_lead_time_days,
        {{ quantity('supplier_packaging_quantity') }} as pack_quantity,
        {{ quantity('min_quantity') }} as min_quantity,
        {{ quantity('max_quantity') }} as max_quantity,
        {{ money('cost') }} as cost,
        {{ money('cost_in_default_currency') }} as cost_in_default_currency,

        -- booleans (null if the product does not say)
        allow_supplier_package_break as is_package_break_allowed,
        coalesce(is_deleted, false) or coalesce(lower(status) = 'deleted', false) as is_deleted,
        is_active,
        is_sku,
        is_virtual,
        is_package,
        is_bundle,
        is_kit,
        is_backorder,
        is_excluded_from_analytics,

        -- timestamps
        discontinued as discontinued_at,
        created as created_at,
        modified as modified_at
{%- endmacro %}
