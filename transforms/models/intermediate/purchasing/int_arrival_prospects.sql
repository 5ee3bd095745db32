{#
  One row per prospect_key of open_purchase_eta and day on which comparable orders arrived: from `from_days` more days
  on, until `until_days` (null: for ever), the open quantity has arrived with this probability, 1 − S(a + h) / S(a).
  Before the first row it is 0. Rows beyond all history have none: see the macro arrival_probability.
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

    select
        prospects.prospect_key,
        prospects.age_days,
        lead_time_survival.day,
        lead_time_survival.received,
        lead_time_survival.recent_survival,
        coalesce(
            min(case when lead_time_survival.day <= prospects.age_days then lead_time_survival.recent_survival end) over (
                partition by prospects.prospect_key
            ),
            1
        ) as survival_at_age
    from prospects
    inner join {{ ref('lead_time_survival') }} as lead_time_survival
        on prospects.lead_time_level = lead_time_survival.level
        and coalesce(prospects.level_supplier_id, '') = coalesce(lead_time_survival.supplier_id, '')
        and coalesce(prospects.level_warehouse_code, '') = coalesce(lead_time_survival.warehouse_code, '')
        and coalesce(prospects.level_sku, '') = coalesce(lead_time_survival.sku, '')

)

select
    prospect_key,
    day - age_days as from_days,
    lead(day) over (partition by prospect_key order by day) - age_days as until_days,
    {{ rounded('1 - recent_survival / survival_at_age') }} as probability
from curves
where day > age_days
    and received > 0
