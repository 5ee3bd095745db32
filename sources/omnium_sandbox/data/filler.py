"""Shared state of the functions that write rows which do not come from the simulation."""

import random
from datetime import UTC, datetime, timedelta

from omnium_sandbox.data.catalogue import Catalogue
from omnium_sandbox.data.people import Person
from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import Tenant


class Filler:
    """The tenant to fill, its catalogue, its customers, and the random sequence."""

    def __init__(
        self, tenant: Tenant, catalogue: Catalogue, people: list[Person], choice: random.Random
    ) -> None:
        self.tenant, self.catalogue, self.people, self.choice = tenant, catalogue, people, choice
        self.start = datetime.combine(catalogue.first_day, datetime.min.time(), UTC)
        self.count = catalogue.scale.others

    def put(self, resource: str, row: Row) -> None:
        """Store a row as it is."""
        self.tenant.collection(resource).put(row)

    def on(self, day: float) -> str:
        """A day of the history, which may have a fraction, in the API's format."""
        last = self.catalogue.scale.days - 0.2
        return iso(self.start + timedelta(seconds=int(min(day, last) * 86_400)))

    def some_day(self) -> float:
        """A random day of the history."""
        return self.choice.uniform(0, self.catalogue.scale.days - 1)
