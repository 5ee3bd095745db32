{# The lead times of all levels are computed from the same rows. #}
with observations as (

    select count(*) as lines
    from {{ ref('int_lead_time_observations') }}
    where not is_transfer
        and supplier_id is not null
        and warehouse_code is not null

),

levels as (

    select level, sum(received + censored) as lines
    from {{ ref('lead_time_survival') }}
    where level in ('supplier_warehouse', 'supplier_warehouse_sku')
    group by level

)

select levels.level, levels.lines, observations.lines as observed_lines
from levels
cross join observations
where levels.lines <> observations.lines
