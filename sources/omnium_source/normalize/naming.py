"""Fields' names → columns' names.

column_name     what dlt makes of a name, and something that works where that does not
free_name       the same, where other columns have that name already
"""

from collections.abc import Container
from functools import lru_cache
from hashlib import blake2b

LONGEST_NAME = 200
"""Characters of a name; a longer one is cut and told from others by its hash. All destinations but PostgreSQL have room
for as many, and dlt shortens them there."""
OWN_PREFIXES = ("_dlt_", "_omnium_")
"""Columns of dlt's and of ours begin so; a field of the tenant's does not."""


@lru_cache(maxsize=10_000)
def column_name(json_name: str) -> str:
    """A field's name as dlt writes it; `no_name` for one without a letter, `field_dlt_id` for one like dlt's own."""
    # Here, because importing dlt takes a second, and a worker meets a new name seldom.
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    try:
        name: str = NamingConvention().normalize_identifier(json_name)
    except ValueError:
        name = "no_name"
    if name.startswith(OWN_PREFIXES):
        name = f"field{name}"
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 13].rstrip('_')}_{_digest(json_name, 6)}"
    return name


def column_name_of(path: str) -> str:
    """The column that a JSON path becomes, levels joined by dots."""
    return "__".join(map(column_name, path.split(".")))


def suffixed(column: str, json_name: str, digest_size: int = 3) -> str:
    """The column's name for a field whose own is another field's already."""
    return f"{column}_{_digest(json_name, digest_size)}"


def free_name(column: str, json_name: str, taken: Container[str]) -> str:
    """`column`, or the first of its names with a suffix that no other column has."""
    sizes = iter(range(3, 65))
    name = column
    while name in taken:
        name = suffixed(column, json_name, next(sizes))
    return name


def _digest(name: str, size: int) -> str:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
