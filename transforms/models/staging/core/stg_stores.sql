with source as (

    {{ raw('stores', {
        'id': 'text', 'name': 'text', 'store_group_id': 'text', 'address__city': 'text',
        'address__country_code': 'text', 'address__street_name': 'text', 'address__street_number': 'text',
        'address__zipcode': 'text', 'shipping_address__street_name': 'text', 'shipping_address__street_number': 'text',
        'shipping_address__zipcode': 'text', 'shipping_address__city': 'text',
        'shipping_address__country_code': 'text', 'is_warehouse': 'boolean', 'is_web_warehouse': 'boolean',
        'is_primary_warehouse': 'boolean', 'is_virtual': 'boolean', 'is_inactive': 'boolean',
        'has_virtual_stock_locations': 'boolean', 'monday_opening_hours__is_open': 'boolean',
        'tuesday_opening_hours__is_open': 'boolean', 'wednesday_opening_hours__is_open': 'boolean',
        'thursday_opening_hours__is_open': 'boolean', 'friday_opening_hours__is_open': 'boolean',
        'saturday_opening_hours__is_open': 'boolean', 'sunday_opening_hours__is_open': 'boolean', 'created': 'timestamp', 'modified': 'timestamp',
    }) }}

),

renamed as (

    select
        -- ids
        id as warehouse_code,
        _dlt_id as store_key,
        store_group_id,

        -- text
        name as warehouse_name,
        address__city as city,
        address__country_code as country_code,
        {% for field, column in [('street_name', 'delivery_street'), ('street_number', 'delivery_street_number'),
            ('zipcode', 'delivery_postal_code'), ('city', 'delivery_city'), ('country_code', 'delivery_country_code')] -%}
        case
            when coalesce(shipping_address__street_name, shipping_address__zipcode) is not null
                then shipping_address__{{ field }}
            else address__{{ field }}
        end as {{ column }},
        {% endfor %}

        -- booleans
        coalesce(is_warehouse, false) as is_warehouse,
        coalesce(is_web_warehouse, false) as is_web_warehouse,
        coalesce(is_primary_warehouse, false) as is_primary_warehouse,
        coalesce(is_virtual, false) as is_virtual,
        coalesce(is_inactive, false) as is_inactive,
        coalesce(has_virtual_stock_locations, false) as has_virtual_stock_locations,
        {% for day in ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] -%}
        {{ day }}_opening_hours__is_open as is_open_on_{{ day }},
        {% endfor %}

        -- timestamps
        created as created_at,
        modified as modified_at
    from source

)

select * from renamed
