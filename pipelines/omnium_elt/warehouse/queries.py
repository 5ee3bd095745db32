"""Query results as dictionaries or single values."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


def rows(connection: Any, sql: str, *values: Any) -> list[Row]:
    """The rows of a query as dictionaries."""
    cursor = connection.execute(sql, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, found, strict=True)) for found in cursor.fetchall()]


def only_value(connection: Any, sql: str, *values: Any) -> Any:
    """The value of a query that returns one row with one column."""
    ((found,),) = connection.execute(sql, list(values)).fetchall()
    return found


def first_row(connection: Any, sql: str, *values: Any) -> Row | None:
    """The first row of a query; None if there are no rows."""
    return next(iter(rows(connection, sql, *values)), None)


def row(connection: Any, sql: str) -> Row:
    """The row of a query that returns one row."""
    return rows(connection, sql)[0]


def sum_of(found: Iterable[Row], column: str) -> Decimal:
    """The sum of a column that may hold nulls."""
    return sum((Decimal(row[column] or 0) for row in found), Decimal(0))
