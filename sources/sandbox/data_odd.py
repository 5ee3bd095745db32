"""Rows as they should not be, and are. Each has an id that says what is odd about it."""

from datetime import UTC, date, datetime, timedelta

from sources.sandbox.tenant import Row, Tenant, iso


def put_odd_rows(tenant: Tenant, today: date) -> None:
    """Adds one or more of every oddity to a tenant that has sane rows, or none."""


_ = (UTC, datetime, timedelta, iso, Row)
