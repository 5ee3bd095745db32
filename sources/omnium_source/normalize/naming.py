"""Fields' names → columns' names."""

from functools import lru_cache


@lru_cache(maxsize=10_000)
def column_name(json_name: str) -> str:
    """A field's name as dlt writes it."""
    # Here, because importing dlt takes a second, and a worker meets a new name seldom.
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    name: str = NamingConvention().normalize_identifier(json_name)
    return name
