{%- set parameters = {
    'lead_time_days': 'lead time', 'safety_margin_days': 'safety margin', 'order_interval_days': 'order interval',
    'minimum_order_amount': 'minimum order amount', 'maximum_order_amount': 'maximum order amount',
    'shipment_cost': 'shipment cost', 'currency': 'currency',
} -%}
with versions as (

    select
        int_supplier_versions.*,
        {% for column in parameters -%}
        lag({{ column }}) over (partition by supplier_id order by version_number) as {{ column }}_before,
        {% endfor -%}
        max(version_number) over (partition by supplier_id) as last_version_number
    from {{ ref('int_supplier_versions') }} as int_supplier_versions
    where coalesce({{ local_date('valid_from') }}, case when version_number = 1 then {{ as_of() }} else first_day end) <= {{ as_of() }}

)

select
    supplier_id,
    version_id,
    version_number,
    supplier_name,
    valid_from,
    case when version_number < last_version_number then valid_to end as valid_to,
    version_number = last_version_number as is_current,
    created_by as changed_by,
    lead_time_days,
    lead_time_days_before,
    safety_margin_days,
    safety_margin_days_before,
    order_interval_days,
    order_interval_days_before,
    minimum_order_amount,
    minimum_order_amount_before,
    maximum_order_amount,
    maximum_order_amount_before,
    shipment_cost,
    shipment_cost_before,
    currency,
    currency_before,
    case
        when version_number = 1 then 'first version'
        else nullif(concat_ws(', '
            {%- for column, words in parameters.items() %},
            case when not ({{ is_same(column, column ~ '_before') }}) then '{{ words }}' end
            {%- endfor %}
        ), '')
    end as changed_parameters
from versions
