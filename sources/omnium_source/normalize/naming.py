"""Turns names of fields into names of columns.

column_name     the name that dlt gives a field, or one that works if dlt's does not
free_name       the same, if other columns already have that name
"""

from collections.abc import Container
from functools import lru_cache
from hashlib import blake2b

LONGEST_NAME = 200
"""Characters of a name; a longer one is cut and made unique by its hash. All destinations except PostgreSQL allow this
many, and dlt shortens the names there."""
OWN_PREFIXES = ("_dlt_", "_omnium_")
"""Columns of dlt and of this project begin with these; columns of a tenant's fields do not."""


@lru_cache(maxsize=10_000)
def column_name(json_name: str) -> str:
    """A field's name as dlt writes it; `no_name` if it has no letter, `field_dlt_id` if it looks like dlt's own."""
    # Imported here, because importing dlt takes a second, and a worker seldom meets a new name.
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
    """The column name of a JSON path whose levels are joined by dots."""
    return "__".join(map(column_name, path.split(".")))


def suffixed(column: str, json_name: str, digest_size: int = 3) -> str:
    """The column name of a field whose own name another field already has."""
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
