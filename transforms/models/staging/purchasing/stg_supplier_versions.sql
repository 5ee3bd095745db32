with source as (

    {{ raw('supplier_versions', {
        'id': 'text', 'version_id': 'text', 'created': 'timestamp', 'created_by': 'text', 'type': 'text',
        'value__id': 'text', 'value__name': 'text', 'value__previous_version_id': 'text',
        'value__omnium_store_id': 'text', 'value__preferred_currency': 'text',
        'value__default_lead_time': 'days', 'value__default_lead_time_safety_margin_days': 'days',
        'value__default_order_interval_days': 'days',
        'value__minimum_order_amount': 'amount', 'value__maximum_order_amount': 'amount',
        'value__shipment_cost': 'amount', 'value__modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        coalesce(value__id, id) as supplier_id,
        version_id,
        value__previous_version_id as previous_version_id,
        nullif(value__omnium_store_id, '') as omnium_store_id,

        -- text
        created_by,
        value__name as supplier_name,
        nullif(value__preferred_currency, '') as currency,

        -- numerics
        value__default_lead_time as lead_time_days,
        value__default_lead_time_safety_margin_days as safety_margin_days,
        value__default_order_interval_days as order_interval_days,
        {{ money('value__minimum_order_amount') }} as minimum_order_amount,
        {{ money('value__maximum_order_amount') }} as maximum_order_amount,
        {{ money('value__shipment_cost') }} as shipment_cost,

        -- timestamps
        coalesce(created, value__modified) as created_at
    from source

)

select * from renamed
