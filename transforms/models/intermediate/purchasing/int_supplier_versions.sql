{# One row per supplier and version, with the time during which it was in force. #}
{%- set terms = [
    'lead_time_days', 'safety_margin_days', 'order_interval_days', 'minimum_order_amount', 'maximum_order_amount',
    'shipment_cost',
] -%}
{%- set columns = ['supplier_name', 'omnium_store_id', 'currency'] + terms -%}
with versions as (

    select
        supplier_id,
        version_id,
        created_at,
        created_by,
        {{ columns | join(', ') }},
        false as is_today
    from {{ ref('stg_supplier_versions') }}

),

-- A deleted supplier keeps the state in which it was last seen.
last_seen as (

    select * from {{ ref('stg_suppliers') }}

    union all

    select * from {{ ref('stg_deleted_suppliers') }}
    where supplier_id not in (select shown.supplier_id from {{ ref('stg_suppliers') }} as shown)

),

today as (

    select
        supplier_id,
        version_id,
        coalesce(modified_at, created_at) as created_at,
        cast(null as {{ raw_type('text') }}) as created_by,
        {{ columns | join(', ') }},
        true as is_today
    from last_seen

),

-- The current state of a supplier is added as a version if it was not read as one, or if the supplier was changed
-- without a new version.
known as (

    select * from versions

    union all

    select
        today.supplier_id,
        case when versions.supplier_id is null then today.version_id else today.version_id || ' (changed)' end
            as version_id,
        today.created_at,
        today.created_by,
        {% for column in columns %}today.{{ column }}, {% endfor %}
        today.is_today
    from today
    left join versions
        on today.supplier_id = versions.supplier_id
        and today.version_id = versions.version_id
    where versions.supplier_id is null
        or (
            today.created_at > versions.created_at
            and (
                {% for term in terms + ['currency'] -%}
                {{ 'or ' if not loop.first }}today.{{ term }} is distinct from versions.{{ term }}
                {% endfor %}
            )
        )

),

dated as (

    select
        known.*,
        -- A version without a date has an unknown beginning; it counts from the date of the newest load on.
        coalesce({{ local_date('created_at') }}, case when {{ as_of_is_current() }} then {{ as_of() }} end) as valid_from_date,
        {{ whole('row_number() over (partition by supplier_id order by created_at nulls last, is_today, version_id)') }} as version_number,
        lead(created_at) over (partition by supplier_id order by created_at nulls last, is_today, version_id) as valid_to
    from known
    where supplier_id is not null

)

select
    supplier_id,
    -- If the tenant keeps no versions, suppliers have no version id.
    coalesce(version_id, 'today') as version_id,
    version_number,
    created_at as valid_from,
    valid_to,
    -- The first version is assumed to be in force before its date too, because nothing earlier is known.
    case when version_number = 1 then cast('0001-01-01' as date) else valid_from_date end as first_day,
    lead(valid_from_date) over (partition by supplier_id order by version_number) as next_version_day,
    created_by,
    {{ columns | join(', ') }}
from dated
