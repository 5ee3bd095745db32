{%- set keys = ['level', 'supplier_id', 'warehouse_code', 'sku'] -%}
with curve as (

    {{ survival_curve(ref('int_lead_time_days'), keys, weighted=true) }}

)

select
    level,
    supplier_id,
    warehouse_code,
    sku,
    day,
    at_risk,
    received,
    ended - received as censored,
    still_open,
    observations,
    survival,
    recent_survival,
    first_order_date,
    last_order_date
from curve
