{%- set days = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] -%}
{%- set configured = {} -%}
{%- for supplier_id, named in var('supplier_order_days', {}).items() -%}
    {%- set numbers = [] -%}
    {%- for day in ([named] if named is string else named) -%}
        {%- if day | lower not in days -%}
            {{ exceptions.raise_compiler_error(
                "var supplier_order_days: '" ~ day ~ "' of supplier " ~ supplier_id ~ " is none of " ~ days | join(', ')
            ) }}
        {%- endif -%}
        {%- do numbers.append(days.index(day | lower)) -%}
    {%- endfor -%}
    {%- set numbers = numbers | unique | sort -%}
    {%- set gaps = [] -%}
    {%- for number in numbers -%}
        {%- do gaps.append((numbers[loop.index0 + 1] if not loop.last else numbers[0] + 7) - number) -%}
    {%- endfor -%}
    {%- if gaps -%}{%- do configured.update({supplier_id: gaps | max}) -%}{%- endif -%}
{%- endfor -%}
{%- do configured.update(var('supplier_review_days', {})) %}

-- One row per supplier with known order days, with the maximum number of days between two of them. They are configured
-- (var supplier_order_days or supplier_review_days) or, with var order_days_from_history, observed for a supplier whose
-- orders of a year were all placed on the same one or two weekdays.

with configured as (
    {%- for supplier_id, review_days in configured.items() %}
    select '{{ supplier_id | replace("'", "''") }}' as supplier_id, {{ real(review_days) }} as review_days
    union all
    {%- endfor %}
    select cast(null as {{ raw_type('text') }}) as supplier_id, {{ real('null') }} as review_days
    where 1 = 0
),

order_dates as (
    select distinct
        supplier_id,
        order_date,
        -- 0 is Monday.
        {{ days_between("cast('2001-01-01' as date)", 'order_date') }} % 7 as weekday
    from {{ ref('fct_purchase_order_line') }}
    where not is_transfer
        and order_date > {{ add_days(as_of(), -365) }}
        and {{ 'true' if var('order_days_from_history', false) else 'false' }}
),

observed as (
    select
        supplier_id,
        case
            when count(distinct weekday) = 1 then 7e0
            else greatest(max(weekday) - min(weekday), 7 - max(weekday) + min(weekday)) * 1e0
        end as review_days
    from order_dates
    group by supplier_id
    having count(*) >= 12
        and count(distinct weekday) <= 2
)

select supplier_id, review_days, true as is_configured from configured

union all

select supplier_id, review_days, false as is_configured
from observed
where supplier_id not in (select supplier_id from configured)
