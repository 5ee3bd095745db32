{#
  Mean and variance of demand over any number of days ahead. Everything that needs a forecast (profile, proposal,
  projection, backtest) uses these macros, so that all of them agree.
#}

{#
  The rows of `items` (with sku and warehouse_code) with three columns for each entry {name: days} of `over`:
  <name>_mean and <name>_variance of the demand over so many days, and <name>_promotion, the part of the mean that
  promotions add. `days` is an SQL expression on its columns, 0…400 days from tomorrow on; fractions are interpolated.
  Mean and variance are 0 if nothing is known. The variance is that of the demand over exactly so many days, including
  the uncertainty of the level; the caller adds the variation of a lead time.

  estimates, seasons, weekdays: relations of demand_estimates, demand_seasons and demand_weekdays, by default those of
  the as-of date. To use others, pass all three, and items with the column as_of_day; promotions (of demand_promotions)
  are then left out unless they are passed.
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
    -- Most articles of a large tenant sell nothing and are not expected to, unless a promotion is planned.
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


{# Units that promotions add to the ordinary demand within so many days. #}
{% macro demand_promoted_units(promotions, days) -%}
    coalesce({{ promotions }}.before_quantity + {{ promotions }}.day_quantity * least(1e0, {{ days }} - {{ promotions }}.begins_after_days), 0e0)
{%- endmacro %}


{# Days weighted by their sales, interpolated between two whole numbers of days. #}
{% macro demand_counted_days(relation, column, days) -%}
    ({{ relation }}.{{ column }} + ({{ days }} - {{ relation }}.ahead_days) * ({{ relation }}.next_{{ column }} - {{ relation }}.{{ column }}))
{%- endmacro %}


{# Mean sales of the days ahead relative to an ordinary day now: season × weekdays. #}
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
  Variance = v + mean² · (variance of whether a silent article has ended + (season_doubt · left-out share of a rising
  season)²).

  v = mean · variance_ratio + mean² · (uncertainty of the level). That uncertainty is u / (1 + u / most_level_variance),
  as if levels were gamma distributed within a category and u were the error of this one alone, and at least
  drift_variance · days. mean · u = variance_ratio · (1 + days / drift_days) · days / (memory_days + 1).

  For articles that sell daily, v is multiplied by the spread of their past errors. Past errors already contain seasons
  and ends, so their addition to v and the other terms are not summed; the greater one counts.
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
  v above: the variance of a sum without the chance of an end, without a season and without the spread of past errors.
  `estimates`: a relation with variance_ratio and memory_days.
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


{#
  The ratio of measured to computed variance for sums of so many days, interpolated linearly between the measured
  lengths.
#}
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
  The share of the full season that is left out, because the season counts only to the power of season_weight; 0 if it
  falls.
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
  The variance used for quantiles, at most that of a negative binomial of shape least_shape. Beyond that, most of the
  distribution is at 0, and a greater variance makes quantiles smaller: an article that sells 36 a month and once sold
  thousands would have a reorder point of 0.
#}
{% macro demand_countable_variance(mean, variance) -%}
    least({{ variance }}, {{ mean }} + power({{ mean }}, 2) / {{ demand_constants().least_shape }}e0)
{%- endmacro %}
