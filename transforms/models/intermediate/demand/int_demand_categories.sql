-- One row per SKU with a category. Its demand is compared with that of the category.

select
    sku,
    main_category_id as category
from {{ ref('dim_product') }}
where main_category_id is not null
