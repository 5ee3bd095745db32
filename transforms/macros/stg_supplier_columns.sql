{#
  Suppliers that the tenant returns and those that it no longer returns have the same columns.
#}
{% macro raw_supplier_columns() -%}
    {{ return({
        'id': 'text', 'name': 'text', 'version_id': 'text', 'previous_version_id': 'text',
        'omnium_store_id': 'text', 'preferred_currency': 'text', 'incoterms': 'text',
        'default_lead_time': 'days', 'default_lead_time_safety_margin_days': 'days',
        'default_order_interval_days': 'days', 'payment_terms': 'days',
        'minimum_order_amount': 'amount', 'maximum_order_amount': 'amount', 'shipment_cost': 'amount',
        'created': 'timestamp', 'modified': 'timestamp',
    }) }}
{%- endmacro %}


{% macro renamed_supplier_columns() -%}
        -- ids
        id as supplier_id,
        version_id,
        previous_version_id,
        nullif(omnium_store_id, '') as omnium_store_id,

        -- text
        name as supplier_name,
        nullif(preferred_currency, '') as currency,
        incoterms,

        -- numerics
        default_lead_time as lead_time_days,
        default_lead_time_safety_margin_days as safety_margin_days,
        default_order_interval_days as order_interval_days,
        payment_terms as payment_terms_days,
        {{ money('minimum_order_amount') }} as minimum_order_amount,
        {{ money('maximum_order_amount') }} as maximum_order_amount,
        {{ money('shipment_cost') }} as shipment_cost,

        -- timestamps
        created as created_at,
        modified as modified_at
{%- endmacro %}
