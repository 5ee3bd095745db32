"""The program's forecasts as of many days at once, made by its own macros, which are compiled for the caller."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.models import dbt

MODELS = (
    "int_demand_as_of_days",
    "int_promotion_effects",
    "int_demand_memories",
    "int_demand_estimates",
    "int_demand_seasons",
    "int_demand_weekdays",
    "int_demand_promotions",
)
"""The models to build again for other days (`replayed_as_of_days`) once everything below them exists."""


def forecast_query(folder: Path, probabilities: Sequence[float]) -> str:
    """A query of all estimates of the demand of the next `__horizon__` days; replace that by a number such as 31e0.

    Its columns are forecast_mean, forecast_variance and a quantile (q0, q1, …) for each probability.
    """
    quantiles = "".join(
        f", {{{{ demand_quantile('{probability}e0', 'forecast_mean', 'forecast_variance') }}}} as q{number}"
        for number, probability in enumerate(probabilities)
    )
    inline = (
        "with asked as (select * from {{ ref('int_demand_estimates') }}), "
        "forecasts as ({{ demand_forecast_over('asked', {'forecast': '__horizon__'}, "
        "estimates=ref('int_demand_estimates'), seasons=ref('int_demand_seasons'), "
        "weekdays=ref('int_demand_weekdays'), promotions=ref('int_demand_promotions')) }}), "
        "spread as (select * replace ({{ demand_countable_variance('forecast_mean', 'forecast_variance') }} "
        "as forecast_variance) from forecasts) "
        f"select *{quantiles} from spread"
    )
    compiled: str = dbt(folder, "compile", "--inline", inline).results[0].node.compiled_code
    return compiled
