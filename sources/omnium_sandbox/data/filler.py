"""What fills the tenant with rows that do not come from trading writes through this."""

import random
from datetime import UTC, datetime, timedelta

from omnium_sandbox.data.catalogue import Catalogue
from omnium_sandbox.data.people import Person
from omnium_sandbox.rows import Row, iso
from omnium_sandbox.tenant import Tenant


class Filler:
    """A tenant to be filled, what it trades in, who its customers are, and the one sequence of chance."""

    def __init__(
        self, tenant: Tenant, catalogue: Catalogue, people: list[Person], choice: random.Random
    ) -> None:
        self.tenant, self.catalogue, self.people, self.choice = tenant, catalogue, people, choice
        self.start = datetime.combine(catalogue.first_day, datetime.min.time(), UTC)
        self.count = catalogue.scale.others

    def put(self, resource: str, row: Row) -> None:
        """Keeps a row as it is."""
        self.tenant.collection(resource).put(row)

    def on(self, day: float) -> str:
        """A day of the history, fractions included, as the API writes it."""
        last = self.catalogue.scale.days - 0.2
        return iso(self.start + timedelta(seconds=int(min(day, last) * 86_400)))

    def some_day(self) -> float:
        """A random day of the history."""
        return self.choice.uniform(0, self.catalogue.scale.days - 1)
