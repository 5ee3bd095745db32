{#
  Weighted sums over the past of an article, in which the weight of a day halves after a fixed number of days: a quick
  memory and a slow one.
#}

{# The weight of a day of this age, which halves every `half_life` days. #}
{% macro demand_weight(age, half_life) -%}
    power(0.5e0, {{ age }} / {{ half_life }}e0)
{%- endmacro %}


{#
  The sum of the weights of a run of days, its first day excepted: 0.5^(age/h) · Σ_{j=1}^{d−1} 2^(j/h), a geometric sum.
#}
{% macro demand_weight_after_first(age, days, half_life) -%}
    {%- set ratio = 2 ** (1 / half_life) -%}
    ({{ demand_weight(age, half_life) }} * {{ ratio / (ratio - 1) }}e0 * (power(2e0, ({{ days }} - 1) / {{ half_life }}e0) - 1e0))
{%- endmacro %}


{#
  One row per as-of day, SKU and warehouse with any event until then.

  changes: a relation like fct_stock_and_demand_change. as_of_days: a relation with the column as_of_day; only events up
  to that day are used, and after the `last_whole_day` only sales. promotion_days, promotion_effects: sales in a
  promotion are divided by the factor by which promotions multiply sales. closed_days: days on which nobody could buy
  are left out.
#}
{% macro demand_memories(changes, as_of_days, promotion_days=none, promotion_effects=none, closed_days=none) -%}
{%- set k = demand_constants() -%}
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
        -- A day with an order from an empty shelf counts as observed.
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

-- The usual size, and the variance of sizes within and between articles (the chance variance of a weighted sum is the
-- sum of the squared weights).
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
        -- The number of sale days at which chance equals the difference between articles; the expected size counts as
        -- so many sale days.
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
        -- If a record begins with a sale, that sale says how much is sold but not how often, so neither the day nor its
        -- sale counts.
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
        -- The sale that the record begins with, less than 1 if it was in a promotion.
        sum(case when weighed.day = sized.first_day then weighed.is_sale * weighed.short_weight else 0e0 end) as short_first_sale,
        sum(case when weighed.day = sized.first_day then weighed.is_sale * weighed.long_weight else 0e0 end) as long_first_sale,
        sum(greatest(0e0, weighed.demand - sized.one_off_size)) as one_off_quantity,
        max(case when weighed.demand > sized.one_off_size then weighed.day end) as last_one_off_day,
        -- Sale days and days in stock of the time when the article was new, its first day excepted.
        sum(case
            when weighed.age < sized.first_age and weighed.age >= sized.first_age - {{ k.new_days }}e0 then weighed.is_sale
            else 0e0
        end) as new_sales,
        sum(case
            when weighed.age < sized.first_age - {{ k.new_days }}e0 then 0e0
            else case when weighed.age < sized.first_age then weighed.first_share else 0e0 end
                + weighed.carried_share * least(weighed.days - 1e0, {{ k.new_days }}e0 - sized.first_age + weighed.age)
        end) as new_stock_days,
        -- The silence since the last sale: its days in stock on which customers could have come, and their weight in
        -- the slow memory.
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

-- The past of an article that sells daily shows by how much sums over some days differed from the expectation of the
-- quick memory as of the day before them. Days are grouped in blocks, counted back from the as-of day.
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

-- Adds the part of a run of days that lies beyond the end of the block in which it begins.
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
            -- A day that is six half-lives older says nothing about the level.
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

-- A case for each block at the end of which the article had been known for some time and sold daily, with its squared
-- errors relative to the variance that the formula gives.
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

-- Cases of the same time count once, however many articles there are, and overlapping sums count as many as fit side by
-- side.
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

-- A calm year guarantees nothing, so that smaller errors than expected count by their square root.
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
)

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
    -- A place that passes an article on and sells none itself is not one where customers buy it, so its silence says
    -- nothing.
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
{%- endmacro %}


{# Lengths, in blocks, of the sums whose past errors are measured. #}
{% macro demand_miss_counts() -%}
    {{ return([1, 2, 4]) }}
{%- endmacro %}


{# The share (0…1) to which an article with this sale rate counts as one that sells daily. #}
{% macro demand_daily_share(sales, days) -%}
    {%- set least = demand_constants().daily_sale_rate / 2 -%}
    least(1e0, greatest(0e0, ({{ sales }} / nullif({{ days }}, 0e0) - {{ least }}e0) / {{ least }}e0))
{%- endmacro %}


{#
  The squared error of a past sum of an article that sells daily, relative to the variance of its forecast
  (demand_steady_variance).
#}
{% macro demand_miss(units, level, stock_days, days) -%}
    {%- set k = demand_constants() -%}
    {%- set mean = '(' ~ level ~ ' * ' ~ stock_days ~ ')' -%}
    case
        -- If it was hardly in stock, the demand is unknown.
        when {{ units }} is not null and {{ stock_days }} >= {{ days / 2 }}e0 then least({{ k.most_miss }}e0, power({{ units }} - {{ mean }}, 2)
            / {{ demand_steady_variance(mean, 'daily', k.most_level_variance ~ 'e0', days ~ 'e0') }})
    end
{%- endmacro %}


{# The sums of the errors of all articles. #}
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
