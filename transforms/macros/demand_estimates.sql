{#
  The demand of an article = how often it sells (sale days per day) · how much it sells (units per sale day), from sums
  of the past in which the weight of a day halves after a fixed number of days. The same queries serve the models (one
  as-of day), and a backtest and the benchmark (many); docs/models.md says on which data they were measured.
#}

{#
  The constants of the model. They are round numbers, chosen on other articles and days than those reported. "Counts as
  n" says with which weight an assumption enters an average.

  short_half_life:         days after which the weight of a day in the quick memory has halved
  long_half_life:          the same for the slow memory
  memory_limit_days:       older days are ignored; they would weigh less than 1/600
  long_sale_days:          the slow memory counts as so many sale days when it is combined with the quick one
  prior_days:              the expected sale rate of a new article counts as so many days in stock
  new_prior_days:          the same on its first day; it falls to prior_days within 2 · new_days
  new_days:                an article without a sale in so many days in stock is no longer expected to sell like its category;
                           also the number of days for which an article is new
  new_sales:               sales that pull the ratio of new articles' sales to those of all articles towards 1
  new_power:               exponent of that ratio if new articles sell more often
  other_days:              the sales in other warehouses count as at most so many days in stock
  other_sales:             the same limit in orders
  scale_sales:             orders that pull the ratio of a warehouse's sales to those of the others towards 1
  prior_sale_days:         the expected sale size counts as at most so many sale days
  usual_sale_days:         the tenant's usual size counts as at most so many of the article's sale days
  size_variance_sales:     in the variance of sizes, an assumed variance of 1 within articles (of logarithms) counts as so many
                           sale days, and one of 1 / prior_sale_days between articles likewise
  one_off_factor:          a day's demand above so many times the usual size is a one-off
  spread_sale_days:        the tenant's usual ratio of mean square to squared mean size counts as so many sale days
  silence_sales:           after so many missed sales, half of the articles have ended
  most_end_variance:       maximum squared relative error due to the chance that an article has ended
  drift_days:              days after which the level itself has changed by as much as it was uncertain
  most_level_variance:     maximum squared relative error of the level: the difference between articles of a category
  most_new_level_variance: the same for an article on its first day that no other warehouse knows; it falls within new_days
  drift_variance:          minimum squared relative error of the level per day ahead, for articles that sell thousands evenly
  least_shape:             minimum shape of the negative binomial; below it, a greater variance makes quantiles smaller
  daily_sale_rate:         sale days per day from which an article's own past errors count fully (from half of it, partly)
  miss_days:               length in days of the sums whose past errors are measured; also of 2 and 4 times that length
  missed_past_days:        past errors are those of forecasts made within so many days
  most_miss:               maximum squared error of a sum, relative to its variance
  miss_prior_sums:         a spread of 1 counts as so many sums when that of the tenant's articles is estimated
  own_miss_prior_sums:     the tenant's spread counts as so many sums when that of an article is estimated
  most_spread:             maximum spread, the ratio of measured to computed variance
  least_rate_variance:     minimum squared relative difference of sale rates within a category; however similar its articles are,
                           their rate counts as at most ten of an article's own sale days
  rate_variance_sales:     in that difference, most_level_variance counts as so many squared sale days
  group_prior_days:        the sale rate of the parent group counts as so many days in stock
  group_sale_days:         the sale size of the parent group counts as so many sale days
  season_half_life:        half-life in days of what a group sold "now", a year ago
  season_prior_sale_days:  sale days that pull a group's season towards its parent's
  weekday_prior_sale_days: sale days that pull a warehouse's weekdays towards 1
  season_doubt:            standard deviation of a rising season, relative to the share of it that is left out
  season_least_days:       days of record needed before the same day a year ago for a season
  season_shift_days:       a year of full weeks
  longest_promotion_days:  a longer reduction is not a promotion
  promotion_prior_sales:   sales that pull the effect of promotions towards none
  most_promotion_factor:   maximum factor by which a promotion multiplies sales
  promotion_variance:      squared relative error of what a promotion sells
  ahead_days:              forecast horizon in days
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


{#
  One row per as-of day, SKU and warehouse with any information, with what it sells on an ordinary day.

  memories: a relation of demand_memories. categories: a relation with sku and category (not necessarily for every SKU).
  items, as_of_days: articles on offer without any event, and the days for which they are estimated.
#}
{% macro demand_estimates(memories, categories, items=none, as_of_days=none) -%}
{%- set k = demand_constants() -%}
{%- set launched -%}
(launches.new_sales - {{ demand_launched('elsewhere') }} * elsewhere.new_sales + {{ k.new_sales }}e0)
                / (
                    launches.expected_sales
                    - {{ demand_launched('elsewhere') }} * elsewhere.new_stock_days * elsewhere.category_sale_rate
                    + {{ k.new_sales }}e0
                )
{%- endset -%}
with known as (
    select
        as_of_day,
        sku,
        warehouse_code,
        first_day,
        short_sales,
        long_sales,
        short_days,
        long_days,
        long_units,
        long_squares,
        short_begin,
        long_begin,
        short_first_sale,
        long_first_sale,
        one_off_size,
        size_sale_days,
        short_units,
        usual_units,
        one_off_quantity,
        last_one_off_day,
        new_sales,
        new_stock_days,
        silent_days,
        silent_long_days,
        {%- for count in demand_miss_counts() %}
        spread_{{ count * k.miss_days }},
        {%- endfor %}
        true as is_expected_to_sell,
        is_hub,
        open_days
    from {{ memories }}
    {%- if items %}

    union all

    -- On offer, but without any event.
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
        -- The weights of the days on which it lay there untouched.
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

-- The assumptions for an article without a past of its own: how often, and how much at a time, the articles of the
-- tenant, of the warehouse and of its category in that warehouse sell, each pulled towards the one before.
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

-- For the articles of a category that have sold there: how often they sell, and by how much they differ in that beyond
-- chance.
sold_there as (
    select
        as_of_day,
        warehouse_code,
        category,
        sum(sales) / nullif(sum(days), 0e0) as sale_rate,
        sum(days * days) as square_days,
        sum(sales * sales) as square_sales,
        sum(sales * days) as sales_by_days,
        -- The variance of a sum of weights is the sum of their squares, half of the sum itself once the record is long.
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
        -- The number of days at which chance equals the difference between articles; the rate of the others counts as
        -- so many days.
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
        -- A place without an open day of its own tells the others nothing.
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

-- Adds sums over all warehouses of the SKU. Each of the following queries is read at most twice, because Spark would
-- inline everything above for each reference.
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

-- The scale of a warehouse is how many times as much it sells of what several warehouses have: its orders, relative to
-- those that as many days of its articles' total rate would have brought. The scale of a category is pulled towards
-- that of the warehouse. A warehouse that has nothing in common with others yet is assumed to be average, unless it
-- passes everything on.
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

-- Adds the days of all warehouses, each multiplied by the scale of its warehouse.
elsewhere as (
    {{ with_sums('located', ['as_of_day', 'sku'], {'all_scaled_days': 'sum(scaled_days)'}) }}
),

-- How often new articles sold, and how often their categories would have suggested.
launches as (
    select
        as_of_day,
        sum({{ demand_launch_weight('elsewhere') }} * new_sales) as new_sales,
        sum({{ demand_launch_weight('elsewhere') }} * new_stock_days * category_sale_rate) as expected_sales
    from elsewhere
    -- Articles that are there when a warehouse's record begins are not new.
    where first_day > {{ add_days('record_day', k.new_days) }}
    group by as_of_day
),

scaled as (
    select
        elsewhere.*,
        -- The figures of the other warehouses alone: their days converted to days of this one, and how much more at a
        -- time their customers buy of it than of the articles of its category.
        elsewhere.all_scaled_days / elsewhere.scale - elsewhere.open_days as other_days,
        elsewhere.all_orders - elsewhere.orders as other_orders,
        elsewhere.all_sales - elsewhere.open_sales as other_sales,
        elsewhere.all_log_sizes - elsewhere.log_sizes as other_log_sizes,
        -- A new article is expected to sell as seldom as other new articles did. If these sold more often than their
        -- categories, only part of that counts, because a daily review notices a good seller within days, whereas
        -- excess stock remains.
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

-- What the other warehouses suggest: orders per day, their size, and the number of days in stock as which they count.
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
            -- An article in stock for some time without a sale is not expected to sell like its category.
            when is_expected_to_sell and (long_sales > 0e0 or long_days < {{ k.new_days }}e0) then new_sale_rate
            else 0e0
        end as group_rate,
        -- A new article has hardly had time to contradict the expectation.
        {{ k.prior_days }}e0
            + {{ k.new_prior_days - k.prior_days }}e0 * greatest(0e0, 1e0 - long_days / {{ 2 * k.new_days }}e0) as group_days
    from scaled
),

-- A day has a sale with probability 1 − e^(−orders per day).
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
        -- What other warehouses sell of the same article is not merely a usual size.
        case when counted_days is null then size_sale_days else {{ k.prior_sale_days }}e0 end as prior_sale_days
    from other
),

slow as (
    select
        *,
        (long_sales - long_first_sale + prior_days * expected_rate + alike_days * alike_rate)
            / (long_days - long_begin + prior_days + alike_days) as long_rate,
        (usual_units + prior_sale_days * expected_size) / (long_sales + prior_sale_days) as long_size,
        -- Sales expected in the silence, at the rate before it.
        silent_days * (long_sales - long_first_sale + prior_days * expected_rate + alike_days * alike_rate)
            / (greatest(0e0, long_days - long_begin - silent_long_days) + prior_days + alike_days) as missed_sales,
        greatest(0e0, short_sales - short_first_sale) as own_sales
    from expected
),

quick as (
    select
        slow.*,
        -- As if the sale days of the slow memory had been observed as well, in as many days as they take.
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
    -- New articles differ far more than those that stayed.
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


{# The mean logarithm of the units per sale day of a group of articles, pulled towards that of its parent. #}
{% macro demand_group_size(parent) -%}
    {%- set k = demand_constants() -%}
    (
        sum(case when articles.mean_size > 0e0 then articles.size_weight * ln(articles.mean_size) else 0e0 end)
        + {{ k.group_sale_days }}e0 * {{ parent }}
    ) / (sum(case when articles.mean_size > 0e0 then articles.size_weight else 0e0 end) + {{ k.group_sale_days }}e0)
{%- endmacro %}


{#
  The weight of the first weeks of an article, with half-life long_half_life; 0 if the SKU was sold elsewhere before,
  because an article in one more warehouse is not new.
#}
{% macro demand_launch_weight(elsewhere) -%}
    {%- set k = demand_constants() -%}
    case
        when {{ elsewhere }}.first_sold_day is null or {{ elsewhere }}.first_day <= {{ add_days(elsewhere ~ '.first_sold_day', k.new_days) }}
            then {{ demand_weight(days_between(elsewhere ~ '.first_day', elsewhere ~ '.as_of_day'), k.long_half_life) }}
        else 0e0
    end
{%- endmacro %}


{# The same for any article; 0 if the record of its warehouse began with it. #}
{% macro demand_launched(elsewhere) -%}
    case
        when {{ elsewhere }}.first_day > {{ add_days(elsewhere ~ '.record_day', demand_constants().new_days) }}
            then {{ demand_launch_weight(elsewhere) }}
        else 0e0
    end
{%- endmacro %}


{#
  Number of orders of an article, since a day with a sale may have had several: a day has a sale with probability 1 −
  e^(−orders per day). If days were in stock for only an hour, there may be more sales than days in stock.
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


{#
  The number of days on which the level rests: those of the quick memory, and those of the slow one in proportion to its
  weight.
#}
{% macro demand_memory_days() -%}
    {%- set prior = demand_constants().long_sale_days -%}
    ((short_sales * short_days + {{ prior }}e0 * long_days) / (short_sales + {{ prior }}e0))
{%- endmacro %}
