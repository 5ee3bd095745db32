"""Raw tables of a home, for tests of what becomes of them outside: lakes, buckets."""

import duckdb
from omnium_elt.infra.home import Home


def execute(home: Home, *statements: str) -> None:
    """Run statements in the working database."""
    with duckdb.connect(str(home.working_database)) as connection:
        for statement in statements:
            connection.execute(statement)
