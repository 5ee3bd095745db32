{#
  What an article sells: how often (sale days a day) times how much (units a sale day), from sums of the past that
  weigh a day half as much after so many days. The same queries serve the models (one as-of day), a backtest and the
  benchmark (many); docs/models.md tells what they were measured on.
#}

{#
  The constants of the model. They are round, and were chosen on other articles and days than those reported.

  short_half_life:         days after which the quick memory weighs a day half
  long_half_life:          the same of the slow memory
  memory_limit_days:       older days weigh less than a six-hundredth
  long_sale_days:          sale days that the slow memory counts for beside the quick one
  prior_days:              days in stock that the expectation of a new article counts for, in how often
  new_prior_days:          the same on its first day; it fades to prior_days in twice new_days
  new_days:                days in stock without any sale after which an article is not taken for its category any more; also the days
                           after its first that an article is new for
  new_sales:               sales that pull what new articles sell against all towards 1
  new_power:               power of it that counts where they sell more often
  other_days:              days in stock that what other warehouses know of an article counts for at most
  other_sales:             the same in orders
  scale_sales:             orders that pull how much a warehouse sells of an article against others towards the same
  prior_sale_days:         sale days that it counts for, in how much, at most
  usual_sale_days:         sale days that the tenant's usual size counts for beside the article's own, at most
  size_variance_sales:     sale days that a variance of 1 of an article's sizes (their logarithms) counts for, in how much they differ, and one
                           of a part in prior_sale_days of that between articles
  one_off_factor:          times the usual size above which a day's demand is a one-off
  spread_sale_days:        sale days that the tenant's usual spread of sizes counts for
  silence_sales:           sales that should have come in a silence after which half of the articles have ended
  most_end_variance:       squared relative error at most, of an article that has probably ended
  drift_days:              days after which the level itself has moved as far as it was uncertain
  most_level_variance:     squared relative error at most, of the level: what articles of a category differ by
  most_new_level_variance: the same of an article on its first day, where no other warehouse knows it; it fades in new_days
  drift_variance:          squared relative error of the level at least, for each day to come: what an article that sells evenly by the
                           thousand is doubted
  least_shape:             shape of the negative binomial at least: with a smaller one a wider spread means smaller quantiles
  daily_sale_rate:         sale days a day from which on an article's own past misses count whole, from half of it on by a part
  miss_days:               days of a sum that was missed: sums of 1, 2 and 4 times as many are looked at
  missed_past_days:        how long ago the forecasts were made that missed
  most_miss:               squared miss at most, in times of its variance
  miss_prior_sums:         sums that a spread as the formula says counts for beside those of the tenant's articles
  own_miss_prior_sums:     sums that the tenant's spread counts for beside an article's own
  most_spread:             the spread at most, in times of what the formula says
  least_rate_variance:     squared relative error at least, of how often articles of a category sell: however alike they are, their rate counts
                           like ten of an article's own sale days at most
  rate_variance_sales:     squared sale days that most_level_variance counts for, in how much those that sell differ
  group_prior_days:        days in stock of articles that a parent group counts for, in how often
  group_sale_days:         sale days that it counts for, in how much
  season_half_life:        days, of what a group sold "now", a year ago
  season_prior_sale_days:  sale days that pull a group's season towards its parent's
  weekday_prior_sale_days: sale days that pull a warehouse's weekdays towards 1
  season_doubt:            standard deviation of a rising season, in times of the share of it that is left out
  season_least_days:       days of record before the same day a year ago, without which there is no season
  season_shift_days:       a year of whole weeks
  longest_promotion_days:  what lasts longer is no promotion
  promotion_prior_sales:   sales that pull what promotions do towards nothing
  most_promotion_factor:   times as much that a promotion sells at most
  promotion_variance:      squared relative error of what a promotion will sell
  ahead_days:              how far a forecast looks
#}
{% macro demand_constants() -%}
    {{ return({
        'short_half_life': 20,
        'long_half_life': 160,
        'memory_limit_days': 1500,
        'long_sale_days': 3,
        'prior_days': 14,
        'new_prior_days': 18,
        'new_days': 60,
        'new_sales': 10,
        'new_power': 0.75,
        'other_days': 60,
        'other_sales': 3,
        'scale_sales': 3,
        'prior_sale_days': 3,
        'usual_sale_days': 2,
        'size_variance_sales': 20,
        'one_off_factor': 10,
        'spread_sale_days': 3,
        'silence_sales': 8,
        'most_end_variance': 20,
        'drift_days': 12,
        'most_level_variance': 2,
        'most_new_level_variance': 16,
        'drift_variance': 0.001,
        'least_shape': 0.03,
        'daily_sale_rate': 0.4,
        'miss_days': 15,
        'missed_past_days': 360,
        'most_miss': 16,
        'miss_prior_sums': 8,
        'own_miss_prior_sums': 20,
        'most_spread': 4,
        'least_rate_variance': 0.05,
        'rate_variance_sales': 20,
        'group_prior_days': 1000,
        'group_sale_days': 20,
        'season_half_life': 20,
        'season_prior_sale_days': 30,
        'weekday_prior_sale_days': 50,
        'season_doubt': 2,
        'season_least_days': 30,
        'season_shift_days': 364,
        'longest_promotion_days': 92,
        'promotion_prior_sales': 10,
        'most_promotion_factor': 10,
        'promotion_variance': 0.1,
        'ahead_days': 400,
    }) }}
{%- endmacro %}


{# The weight of a day so old, half after `half_life` days. #}
{% macro demand_weight(age, half_life) -%}
    power(0.5e0, {{ age }} / {{ half_life }}e0)
{%- endmacro %}


{#
  Σ of the weights of the days after the first of a run of days: 0.5^(age/h) · Σ_{j=1}^{d−1} 2^(j/h), a geometric sum.
#}
{% macro demand_weight_after_first(age, days, half_life) -%}
    {%- set ratio = 2 ** (1 / half_life) -%}
    ({{ demand_weight(age, half_life) }} * {{ ratio / (ratio - 1) }}e0 * (power(2e0, ({{ days }} - 1) / {{ half_life }}e0) - 1e0))
{%- endmacro %}


{#
  One row per as-of day, SKU and warehouse of which anything is known: what it sells on an ordinary day then.

  changes: a relation like fct_stock_and_demand_change. as_of_days: a relation with the column as_of_day; only what
  happened up to that day is used, and after the `last_whole_day` only what was sold. categories: a relation with sku and category (may have no row for a SKU). items: those
  on offer to which nothing ever happened. promotion_days, promotion_effects: what was sold on promotion counts as much less as
  promotions sell more. closed_days: days on which nobody could buy count for nothing.
#}
{% macro demand_estimates(
    changes, as_of_days, categories, items=none, promotion_days=none, promotion_effects=none, closed_days=none
) -%}
{%- set k = demand_constants() -%}
{%- set launched -%}
(launches.new_sales - {{ demand_launched('elsewhere') }} * elsewhere.new_sales + {{ k.new_sales }}e0)
                / (
                    launches.expected_sales
                    - {{ demand_launched('elsewhere') }} * elsewhere.new_stock_days * elsewhere.category_sale_rate
                    + {{ k.new_sales }}e0
                )
{%- endset -%}
{%- if closed_days %}
with closed as (
    select
        warehouse_code,
        day,
        {{ days_between('day', as_of()) }} as age
    from {{ closed_days }}
    where not is_weekly
        and day <= {{ as_of() }}
),

closed_offsets as (
    select
        warehouse_code,
        {{ demand_day_offsets('max(age) + 1') }} as age
    from closed
    group by warehouse_code
),

-- The weights, as of the as-of date, of all closed days up to each day since the first of them.
closed_sums as (
    select
        closed_offsets.warehouse_code,
        {{ add_days(as_of(), '-1 * closed_offsets.age') }} as day,
        sum(case when closed.age is not null then {{ demand_weight('closed.age', k.short_half_life) }} else 0e0 end)
            over through_days as short_sum,
        sum(case when closed.age is not null then {{ demand_weight('closed.age', k.long_half_life) }} else 0e0 end)
            over through_days as long_sum,
        sum(case when closed.age is not null then 1e0 else 0e0 end) over through_days as day_sum
    from closed_offsets
    left join closed
        on closed.warehouse_code = closed_offsets.warehouse_code
        and closed.age = closed_offsets.age
    window through_days as (
        partition by closed_offsets.warehouse_code order by closed_offsets.age desc rows unbounded preceding
    )
),

runs as (
{%- else %}
with runs as (
{%- endif %}
    select
        days.as_of_day,
        changes.sku,
        changes.warehouse_code,
        changes.day,
        {{ real(days_between('changes.day', 'days.as_of_day')) }} as age,
        {{ real('greatest(1, least(changes.run_days, ' ~ days_between('changes.day', last_whole_day('days.as_of_day')) ~ ' + 1))') }} as days,
        {{ real('changes.demand_quantity') }} as demand,
        -- who orders from an empty shelf was observed
        case
            when changes.day > {{ last_whole_day('days.as_of_day') }} then 0e0
            when changes.demand_quantity > 0 and changes.in_stock_share <= 0 then 1e0
            else {{ real('changes.in_stock_share') }}
        end as first_share,
        {{ real('changes.carried_share') }} as carried_share,
        changes.transfer_out_quantity,
        {% if promotion_days -%}
        case when promotions.sku is not null then 1e0 / effects.promotion_factor else 1e0 end
        {%- else -%}
        1e0
        {%- endif %} as sale_share,
        {% if closed_days -%}
        {%- for memory, half_life in [('short', k.short_half_life), ('long', k.long_half_life)] -%}
        (coalesce(closed_until.{{ memory }}_sum, 0e0) - coalesce(closed_before.{{ memory }}_sum, 0e0))
            / {{ demand_weight(days_between('days.as_of_day', as_of()), half_life) }} as {{ memory }}_closed
        {{- ',
        ' if not loop.last }}
        {%- endfor %},
        greatest(0e0, coalesce(closed_until.day_sum, 0e0) - coalesce(closed_before.day_sum, 0e0)) as days_closed
        {%- else -%}
        0e0 as short_closed,
        0e0 as long_closed,
        0e0 as days_closed
        {%- endif %}
    from {{ changes }} as changes
    inner join {{ as_of_days }} as days
        on changes.day <= days.as_of_day
        and {{ add_days('changes.day', 'changes.run_days') }} > {{ add_days('days.as_of_day', -1 * k.memory_limit_days) }}
    {%- if promotion_days %}
    left join {{ promotion_days }} as promotions
        on promotions.sku = changes.sku
        and promotions.day = changes.day
        and promotions.warehouse_code in ('', changes.warehouse_code)
        and changes.demand_quantity > 0
    left join {{ promotion_effects }} as effects
        on effects.as_of_day = days.as_of_day
    {%- endif %}
    {%- if closed_days %}
    left join closed_sums as closed_before
        on closed_before.warehouse_code = changes.warehouse_code
        and closed_before.day = changes.day
    left join closed_sums as closed_until
        on closed_until.warehouse_code = changes.warehouse_code
        and closed_until.day = least({{ last_whole_day('days.as_of_day') }}, {{ add_days('changes.day', 'changes.run_days - 1') }})
    {%- endif %}
),

weighed as (
    select
        *,
        case when demand > 0e0 then sale_share else 0e0 end as is_sale,
        {{ demand_weight('age', k.short_half_life) }} as short_weight,
        {{ demand_weight('age', k.long_half_life) }} as long_weight,
        case
            when days > 1e0 and carried_share > 0e0
                then carried_share * greatest(0e0, {{ demand_weight_after_first('age', 'days', k.short_half_life) }} - short_closed)
            else 0e0
        end as short_weight_after,
        case
            when days > 1e0 and carried_share > 0e0
                then carried_share * greatest(0e0, {{ demand_weight_after_first('age', 'days', k.long_half_life) }} - long_closed)
            else 0e0
        end as long_weight_after
    from runs
    {{ worked_out_once() }}
),

remembered as (
    select
        as_of_day,
        sku,
        warehouse_code,
        min(day) as first_day,
        min(case when is_sale > 0e0 then day end) as first_sale_day,
        max(case when is_sale > 0e0 then day end) as last_sale_day,
        sum(is_sale * short_weight) as short_sales,
        sum(is_sale * long_weight) as long_sales,
        sum(first_share * short_weight + short_weight_after) as short_days,
        sum(first_share * long_weight + long_weight_after) as long_days,
        sum(case when is_sale > 0e0 then ln(demand) * is_sale * long_weight else 0e0 end) as log_sizes,
        sum(case when is_sale > 0e0 then power(ln(demand), 2) * is_sale * long_weight else 0e0 end) as log_size_squares,
        sum(power(is_sale * long_weight, 2)) as squared_sales,
        sum(demand * is_sale * long_weight) as long_units,
        sum(demand * demand * is_sale * long_weight) as long_squares,
        coalesce(max(transfer_out_quantity), 0) > 0 and sum(is_sale) <= 0e0 as is_hub
    from weighed
    group by as_of_day, sku, warehouse_code
),

-- The usual size, and how much of what sizes differ by lies within articles and how much between them (of a sum of weights chance
-- takes the sum of their squares).
usual_sums as (
    select
        as_of_day,
        sum(log_sizes) / nullif(sum(long_sales), 0e0) as log_size,
        sum(log_size_squares - power(log_sizes, 2) / long_sales) as squares_within,
        sum(long_sales - squared_sales / long_sales) as sales_within,
        sum(size_weight * power(log_sizes / long_sales, 2))
            - power(sum(size_weight * log_sizes / long_sales), 2) / nullif(sum(size_weight), 0e0) as squares_between,
        sum(size_weight) as sales_between,
        sum(size_weight * squared_sales / power(long_sales, 2)) as chance_between
    from (
        select
            *,
            least(long_sales, {{ k.long_sale_days }}e0) as size_weight
        from remembered
        where long_sales > 0e0
    ) as sold
    group by as_of_day
),

usual as (
    select
        as_of_day,
        log_size,
        -- the sale days after which chance and the difference between articles are as large: so many sizes are expected ones
        least(
            {{ k.prior_sale_days }}e0,
            (sales_between + {{ k.size_variance_sales }}e0) / greatest(
                1e-9,
                squares_between * (sales_within + {{ k.size_variance_sales }}e0) / (squares_within + {{ k.size_variance_sales }}e0)
                - chance_between + {{ k.size_variance_sales / k.prior_sale_days }}e0
            )
        ) as size_sale_days
    from usual_sums
),

sized as (
    select
        remembered.*,
        coalesce(usual.size_sale_days, {{ k.prior_sale_days }}e0) as size_sale_days,
        {{ k.one_off_factor }}e0 * greatest(1e0, exp(
            coalesce(remembered.log_sizes + least({{ k.usual_sale_days }}e0, usual.size_sale_days) * usual.log_size, 0e0)
            / (remembered.long_sales + least({{ k.usual_sale_days }}e0, usual.size_sale_days))
        )) as one_off_size,
        -- a record that begins with a sale tells how much is sold, not how often: neither that day nor its sale counts
        case
            when remembered.first_sale_day = remembered.first_day
                and remembered.first_day <= {{ last_whole_day('remembered.as_of_day') }}
                then {{ demand_weight(days_between('remembered.first_day', 'remembered.as_of_day'), k.short_half_life) }}
            else 0e0
        end as short_begin,
        case
            when remembered.first_sale_day = remembered.first_day
                and remembered.first_day <= {{ last_whole_day('remembered.as_of_day') }}
                then {{ demand_weight(days_between('remembered.first_day', 'remembered.as_of_day'), k.long_half_life) }}
            else 0e0
        end as long_begin,
        {{ real(days_between('remembered.first_day', 'remembered.as_of_day')) }} as first_age
    from remembered
    left join usual
        on usual.as_of_day = remembered.as_of_day
    {{ worked_out_once() }}
),

second_look as (
    select
        weighed.as_of_day,
        weighed.sku,
        weighed.warehouse_code,
        sum(least(weighed.demand, sized.one_off_size) * weighed.is_sale * weighed.short_weight) as short_units,
        sum(least(weighed.demand, sized.one_off_size) * weighed.is_sale * weighed.long_weight) as usual_units,
        -- the sale that the record begins with, less than one where it was on promotion
        sum(case when weighed.day = sized.first_day then weighed.is_sale * weighed.short_weight else 0e0 end) as short_first_sale,
        sum(case when weighed.day = sized.first_day then weighed.is_sale * weighed.long_weight else 0e0 end) as long_first_sale,
        sum(greatest(0e0, weighed.demand - sized.one_off_size)) as one_off_quantity,
        max(case when weighed.demand > sized.one_off_size then weighed.day end) as last_one_off_day,
        -- sale days, and days in stock, of the time when the article was new, its first day left out
        sum(case
            when weighed.age < sized.first_age and weighed.age >= sized.first_age - {{ k.new_days }}e0 then weighed.is_sale
            else 0e0
        end) as new_sales,
        sum(case
            when weighed.age < sized.first_age - {{ k.new_days }}e0 then 0e0
            else case when weighed.age < sized.first_age then weighed.first_share else 0e0 end
                + weighed.carried_share * least(weighed.days - 1e0, {{ k.new_days }}e0 - sized.first_age + weighed.age)
        end) as new_stock_days,
        -- the silence since the last sale: its days in stock on which customers could have come, and their weight in the slow memory
        sum(case
            when weighed.day < sized.last_sale_day then 0e0
            else case when weighed.day = sized.last_sale_day then 0e0 else weighed.first_share end
                + (weighed.days - 1e0 - weighed.days_closed) * weighed.carried_share
        end) as silent_days,
        sum(case
            when weighed.day < sized.last_sale_day then 0e0
            when weighed.day = sized.last_sale_day then weighed.long_weight_after
            else weighed.first_share * weighed.long_weight + weighed.long_weight_after
        end) as silent_long_days
    from weighed
    inner join sized
        on sized.as_of_day = weighed.as_of_day
        and sized.sku = weighed.sku
        and sized.warehouse_code = weighed.warehouse_code
    group by weighed.as_of_day, weighed.sku, weighed.warehouse_code
),

-- What sells daily has a past in which to see how far the sums of some days lay from what the quick memory, as of the day before
-- them, had let one expect. Its days in blocks, counted back from the as-of day.
daily as (
    select
        as_of_day,
        sku,
        warehouse_code,
        first_age,
        {{ demand_daily_share('short_sales', 'short_days') }} as daily_share,
        long_squares / long_units - long_units / long_days as variance_ratio,
        {{ demand_memory_days() }} as memory_days
    from sized
    where short_sales > {{ k.daily_sale_rate / 2 }}e0 * short_days
        and long_units > 0e0
        and long_days > 0e0
        and first_age >= {{ k.new_days + k.miss_days }}e0
),

-- With what of a run of days lies beyond the end of the block in which it begins.
runs_by_block as (
    select
        *,
        greatest(0e0, days - 1e0 - age + {{ k.miss_days }}e0 * block) as spilled_days
    from (
        select
            daily.as_of_day,
            daily.sku,
            daily.warehouse_code,
            weighed.age,
            weighed.days,
            weighed.carried_share,
            cast(floor(weighed.age / {{ k.miss_days }}e0) as integer) as block,
            weighed.demand * weighed.is_sale as units,
            weighed.first_share + (weighed.days - 1e0 - weighed.days_closed) * weighed.carried_share as stock_days,
            weighed.demand * weighed.is_sale * weighed.short_weight as short_units,
            weighed.is_sale * weighed.short_weight as short_sales,
            weighed.first_share * weighed.short_weight + weighed.short_weight_after as short_days
        from daily
        inner join weighed
            on weighed.as_of_day = daily.as_of_day
            and weighed.sku = daily.sku
            and weighed.warehouse_code = daily.warehouse_code
        where daily.variance_ratio > 0e0
            -- what is older by six half-lives tells nothing of the level
            and weighed.age < {{ k.missed_past_days + k.miss_days + 6 * k.short_half_life }}e0
    ) as runs_of_daily
),

blocks as (
    select
        as_of_day,
        sku,
        warehouse_code,
        block,
        sum(units) as units,
        sum(stock_days) as stock_days,
        sum(short_units) as short_units,
        sum(short_sales) as short_sales,
        sum(short_days) as short_days,
        sum(carried_share * spilled_days) as spilled_days,
        sum(case
            when spilled_days > 0e0
                then carried_share * {{ demand_weight_after_first(k.miss_days ~ 'e0 * block', '(spilled_days + 1e0)', k.short_half_life) }}
            else 0e0
        end) as spilled_short_days
    from runs_by_block
    group by as_of_day, sku, warehouse_code, block
),

until_blocks as (
    select
        as_of_day,
        sku,
        warehouse_code,
        block,
        sum(units) over until_block as units,
        (sum(stock_days) over until_block) - spilled_days as stock_days,
        sum(short_units) over until_block as short_units,
        sum(short_sales) over until_block as short_sales,
        (sum(short_days) over until_block) - spilled_short_days as short_days
    from blocks
    window until_block as (partition by as_of_day, sku, warehouse_code order by block desc rows unbounded preceding)
),

looked_ahead as (
    select
        as_of_day,
        sku,
        warehouse_code,
        block,
        short_sales,
        short_days,
        short_units / nullif(short_days, 0e0) as level
        {%- for count in demand_miss_counts() %},
        case
            when (lead(block, {{ count }}) over by_block) = block - {{ count }} then (lead(units, {{ count }}) over by_block) - units
        end as units_{{ count }},
        (lead(stock_days, {{ count }}) over by_block) - stock_days as days_{{ count }}
        {%- endfor %}
    from until_blocks
    window by_block as (partition by as_of_day, sku, warehouse_code order by block desc)
),

-- A case for each block at the end of which the article was known for some time and sold daily: its squared misses, in times of the
-- variance that the formula gives.
missed as (
    select
        daily.as_of_day,
        daily.sku,
        daily.warehouse_code,
        looked_ahead.block,
        daily.daily_share,
        daily.daily_share * {{ demand_daily_share('looked_ahead.short_sales', 'looked_ahead.short_days') }} as counted
        {%- for count in demand_miss_counts() %},
        {{ demand_miss('looked_ahead.units_' ~ count, 'looked_ahead.level', 'looked_ahead.days_' ~ count, count * k.miss_days) }} as miss_{{ count }}
        {%- endfor %}
    from looked_ahead
    inner join daily
        on daily.as_of_day = looked_ahead.as_of_day
        and daily.sku = looked_ahead.sku
        and daily.warehouse_code = looked_ahead.warehouse_code
    where looked_ahead.block <= {{ k.missed_past_days / k.miss_days }}
        and looked_ahead.level > 0e0
        and looked_ahead.short_sales > {{ k.daily_sale_rate / 2 }}e0 * looked_ahead.short_days
        and daily.first_age - {{ k.miss_days }}e0 * looked_ahead.block >= {{ k.new_days }}e0
),

own_misses as (
    select
        as_of_day,
        sku,
        warehouse_code,
        max(daily_share) as daily_share
        {%- for count in demand_miss_counts() %},
        coalesce(sum(counted * miss_{{ count }}), 0e0) as misses_{{ count }},
        coalesce(sum(case when miss_{{ count }} is not null then counted end), 0e0) as cases_{{ count }},
        max(case when miss_{{ count }} is not null then block end) - {{ count - 1 }} as sums_{{ count }}
        {%- endfor %}
    from missed
    group by as_of_day, sku, warehouse_code
),

all_misses as (
    {{ with_sums('own_misses', ['as_of_day'], demand_miss_sums()) }}
),

-- Cases of one time are one, however many articles there are, and those of overlapping sums are as many as would stand side by side.
measured_spreads as (
    select
        as_of_day,
        sku,
        warehouse_code,
        daily_share
        {%- for count in demand_miss_counts() %},
        (
            misses_{{ count }} / {{ count }}e0 + {{ k.own_miss_prior_sums }}e0 * (
                coalesce(all_misses_{{ count }} / nullif(all_cases_{{ count }}, 0e0), 1e0) * coalesce(all_sums_{{ count }}, 0) / {{ count }}e0
                + {{ k.miss_prior_sums }}e0
            ) / (coalesce(all_sums_{{ count }}, 0) / {{ count }}e0 + {{ k.miss_prior_sums }}e0)
        ) / (cases_{{ count }} / {{ count }}e0 + {{ k.own_miss_prior_sums }}e0) as measured_{{ count }}
        {%- endfor %}
    from all_misses
),

-- A calm year is no promise: what was missed by less counts by its root.
spreads as (
    select
        as_of_day,
        sku,
        warehouse_code
        {%- for count in demand_miss_counts() %},
        1e0 + daily_share * (
            least({{ k.most_spread }}e0, greatest(measured_{{ count }}, least(1e0, sqrt(measured_{{ count }})))) - 1e0
        ) as spread_{{ count * k.miss_days }}
        {%- endfor %}
    from measured_spreads
),

known as (
    select
        sized.as_of_day,
        sized.sku,
        sized.warehouse_code,
        sized.first_day,
        sized.short_sales,
        sized.long_sales,
        sized.short_days,
        sized.long_days,
        sized.long_units,
        sized.long_squares,
        sized.short_begin,
        sized.long_begin,
        second_look.short_first_sale,
        second_look.long_first_sale,
        sized.one_off_size,
        sized.size_sale_days,
        second_look.short_units,
        second_look.usual_units,
        second_look.one_off_quantity,
        second_look.last_one_off_day,
        second_look.new_sales,
        second_look.new_stock_days,
        second_look.silent_days,
        second_look.silent_long_days,
        {%- for count in demand_miss_counts() %}
        coalesce(spreads.spread_{{ count * k.miss_days }}, 1e0) as spread_{{ count * k.miss_days }},
        {%- endfor %}
        true as is_expected_to_sell,
        -- a place that hands an article on and sells none itself is none where customers buy it: its silence says nothing
        sized.is_hub,
        case when sized.is_hub then 0e0 else greatest(0e0, sized.long_days - sized.long_begin) end as open_days
    from sized
    inner join second_look
        on second_look.as_of_day = sized.as_of_day
        and second_look.sku = sized.sku
        and second_look.warehouse_code = sized.warehouse_code
    left join spreads
        on spreads.as_of_day = sized.as_of_day
        and spreads.sku = sized.sku
        and spreads.warehouse_code = sized.warehouse_code
    {%- if items %}

    union all

    -- on offer, but nothing ever happened to it
    select
        days.as_of_day,
        items.sku,
        items.warehouse_code,
        cast(null as date) as first_day,
        0e0, 0e0, 0e0, 0e0, 0e0, 0e0, 0e0, 0e0, 0e0, 0e0,
        {{ k.one_off_factor }}e0 as one_off_size,
        {{ k.prior_sale_days }}e0 as size_sale_days,
        0e0, 0e0, 0e0, cast(null as date), 0e0, 0e0, 0e0, 0e0, 1e0, 1e0, 1e0,
        items.is_new,
        false as is_hub,
        -- the weights of the days on which it lay there untouched
        coalesce({{ 1 / (1 - 0.5 ** (1 / k.long_half_life)) }}e0 * greatest(0e0, 1e0 - {{ demand_weight(
            real(days_between('items.untouched_since', 'days.as_of_day')), k.long_half_life
        ) }}), 0e0) as open_days
    from {{ items }} as items
    cross join {{ as_of_days }} as days
    {%- endif %}
),

articles as (
    select
        known.*,
        coalesce(categories.category, '') as category,
        case when known.long_sales > 0e0 then known.usual_units / known.long_sales end as mean_size,
        least(known.long_sales, {{ k.long_sale_days }}e0) as size_weight
    from known
    left join {{ categories }} as categories
        on categories.sku = known.sku
    {{ worked_out_once() }}
),

-- What an article without a past of its own is taken for: how often, and how much at a time, the tenant's articles
-- sell, those of the warehouse, those of its category there; each pulled towards the one before.
tenant as (
    select
        as_of_day,
        coalesce(sum(long_sales - long_first_sale) / nullif(sum(long_days - long_begin), 0e0), 0e0) as sale_rate,
        coalesce(
            sum(case when mean_size > 0e0 then size_weight * ln(mean_size) end)
            / nullif(sum(case when mean_size > 0e0 then size_weight end), 0e0),
            0e0
        ) as log_size,
        coalesce(exp(avg(case
            when long_sales > {{ k.long_sale_days }}e0
                then ln(greatest(1e0, long_squares * long_sales / (long_units * long_units)))
        end)), 2e0) as square_ratio
    from articles
    group by as_of_day
),

warehouses as (
    select
        articles.as_of_day,
        articles.warehouse_code,
        (sum(articles.long_sales - articles.long_first_sale) + {{ k.group_prior_days }}e0 * max(tenant.sale_rate))
            / (sum(articles.long_days - articles.long_begin) + {{ k.group_prior_days }}e0) as sale_rate,
        {{ demand_group_size('max(tenant.log_size)') }} as log_size,
        min(articles.first_day) as record_day
    from articles
    inner join tenant
        on tenant.as_of_day = articles.as_of_day
    group by articles.as_of_day, articles.warehouse_code
),

categories_there as (
    select
        articles.as_of_day,
        articles.warehouse_code,
        articles.category,
        (sum(articles.long_sales - articles.long_first_sale) + {{ k.group_prior_days }}e0 * max(warehouses.sale_rate))
            / (sum(articles.long_days - articles.long_begin) + {{ k.group_prior_days }}e0) as sale_rate,
        {{ demand_group_size('max(warehouses.log_size)') }} as log_size,
        max(warehouses.record_day) as record_day
    from articles
    inner join warehouses
        on warehouses.as_of_day = articles.as_of_day
        and warehouses.warehouse_code = articles.warehouse_code
    group by articles.as_of_day, articles.warehouse_code, articles.category
),

-- Of the articles of a category that have sold there: how often, and by how much they differ in that beyond chance.
sold_there as (
    select
        as_of_day,
        warehouse_code,
        category,
        sum(sales) / nullif(sum(days), 0e0) as sale_rate,
        sum(days * days) as square_days,
        sum(sales * sales) as square_sales,
        sum(sales * days) as sales_by_days,
        -- a sum of weights varies by the sum of their squares: by half as much as it counts, once the record is long
        sum(days * (1e0 + {{ demand_weight('first_age', k.long_half_life) }}) / 2e0) as chance_days
    from (
        select
            *,
            long_sales - long_first_sale as sales,
            long_days - long_begin as days,
            {{ real(days_between('first_day', 'as_of_day')) }} as first_age
        from articles
        where long_sales > 0e0
    ) as sold
    group by as_of_day, warehouse_code, category
),

alike_there as (
    select
        as_of_day,
        warehouse_code,
        category,
        sale_rate,
        greatest(
            {{ k.least_rate_variance }}e0,
            (
                square_sales - 2e0 * sale_rate * sales_by_days + power(sale_rate, 2) * square_days - sale_rate * chance_days
                + {{ k.most_level_variance }}e0 * {{ k.rate_variance_sales }}e0
            ) / (power(sale_rate, 2) * square_days + {{ k.rate_variance_sales }}e0)
        ) as rate_variance
    from sold_there
),

placed as (
    select
        articles.*,
        coalesce(alike_there.sale_rate, 0e0) as alike_rate,
        -- the days after which chance and the difference between articles are as large: so long the others' rate counts
        case
            when alike_there.sale_rate > 0e0 and articles.long_sales > 0e0
                then greatest(0e0, 1e0 / (2e0 * alike_there.rate_variance * alike_there.sale_rate) - {{ k.prior_days }}e0)
            else 0e0
        end as alike_days,
        categories_there.sale_rate as category_sale_rate,
        exp(categories_there.log_size) as category_sale_size,
        categories_there.record_day,
        articles.long_days >= {{ k.prior_days }}e0 and articles.long_sales > 0e0 as is_evidence,
        case when articles.is_hub then 0e0 else 1e0 end as is_shop,
        -- what a place without a day of its own tells others is nothing
        case when articles.open_days > 0e0 then {{ demand_orders('articles') }} else 0e0 end as orders,
        case when articles.open_days > 0e0 then articles.long_sales else 0e0 end as open_sales,
        case
            when articles.open_days > 0e0 and articles.long_sales > 0e0
                then articles.long_sales * (ln(articles.mean_size / {{ demand_orders_a_sale_day('articles') }}) - categories_there.log_size)
            else 0e0
        end as log_sizes
    from articles
    inner join categories_there
        on categories_there.as_of_day = articles.as_of_day
        and categories_there.warehouse_code = articles.warehouse_code
        and categories_there.category = articles.category
    left join alike_there
        on alike_there.as_of_day = articles.as_of_day
        and alike_there.warehouse_code = articles.warehouse_code
        and alike_there.category = articles.category
    {{ worked_out_once() }}
),

-- With what all warehouses know of the SKU. What follows reads each query once or twice: Spark would write out all that is above for
-- each time.
everywhere as (
    {{ with_sums('placed', ['as_of_day', 'sku'], {
        'first_sold_day': 'min(case when is_evidence then first_day end)',
        'open_places': 'sum(case when open_days > 0e0 then 1 else 0 end)',
        'all_open_days': 'sum(open_days)',
        'all_orders': 'sum(orders)',
        'all_sales': 'sum(open_sales)',
        'all_log_sizes': 'sum(log_sizes)',
    }) }}
),

-- What several warehouses have says how many times as much each of them sells: orders there, over those that as many days of what its
-- articles sell anywhere would have brought; of a category, pulled towards the whole warehouse's. One that has nothing in common with
-- others yet is taken for an average one, but not one that hands all of it on.
scales_there as (
    select
        as_of_day,
        warehouse_code,
        category,
        (orders + {{ k.group_sale_days }}e0 * warehouse_scale) / (expected_orders + {{ k.group_sale_days }}e0) as scale
    from (
        select
            *,
            case
                when max(is_shop) over (partition by as_of_day, warehouse_code) > 0e0 then
                    (sum(orders) over (partition by as_of_day, warehouse_code) + {{ k.scale_sales }}e0)
                    / (sum(expected_orders) over (partition by as_of_day, warehouse_code) + {{ k.scale_sales }}e0)
            end as warehouse_scale
        from (
            select
                as_of_day,
                warehouse_code,
                category,
                max(is_shop) as is_shop,
                sum(case when open_days > 0e0 and open_places > 1 then orders else 0e0 end) as orders,
                sum(case when open_days > 0e0 and open_places > 1 then open_days * all_orders / all_open_days else 0e0 end) as expected_orders
            from everywhere
            group by as_of_day, warehouse_code, category
        ) as categories
    ) as scaled_categories
),

located as (
    select
        everywhere.*,
        scales_there.scale,
        everywhere.open_days * coalesce(scales_there.scale, 0e0) as scaled_days
    from everywhere
    inner join scales_there
        on scales_there.as_of_day = everywhere.as_of_day
        and scales_there.warehouse_code = everywhere.warehouse_code
        and scales_there.category = everywhere.category
    {{ worked_out_once() }}
),

-- With the days of all warehouses, each counted as many times as its warehouse sells as much.
elsewhere as (
    {{ with_sums('located', ['as_of_day', 'sku'], {'all_scaled_days': 'sum(scaled_days)'}) }}
),

-- How often new articles had a sale, and how often their categories would have let one expect it.
launches as (
    select
        as_of_day,
        sum({{ demand_launch_weight('elsewhere') }} * new_sales) as new_sales,
        sum({{ demand_launch_weight('elsewhere') }} * new_stock_days * category_sale_rate) as expected_sales
    from elsewhere
    -- what is there when a warehouse's record begins is not new
    where first_day > {{ add_days('record_day', k.new_days) }}
    group by as_of_day
),

scaled as (
    select
        elsewhere.*,
        -- of the other warehouses alone: their days as so many days here, and how much more than the articles of its category their
        -- customers buy at a time
        elsewhere.all_scaled_days / elsewhere.scale - elsewhere.open_days as other_days,
        elsewhere.all_orders - elsewhere.orders as other_orders,
        elsewhere.all_sales - elsewhere.open_sales as other_sales,
        elsewhere.all_log_sizes - elsewhere.log_sizes as other_log_sizes,
        -- a new article is expected to sell as seldom as new ones did, itself left out; where they sold more often than their
        -- categories, less than that: who looks every day sees a good seller within days, and keeps what was bought too much
        case
            when elsewhere.long_days >= {{ k.new_days }}e0 or launches.new_sales is null then elsewhere.category_sale_rate
            else elsewhere.category_sale_rate * power(
                least({{ launched }}, power({{ launched }}, {{ k.new_power }}e0)),
                1e0 - elsewhere.long_days / {{ k.new_days }}e0
            )
        end as new_sale_rate
    from elsewhere
    left join launches
        on launches.as_of_day = elsewhere.as_of_day
),

-- What the other warehouses say: so many orders a day, of that size, for which they count as so many days in stock here.
other as (
    select
        scaled.*,
        case
            when other_days > 0.5e0 then least(
                {{ k.other_days }}e0,
                other_days,
                coalesce({{ k.other_sales }}e0 * other_days / nullif(greatest(0e0, other_orders), 0e0), other_days)
            )
        end as counted_days,
        case when other_days > 0.5e0 then greatest(0e0, other_orders) / other_days end as other_daily_orders,
        category_sale_size * exp(other_log_sizes / (greatest(0e0, other_sales) + {{ k.usual_sale_days }}e0)) as other_order_size,
        case
            -- what has been in stock for some time and never sold is not taken for its category
            when is_expected_to_sell and (long_sales > 0e0 or long_days < {{ k.new_days }}e0) then new_sale_rate
            else 0e0
        end as group_rate,
        -- a new article has hardly had the time to contradict
        {{ k.prior_days }}e0
            + {{ k.new_prior_days - k.prior_days }}e0 * greatest(0e0, 1e0 - long_days / {{ 2 * k.new_days }}e0) as group_days
    from scaled
),

-- A day has a sale with probability 1 − e^(−orders a day).
expected as (
    select
        *,
        other_daily_orders * other_order_size as scaled_daily_demand,
        case
            when counted_days is null then group_rate
            else (group_days * group_rate + counted_days * (1e0 - exp(-other_daily_orders))) / (group_days + counted_days)
        end as expected_rate,
        case
            when other_daily_orders > 1e-6 then other_order_size * other_daily_orders / (1e0 - exp(-other_daily_orders))
            else category_sale_size
        end as expected_size,
        group_days + coalesce(counted_days, 0e0) as prior_days,
        -- what others sell of the article itself is no usual size
        case when counted_days is null then size_sale_days else {{ k.prior_sale_days }}e0 end as prior_sale_days
    from other
),

slow as (
    select
        *,
        (long_sales - long_first_sale + prior_days * expected_rate + alike_days * alike_rate)
            / (long_days - long_begin + prior_days + alike_days) as long_rate,
        (usual_units + prior_sale_days * expected_size) / (long_sales + prior_sale_days) as long_size,
        -- sales that should have come in the silence, at the rate before it
        silent_days * (long_sales - long_first_sale + prior_days * expected_rate + alike_days * alike_rate)
            / (greatest(0e0, long_days - long_begin - silent_long_days) + prior_days + alike_days) as missed_sales,
        greatest(0e0, short_sales - short_first_sale) as own_sales
    from expected
),

quick as (
    select
        slow.*,
        -- as if the slow memory's sale days had been seen as well, in as many days as they take
        case
            when long_rate > 0e0 then (own_sales + {{ k.long_sale_days }}e0)
                / (greatest(0e0, short_days - short_begin) + {{ k.long_sale_days }}e0 / long_rate)
            else 0e0
        end as sale_rate,
        (short_units + {{ k.long_sale_days }}e0 * long_size) / (short_sales + {{ k.long_sale_days }}e0) as sale_size,
        1e0 / (1e0 + power(missed_sales / {{ k.silence_sales }}e0, 2)) as share_alive,
        {{ demand_memory_days() }} as memory_days,
        case
            when long_sales > 0e0 then (
                long_sales * greatest(1e0, long_squares * long_sales / (long_units * long_units))
                + {{ k.spread_sale_days }}e0 * tenant_ratio.square_ratio
            ) / (long_sales + {{ k.spread_sale_days }}e0) * long_units / usual_units
            else tenant_ratio.square_ratio
        end as square_ratio
    from slow
    inner join (select as_of_day as tenant_day, square_ratio from tenant) as tenant_ratio
        on tenant_ratio.tenant_day = slow.as_of_day
)

select
    as_of_day,
    sku,
    warehouse_code,
    category,
    sale_rate,
    sale_size,
    share_alive,
    sale_rate * sale_size * share_alive as daily_demand,
    greatest(0e0, sale_size * square_ratio - sale_rate * sale_size) as variance_ratio,
    memory_days,
    long_days,
    -- new articles differ by far more than those that stayed
    case
        when other_daily_orders > 1e-6 then {{ k.most_level_variance }}e0
        else {{ k.most_level_variance }}e0 * power(
            {{ k.most_new_level_variance / k.most_level_variance }}e0, greatest(0e0, 1e0 - (long_days + coalesce(counted_days, 0e0)) / {{ k.new_days }}e0)
        )
    end as most_level_variance,
    {%- for count in demand_miss_counts() %}
    spread_{{ count * k.miss_days }},
    {%- endfor %}
    missed_sales,
    scaled_daily_demand,
    expected_rate * expected_size as expected_daily_demand,
    one_off_size,
    one_off_quantity,
    last_one_off_day,
    first_day
from quick
{%- endmacro %}


{# The mean logarithm of a sale day's units of a group of articles, pulled towards its parent's. #}
{% macro demand_group_size(parent) -%}
    {%- set k = demand_constants() -%}
    (
        sum(case when articles.mean_size > 0e0 then articles.size_weight * ln(articles.mean_size) else 0e0 end)
        + {{ k.group_sale_days }}e0 * {{ parent }}
    ) / (sum(case when articles.mean_size > 0e0 then articles.size_weight else 0e0 end) + {{ k.group_sale_days }}e0)
{%- endmacro %}


{#
  What the first weeks of an article here count for, half after long_half_life: 0 where the SKU was sold elsewhere before, as one
  more warehouse for it is no new article.
#}
{% macro demand_launch_weight(elsewhere) -%}
    {%- set k = demand_constants() -%}
    case
        when {{ elsewhere }}.first_sold_day is null or {{ elsewhere }}.first_day <= {{ add_days(elsewhere ~ '.first_sold_day', k.new_days) }}
            then {{ demand_weight(days_between(elsewhere ~ '.first_day', elsewhere ~ '.as_of_day'), k.long_half_life) }}
        else 0e0
    end
{%- endmacro %}


{# The same of any article: 0 where its warehouse's record began with it. #}
{% macro demand_launched(elsewhere) -%}
    case
        when {{ elsewhere }}.first_day > {{ add_days(elsewhere ~ '.record_day', demand_constants().new_days) }}
            then {{ demand_launch_weight(elsewhere) }}
        else 0e0
    end
{%- endmacro %}


{#
  Orders of an article, as a day with a sale may have had several: a day has a sale with probability 1 − e^(−orders a day).
  Days that were in stock for an hour alone may have more sales than there are days.
#}
{% macro demand_orders(articles) -%}
    greatest(0e0, {{ articles }}.long_sales - {{ articles }}.long_first_sale) * {{ demand_orders_a_sale_day(articles) }}
{%- endmacro %}

{% macro demand_orders_a_sale_day(articles) -%}
    {%- set rate -%}
    greatest(0e0, {{ articles }}.long_sales - {{ articles }}.long_first_sale) / (greatest(0e0, {{ articles }}.long_days - {{ articles }}.long_begin) + 1e0)
    {%- endset -%}
    case when {{ rate }} > 1e-6 then -ln(1e0 - least(0.99e0, {{ rate }})) / least(0.99e0, {{ rate }}) else 1e0 end
{%- endmacro %}


{# On how many days what is known of a level rests: those of the quick memory, and of the slow one as far as it counts. #}
{% macro demand_memory_days() -%}
    {%- set prior = demand_constants().long_sale_days -%}
    ((short_sales * short_days + {{ prior }}e0 * long_days) / (short_sales + {{ prior }}e0))
{%- endmacro %}


{# Of how many blocks the sums are that past misses are measured on. #}
{% macro demand_miss_counts() -%}
    {{ return([1, 2, 4]) }}
{%- endmacro %}


{# The part by which an article that sells so often counts as one that sells daily. #}
{% macro demand_daily_share(sales, days) -%}
    {%- set least = demand_constants().daily_sale_rate / 2 -%}
    least(1e0, greatest(0e0, ({{ sales }} / nullif({{ days }}, 0e0) - {{ least }}e0) / {{ least }}e0))
{%- endmacro %}


{# A squared miss of what sells daily, in times of the variance that the forecast had given it: demand_steady_variance. #}
{% macro demand_miss(units, level, stock_days, days) -%}
    {%- set k = demand_constants() -%}
    {%- set mean = '(' ~ level ~ ' * ' ~ stock_days ~ ')' -%}
    case
        -- of what was hardly there nobody knows what was wanted
        when {{ units }} is not null and {{ stock_days }} >= {{ days / 2 }}e0 then least({{ k.most_miss }}e0, power({{ units }} - {{ mean }}, 2)
            / {{ demand_steady_variance(mean, 'daily', k.most_level_variance ~ 'e0', days ~ 'e0') }})
    end
{%- endmacro %}


{# What all articles missed together. #}
{% macro demand_miss_sums() -%}
    {%- set sums = {} -%}
    {%- for count in demand_miss_counts() -%}
        {%- do sums.update({
            'all_misses_' ~ count: 'sum(misses_' ~ count ~ ')',
            'all_cases_' ~ count: 'sum(cases_' ~ count ~ ')',
            'all_sums_' ~ count: 'max(sums_' ~ count ~ ')',
        }) -%}
    {%- endfor -%}
    {{ return(sums) }}
{%- endmacro %}
