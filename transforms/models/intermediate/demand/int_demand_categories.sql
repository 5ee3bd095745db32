-- One row per SKU with a category: its demand is compared with the category's.

select
    sku,
    main_category_id as category
from {{ ref('dim_product') }}
where main_category_id is not null
