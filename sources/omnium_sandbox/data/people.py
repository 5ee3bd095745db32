"""Made-up persons: names, addresses and phone numbers that belong to nobody."""

import random
from dataclasses import dataclass

_FIRST = ["Kari", "Ola", "Ingrid", "Lars", "Astrid", "Knut", "Solveig", "Erik", "Marit", "Jonas", "Per"]
_LAST = ["Testmann", "Prøvesen", "Eksempelsen", "Fiktivdal", "Oppdiktet", "Sandkassen", "Påfunn", "Innbilt"]
_STREETS = ["Prøveveien", "Testgata", "Eksempelalleen", "Sandkasseveien"]
_CITIES = [("0150", "Oslo"), ("5003", "Bergen"), ("7010", "Trondheim"), ("4005", "Stavanger")]


@dataclass(frozen=True)
class Person:
    """A customer. Some have their phone number or e-mail address as customer id, as in real tenants."""

    number: str
    customer_id: str
    first_name: str
    last_name: str
    email: str
    phone: str
    line1: str
    postal_code: str
    city: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    def order_address(self) -> dict[str, str]:
        """The address as orders have it."""
        return {
            "name": self.name,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "line1": self.line1,
            "postalCode": self.postal_code,
            "city": self.city,
            "countryCode": "NO",
            "email": self.email,
            "phone": self.phone,
        }

    def address(self) -> dict[str, str]:
        """The address as customers have it."""
        kept = ("name", "line1", "postalCode", "city", "countryCode", "email", "phone")
        return {name: value for name, value in self.order_address().items() if name in kept}


def make_people(count: int, choice: random.Random) -> list[Person]:
    """`count` customers. The id of every third is the phone number, that of every fifth the e-mail address."""
    people = []
    for number in range(count):
        first, last = choice.choice(_FIRST), choice.choice(_LAST)
        email = f"{first}.{last}.{number}@example.com".lower().replace("å", "a").replace("ø", "o")
        phone = f"+4790{number:06d}"
        customer_id = phone if number % 3 == 0 else email if number % 5 == 0 else f"C{number + 1:06d}"
        postal_code, city = _CITIES[number % len(_CITIES)]
        people.append(
            Person(
                number=str(500_000 + number),
                customer_id=customer_id,
                first_name=first,
                last_name=last,
                email=email,
                phone=phone,
                line1=f"{choice.choice(_STREETS)} {number % 97 + 1}",
                postal_code=postal_code,
                city=city,
            )
        )
    return people
