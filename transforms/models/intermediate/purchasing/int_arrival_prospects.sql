{#
  One row per prospect_key of open_purchase_eta and day on which comparable orders arrived. From `from_days` days after
  the as-of date to `until_days` (null: for ever), the open quantity has arrived with this probability, 1 − S(a + h) /
  S(a). Before the first row it is 0. Rows beyond all history have no prospects; see the macro arrival_probability.
#}
with prospects as (

    select distinct
        levels.prospect_key,
        levels.lead_time_level,
        levels.level_supplier_id,
        levels.level_warehouse_code,
        levels.level_sku,
        levels.age_days
    from {{ ref('int_open_purchase_levels') }} as levels
    inner join {{ ref('open_purchase_eta') }} as open_purchase_eta
        on levels.prospect_key = open_purchase_eta.prospect_key
    where not open_purchase_eta.is_beyond_history

),

curves as (

    {{ prospect_curves('prospects') | indent(4) }}

)

select
    prospect_key,
    day - age_days as from_days,
    lead(day) over (partition by prospect_key order by day) - age_days as until_days,
    {{ rounded('1 - survival / survival_at_age') }} as probability
from curves
where day > age_days
    and received > 0
