{#
  Survival curves (Kaplan–Meier). The observation of a row ends with its receipt (an event) or is censored (the row is
  still open, or was cancelled before anything came).
#}

{# The level of a group of purchases, according to whether it has a supplier, a warehouse and a SKU. #}
{% macro level_of_purchases() -%}
        case
            when grouping(supplier_id) = 1 then 'global'
            when grouping(warehouse_code) = 1 then 'supplier'
            when grouping(sku) = 1 then 'supplier_warehouse'
            else 'supplier_warehouse_sku'
        end
{%- endmacro %}


{# The columns that count endings; the query groups by level key and duration_days. #}
{% macro survival_counts(sku='sku') -%}
        supplier_id,
        warehouse_code,
        {{ sku }} as sku,
        duration_days as day,
        count(*) as ended,
        count(case when is_received then 1 end) as received,
        count(case when is_open then 1 end) as still_open,
        -- The lines of one truck are one observation.
        count(distinct case when is_received then observation_key end) as observations,
        {{ rounded('sum(recency_weight)', 9) }} as ended_weight,
        {{ rounded('sum(case when is_received then recency_weight else 0 end)', 9) }} as received_weight,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date
{%- endmacro %}


{#
  The curve from counts. `from_relation` has the key columns, day, ended and received. Adds at_risk (rows that lasted at
  least `day` days) and survival (share not yet received after `day` days). Of rows that end on the same day, the
  received ones come first. With `weighted`, `from_relation` also has ended_weight and received_weight, and
  recent_survival is the same curve with weighted rows. If all remaining rows are so old that their rounded weights are
  0 (20 half-lives), they count equally.
#}
{% macro survival_curve(from_relation, keys, weighted=false) -%}
    {%- set key_list = keys | join(', ') -%}
    select
        risks.*,
        {{ rounded(running_product(
            '1 - ' ~ real('received') ~ ' / at_risk', key_list, 'day'
        ), 12) }} as survival
        {%- if weighted %},
        {{ rounded(running_product(
            '1 - case when weight_at_risk > 0.000001 then received_weight / weight_at_risk else ' ~ real('received') ~ ' / at_risk end',
            key_list, 'day'
        ), 12) }} as recent_survival
        {%- endif %}
    from (
        select
            counts.*,
            {{ whole('sum(ended) over (
                partition by ' ~ key_list ~ '
                order by day desc
                rows between unbounded preceding and current row
            )') }} as at_risk
            {%- if weighted %},
            {{ rounded('sum(ended_weight) over (
                partition by ' ~ key_list ~ '
                order by day desc
                rows between unbounded preceding and current row
            )', 9) }} as weight_at_risk
            {%- endif %}
        from {{ from_relation }} as counts
    ) as risks
{%- endmacro %}


{# The product of `factor` over the rows up to this one. #}
{% macro running_product(factor, partition_by, order_by) -%}
    {{ return(adapter.dispatch('running_product', 'omnium')(factor, partition_by, order_by)) }}
{%- endmacro %}

{% macro default__running_product(factor, partition_by, order_by) -%}
    {%- set frame = 'partition by ' ~ partition_by ~ ' order by ' ~ order_by
        ~ ' rows between unbounded preceding and current row' -%}
    {{ return(
        'case when min(' ~ factor ~ ') over (' ~ frame ~ ') <= 0 then 0 '
        ~ 'else exp(sum(ln(nullif(greatest(' ~ factor ~ ', 0), 0))) over (' ~ frame ~ ')) end'
    ) }}
{%- endmacro %}

{% macro duckdb__running_product(factor, partition_by, order_by) -%}
    {{ return('product(' ~ factor ~ ') over (partition by ' ~ partition_by ~ ' order by ' ~ order_by
        ~ ' rows between unbounded preceding and current row)') }}
{%- endmacro %}


{#
  Figures of a curve, for a query grouped by its key over rows with day, next_day and survival. The curve is 1 before
  its first day, so the days before it are added in full.
#}

{# The first day on which at most 1 − probability is still to come; null if there is none. #}
{% macro survival_quantile(probability, survival='survival') -%}
    min(case when {{ survival }} <= 1 - {{ probability }} + 1e-9 then day end)
{%- endmacro %}

{# Σ S(t) for t from 0 to the last day. #}
{% macro survival_mean(survival='survival') -%}
    (min(day) + coalesce(sum({{ survival }} * (next_day - day)), 0))
{%- endmacro %}

{# Σ (2t + 1)·S(t) for t from 0 to the last day. #}
{% macro survival_mean_square(survival='survival') -%}
    (min(day) * min(day) + coalesce(sum({{ survival }} * (next_day * next_day - day * day)), 0))
{%- endmacro %}


{# Minimum number of observations for recommending a changed setting. #}
{% macro enough_observations() -%} 8 {%- endmacro %}


{# Minimum number of observations for a drift; a single slow month is not a drift. #}
{% macro enough_observations_for_a_drift() -%} 20 {%- endmacro %}


{# Weight of an order by its age: 1 at the as-of date, one half for each half-life before it. #}
{% macro lead_time_recency(order_date) -%}
    {{ rounded('power(0.5e0, ' ~ days_between(order_date, as_of()) ~ ' / ' ~ real(var('lead_time_half_life_days')) ~ ')', 12) }}
{%- endmacro %}


{# Minimum number of completed lines for using a level's own curve instead of its parent's. #}
{% macro enough_lines_for_a_curve() -%} 5 {%- endmacro %}


{#
  One row per prospect_key and day of its level's curve, with S on that day and S at the prospect's age. `prospects` has
  prospect_key, the level and its key (lead_time_level, level_…) and age_days.
#}
{% macro prospect_curves(prospects) -%}
select
    prospects.prospect_key,
    prospects.age_days,
    lead_time_survival.day,
    lead_time_survival.received,
    lead_time_survival.recent_survival as survival,
    coalesce(
        min(case when lead_time_survival.day <= prospects.age_days then lead_time_survival.recent_survival end) over (
            partition by prospects.prospect_key
        ),
        1
    ) as survival_at_age
from {{ prospects }} as prospects
inner join {{ ref('lead_time_survival') }} as lead_time_survival
    on prospects.lead_time_level = lead_time_survival.level
    and coalesce(prospects.level_supplier_id, '') = coalesce(lead_time_survival.supplier_id, '')
    and coalesce(prospects.level_warehouse_code, '') = coalesce(lead_time_survival.warehouse_code, '')
    and coalesce(prospects.level_sku, '') = coalesce(lead_time_survival.sku, '')
{%- endmacro %}
