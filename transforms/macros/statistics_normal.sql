{#
  The normal distribution, which neither DuckDB nor PostgreSQL provides.

  Every macro takes a SQL expression and repeats it many times, so pass a column rather than a calculation. Infinite
  arguments are allowed; a null gives null. Only plain arithmetic is used, so that every adapter can run it.
#}

{# a0 + a1·x + a2·x² + … by Horner's rule. The e0 keeps the coefficients floating point. #}
{% macro statistics_polynomial(x, coefficients) -%}
    {%- for coefficient in coefficients[:-1] -%} ({{ coefficient }}e0 + {{ x }} * {% endfor -%}
    {{ coefficients[-1] }}e0
    {%- for coefficient in coefficients[:-1] -%} ) {%- endfor -%}
{%- endmacro %}


{# φ(x), the density of the standard normal distribution. #}
{% macro normal_density(x) -%}
    case when abs({{ x }}) > 38e0 then 0e0 else exp(-0.5e0 * {{ x }} * {{ x }}) * 0.3989422804014327e0 end
{%- endmacro %}


{#
  Φ(x) = P(Z ≤ x), to 14 digits (Hart 1968 as given by West 2005: a ratio of polynomials up to |x| = 7.07, a continued
  fraction beyond).
#}
{% macro normal_cdf(x) -%}
    case
        when {{ x }} > 0e0 then 1e0 - {{ normal_tail(x) }}
        else {{ normal_tail(x) }}
    end
{%- endmacro %}

{# P(Z > |x|), exact in the far tail, where 1 − Φ would be rounded to 0. #}
{% macro normal_tail(x) -%}
    case
        when abs({{ x }}) > 37e0 then 0e0
        when abs({{ x }}) < 7.07106781186547e0 then exp(-0.5e0 * {{ x }} * {{ x }})
            * {{ statistics_polynomial('abs(' ~ x ~ ')', [
                '220.206867912376', '221.213596169931', '112.079291497871', '33.912866078383',
                '6.37396220353165', '0.700383064443688', '0.0352624965998911',
            ]) }}
            / {{ statistics_polynomial('abs(' ~ x ~ ')', [
                '440.413735824752', '793.826512519948', '637.333633378831', '296.564248779674',
                '86.7807322029461', '16.064177579207', '1.75566716318264', '0.0883883476483184',
            ]) }}
        else exp(-0.5e0 * {{ x }} * {{ x }}) / 2.506628274631e0
            / (abs({{ x }}) + 1e0 / (abs({{ x }}) + 2e0 / (abs({{ x }}) + 3e0
                / (abs({{ x }}) + 4e0 / (abs({{ x }}) + 0.65e0)))))
    end
{%- endmacro %}


{#
  z with Φ(z) = p for 0 < p < 1, to 15 digits (Wichura 1988, algorithm AS 241); null otherwise.
#}
{% macro normal_quantile(p) -%}
    case
        when {{ p }} <= 0e0 or {{ p }} >= 1e0 then null
        when abs({{ p }} - 0.5e0) <= 0.425e0 then ({{ p }} - 0.5e0)
            {%- set r = '(0.180625e0 - (' ~ p ~ ' - 0.5e0) * (' ~ p ~ ' - 0.5e0))' %}
            * {{ statistics_polynomial(r, [
                '3.3871328727963666080', '133.14166789178437745', '1971.5909503065514427',
                '13731.693765509461125', '45921.953931549871457', '67265.770927008700853',
                '33430.575583588128105', '2509.0809287301226727',
            ]) }}
            / {{ statistics_polynomial(r, [
                '1.0', '42.313330701600911252', '687.18700749205790830', '5394.1960214247511077',
                '21213.794301586595867', '39307.895800092710610', '28729.085735721942674',
                '5226.4952788528545610',
            ]) }}
        else (case when {{ p }} < 0.5e0 then -1e0 else 1e0 end) * case
            {%- set r = 'sqrt(-ln(case when ' ~ p ~ ' < 0.5e0 then ' ~ p ~ ' else 1e0 - ' ~ p ~ ' end))' %}
            when {{ r }} <= 5e0 then
                {{ statistics_polynomial('(' ~ r ~ ' - 1.6e0)', [
                    '1.42343711074968357734', '4.63033784615654529590', '5.76949722146069140550',
                    '3.64784832476320460504', '1.27045825245236838258', '0.241780725177450611770',
                    '0.0227238449892691845833', '0.000774545014278341407640',
                ]) }}
                / {{ statistics_polynomial('(' ~ r ~ ' - 1.6e0)', [
                    '1.0', '2.05319162663775882187', '1.67638483018380384940', '0.689767334985100004550',
                    '0.148103976427480074590', '0.0151986665636164571966', '0.000547593808499534494600',
                    '0.00000000105075007164441684324',
                ]) }}
            else
                {{ statistics_polynomial('(' ~ r ~ ' - 5e0)', [
                    '6.65790464350110377720', '5.46378491116411436990', '1.78482653991729133580',
                    '0.296560571828504891230', '0.0265321895265761230930', '0.00124266094738807843860',
                    '0.0000271155556874348757815', '0.000000201033439929228813265',
                ]) }}
                / {{ statistics_polynomial('(' ~ r ~ ' - 5e0)', [
                    '1.0', '0.599832206555887937690', '0.136929880922735805310', '0.0148753612908506148525',
                    '0.000786869131145613259100', '0.0000184631831751005468180',
                    '0.000000142151175831644588870', '0.00000000000000204426310338993978564',
                ]) }}
        end
    end
{%- endmacro %}


{#
  G(k) = φ(k) − k·P(Z > k): units short per unit of standard deviation if the stock is k deviations above the mean (the
  standard loss function). Never below 0.
#}
{% macro normal_loss(k) -%}
    case
        when {{ k }} > 0e0 then greatest(0e0, {{ normal_density(k) }} - {{ k }} * {{ normal_tail(k) }})
        else {{ normal_density(k) }} - {{ k }} * (1e0 - {{ normal_tail(k) }})
    end
{%- endmacro %}
