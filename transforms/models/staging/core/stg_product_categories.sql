with source as (

    {{ raw('product_categories', {
        'id': 'text', 'category_id': 'text', 'parent_id': 'text', 'name': 'text',
        'language': 'text', 'sort_index': 'bigint', 'is_hidden': 'boolean',
        'is_main_category': 'boolean',
    }) }}

),

renamed as (

    select
        -- ids
        id as product_category_id,
        category_id,
        parent_id,

        -- text
        name as category_name,
        language,

        -- numerics
        sort_index,

        -- booleans
        coalesce(is_hidden, false) as is_hidden,
        coalesce(is_main_category, false) as is_main_category
    from source

)

select * from renamed
