{#
  Demand over any number of days to come: its mean and its variance. Everything that needs a forecast (the profile,
  the proposal, the projection, the backtest) asks here, so that all of them say the same.
#}

{#
  The rows of `items` (columns sku and warehouse_code) with, for each name in `over`, {name: days}, <name>_mean and <name>_variance
  of the demand over so many days, and <name>_promotion, the part of the mean that promotions bring (days:
  an SQL expression on its columns: 0…400 days from tomorrow on, parts of days interpolated). 0 and 0 where nothing is
  known. The variance is that of the demand over exactly so many days, with what is not known of the level; the
  spread of a lead time is the caller's to add.

  estimates, seasons, weekdays: relations of demand_estimates, demand_seasons and demand_weekdays; by default those of
  the as-of date. For others give all of them, and items with the column as_of_day; promotions (of demand_promotions) are then
  left out where they are not given.
#}
{% macro demand_forecast_over(items, over, estimates=none, seasons=none, weekdays=none, promotions=none) -%}
{%- set on_day = estimates is not none -%}
{%- set promoted = promotions or (none if on_day else ref('int_demand_promotions')) -%}
select
    asked.*
    {%- for name, days in over.items() %}
    {%- set seasons_ahead, weekdays_ahead = name ~ '_seasons', name ~ '_weekdays' %}
    {%- set extra = demand_promoted_units(name ~ '_promotions', days) if promoted else '0e0' %},
    {{ demand_forecast_mean('estimates', seasons_ahead, weekdays_ahead, days) }} + {{ extra }} as {{ name }}_mean,
    {{ demand_forecast_variance('estimates', seasons_ahead, weekdays_ahead, days) }}
    {%- if promoted %}
        + coalesce({{ extra }} * estimates.variance_ratio, 0e0)
        + {{ demand_constants().promotion_variance }}e0 * power({{ extra }}, 2)
    {%- endif %} as {{ name }}_variance,
    {{ extra }} as {{ name }}_promotion
    {%- endfor %}
from {{ items }} as asked
left join (
    -- most articles of a large tenant sell nothing, and are expected to but where a promotion is planned
    select *
    from {{ estimates or ref('int_demand_estimates') }}
    where daily_demand > 0e0
        {%- if promoted %}
        or sku in (select sku from {{ promoted }})
        {%- endif %}
) as estimates
    on estimates.sku = asked.sku
    and estimates.warehouse_code = asked.warehouse_code
    {%- if on_day %}
    and estimates.as_of_day = asked.as_of_day
    {%- else %}
    and estimates.as_of_day = {{ as_of() }}
    {%- endif %}
{%- for name, days in over.items() %}
left join {{ seasons or ref('int_demand_seasons') }} as {{ name }}_seasons
    on {{ name }}_seasons.category = estimates.category
    and {{ name }}_seasons.as_of_day = estimates.as_of_day
    and {{ name }}_seasons.ahead_days = cast(floor(least({{ days }}, {{ demand_constants().ahead_days - 1 }}e0)) as integer)
left join {{ weekdays or ref('int_demand_weekdays') }} as {{ name }}_weekdays
    on {{ name }}_weekdays.warehouse_code = estimates.warehouse_code
    and {{ name }}_weekdays.as_of_day = estimates.as_of_day
    and {{ name }}_weekdays.ahead_days = cast(floor(least({{ days }}, {{ demand_constants().ahead_days - 1 }}e0)) as integer)
{%- if promoted %}
left join {{ promoted }} as {{ name }}_promotions
    on {{ name }}_promotions.sku = estimates.sku
    and {{ name }}_promotions.warehouse_code = estimates.warehouse_code
    and {{ name }}_promotions.as_of_day = estimates.as_of_day
    and {{ name }}_promotions.begins_after_days < {{ days }}
    and {{ name }}_promotions.ends_after_days >= {{ days }}
{%- endif %}
{%- endfor %}
{%- endmacro %}


{# Units that promotions bring beside the ordinary demand within so many days. #}
{% macro demand_promoted_units(promotions, days) -%}
    coalesce({{ promotions }}.before_quantity + {{ promotions }}.day_quantity * least(1e0, {{ days }} - {{ promotions }}.begins_after_days), 0e0)
{%- endmacro %}


{# Days counted as much as they sell, interpolated between two whole numbers of days. #}
{% macro demand_counted_days(relation, column, days) -%}
    ({{ relation }}.{{ column }} + ({{ days }} - {{ relation }}.ahead_days) * ({{ relation }}.next_{{ column }} - {{ relation }}.{{ column }}))
{%- endmacro %}


{# Mean of the days to come against an ordinary day now: season × weekdays. #}
{% macro demand_factor_ahead(seasons, weekdays, days) -%}
    case
        when {{ days }} > 0e0
            then {{ demand_counted_days(seasons, 'season_days', days) }}
                * {{ demand_counted_days(weekdays, 'weekday_days', days) }} / ({{ days }} * {{ days }})
        else 1e0
    end
{%- endmacro %}


{% macro demand_forecast_mean(estimates, seasons, weekdays, days) -%}
    coalesce({{ estimates }}.daily_demand * {{ days }} * {{ demand_factor_ahead(seasons, weekdays, days) }}, 0e0)
{%- endmacro %}


{#
  Variance = v + mean² · (whether a silent one has ended + (season_doubt · the share of a rising season that is left out)²),
  v = mean · variance_ratio + mean² · (what is not known of the level, u / (1 + u / most_level_variance), as if
  levels were gamma distributed in a category and u alone were known of this one, but at least drift_variance · days);
  mean · u = variance_ratio · (1 + days / drift_days) · days / (memory_days + 1).

  What sells daily and has been missed by more or less than v says has spread times as much. Past misses know of seasons and ends, too, so
  that what they add to v and what those add do not add up: the greater one counts.
#}
{% macro demand_forecast_variance(estimates, seasons, weekdays, days) -%}
    {%- set k = demand_constants() -%}
    {%- set mean = demand_forecast_mean(estimates, seasons, weekdays, days) -%}
    {%- set spread = demand_spread(estimates, days) -%}
    {%- set steady = demand_steady_variance(mean, estimates, estimates ~ '.most_level_variance', days) -%}
    coalesce(
        {{ steady }} * least(1e0, {{ spread }})
        + greatest(
            {{ steady }} * ({{ spread }} - 1e0),
            power({{ mean }}, 2) * (
                least({{ k.most_end_variance }}e0, 1e0 / {{ estimates }}.share_alive - 1e0)
                + power({{ k.season_doubt }}e0 * {{ demand_season_left_out(seasons, days) }}, 2)
            )
        ),
        0e0
    )
{%- endmacro %}


{#
  Variance of a sum of what has not ended, has no season and is not spread by its past misses: v above. `estimates`: a relation with
  variance_ratio and memory_days.
#}
{% macro demand_steady_variance(mean, estimates, most_level_variance, days) -%}
    {%- set k = demand_constants() -%}
    {%- set doubt -%}
    ({{ estimates }}.variance_ratio * (1e0 + {{ days }} / {{ k.drift_days }}e0) * {{ days }} / ({{ estimates }}.memory_days + 1e0))
    {%- endset -%}
    ({{ mean }} * {{ estimates }}.variance_ratio
            + power({{ mean }}, 2) * greatest(
                {{ k.drift_variance }}e0 * {{ days }},
                coalesce({{ doubt }} / nullif({{ mean }} + {{ doubt }} / {{ most_level_variance }}, 0e0), 0e0)
            ))
{%- endmacro %}


{# How much wider than the formula says sums of so many days lie: between those that were measured on a straight line. #}
{% macro demand_spread(estimates, days) -%}
    {%- set miss_days = demand_constants().miss_days -%}
    coalesce(
        case
            {%- for count in demand_miss_counts() %}
            {%- set until = count * miss_days %}
            {%- if loop.first %}
            when {{ days }} <= {{ until }}e0 then {{ estimates }}.spread_{{ until }}
            {%- else %}
            {%- set before = loop.previtem * miss_days %}
            when {{ days }} <= {{ until }}e0 then {{ estimates }}.spread_{{ before }}
                + ({{ estimates }}.spread_{{ until }} - {{ estimates }}.spread_{{ before }}) * ({{ days }} - {{ before }}e0) / {{ until - before }}e0
            {%- endif %}
            {%- endfor %}
            else {{ estimates }}.spread_{{ demand_miss_counts()[-1] * miss_days }}
        end,
        1e0
    )
{%- endmacro %}


{#
  The share of the whole season that does not count, as the one that counts is the whole one to the power of season_weight; 0 where
  it falls.
#}
{% macro demand_season_left_out(seasons, days) -%}
    {%- set weight = var('season_weight', 0.5) -%}
    {%- set ordinary = days ~ ' / nullif(' ~ demand_counted_days(seasons, 'season_days', days) ~ ', 0e0)' -%}
    {%- if weight == 0.5 -%}
    greatest(0e0, 1e0 - {{ ordinary }})
    {%- elif weight > 0 and weight < 1 -%}
    greatest(0e0, 1e0 - power({{ ordinary }}, {{ 1 / weight - 1 }}e0))
    {%- else -%}
    0e0
    {%- endif -%}
{%- endmacro %}


{#
  The variance that quantiles are taken with: no larger than that of a negative binomial of shape least_shape. Beyond
  it most of the distribution is at 0 and a larger variance makes the quantiles smaller: an article that sells 36 a
  month and once sold thousands would be given a reorder point of 0.
#}
{% macro demand_countable_variance(mean, variance) -%}
    least({{ variance }}, {{ mean }} + power({{ mean }}, 2) / {{ demand_constants().least_shape }}e0)
{%- endmacro %}
