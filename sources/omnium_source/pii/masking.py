"""Hash or remove personal data in the API's responses.

Personal data is the name, e-mail, phone, street address and birth date of customers and contact persons, and every id
of a customer (ids often are phone numbers or e-mail addresses). Postal code, city and country are kept, as demand is
analysed by region. docs/personal-data.md has the table of what is covered and what is not.

Three layers find it, each for what the one before misses:

1. `rules.py` lists the personal fields of every schema of the contract. They apply to each object of the schema, in a
   table or in a column of JSON.
2. Fields that the contract lacks, and fields of free-form objects, are judged by their names (`vocabulary.py`), and the
   value of a property by its key, whatever the fields for key and value are called.
3. E-mail addresses, phone numbers and birth numbers in any other text are found by their form (`forms.py`), except in
   fields of companies and of the catalogue.

None of them finds a name inside a free text (a comment, a note). Do not pass such columns on, or leave them out with
`excluded_fields` if the text is not needed.

Staff: employees listed at a store are contact persons. People who act on documents (sales person, purchaser, the user
of an event or of an inventory transaction) are not customers and stay readable, unless their login is an e-mail address
(layer 3). If staff and customers cannot be distinguished (`modifiedBy` of carts and customers, authors of comments),
the field counts as personal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal, get_args

import orjson
import pyarrow as pa

from omnium_source.contract import contract
from omnium_source.errors import ConfigurationError
from omnium_source.json_values import is_container, json_text, members, with_scalars
from omnium_source.pii.forms import suspicious, with_hidden
from omnium_source.pii.rules import CATALOGUE, Position
from omnium_source.pii.vocabulary import (
    is_company_container,
    is_identifier_name,
    is_name_of_name,
    is_person_container,
    is_personal_name,
    says_personal,
    speaks_of_person,
    words,
)

Mode = Literal["include", "hash", "exclude"]
Who = Literal["", "person", "company"]

HASH_BYTES = 16
"""Bytes of a hash, which is written as twice as many hexadecimal digits."""

RULES_VERSION = 5
"""Increase this when the rules find other values: everything is then read and written again (`Sync.windows`)."""


REMEMBERED_HASHES = 50_000
"""Most values whose hashes are cached: the same customers occur again in a batch and in later ones."""

MOST_PLANS = 2_000
"""Most plans (`_Plan`) that are cached for each place."""

LONGEST_JSON_IN_TEXT = 1_000_000
"""Most characters of a text that is parsed if it looks like JSON."""

JSON_IN_TEXT = (b'"{', b'"[', b'" ', b'"\\n', b'"\\r', b'"\\t')
"""How a JSON string begins that may hold JSON itself, perhaps after blanks."""

DIGITS_OF_A_PERSON = 6
"""In an object that describes persons, a field named with at least this many digits may be a customer's id or phone."""

_PROPERTY_KEYS = (
    "key name code label k field property property_name property_key attribute attribute_name type title "
    "question id item field_name field_key custom_field variable navn namn naam nimi nokkel nyckel nogle "
    "felt falt egenskap schlussel feld eigenschaft sleutel veld eigenschap avain kentta sporsmal fraga "
    "frage vraag kysymys"
)
_PROPERTY_VALUES = (
    "value values val v text string_value text_value property_value field_value attribute_value raw_value "
    "display_value value_text default_value content data answer verdi verdiar varde vaerdi vardi wert "
    "waarde arvo svar antwort antwoord vastaus tekst "
    "innhold innehall inhalt inhoud sisalto"
)


@dataclass(frozen=True, slots=True)
class Inside:
    """What is known of a value by its place.

    `who`: the person or company that its object describes. `position`: its place in the contract, if it has one.
    `is_watched`: it may hold e-mail addresses and phone numbers of customers. `has_clean_texts`: its texts were
    searched already.
    """

    who: Who = ""
    position: Position | None = None
    is_watched: bool = True
    has_clean_texts: bool = False
    plans: "dict[tuple[str, ...], _Plan]" = field(default_factory=dict, repr=False, compare=False)

    def plan(self, names: tuple[str, ...]) -> "_Plan":
        """The plan for an object with these field names."""
        known = self.plans.get(names)
        if known is None:
            if len(self.plans) >= MOST_PLANS:
                self.plans.clear()
            known = self.plans[names] = _plan(self, names)
        return known

    @classmethod
    def of(cls, position: Position) -> "Inside":
        """An object that the contract describes."""
        who: Who = "company" if position.is_company else "person" if position.describes_person else ""
        return cls(who, position, position.schemas[0] not in CATALOGUE and not position.is_company)

    def with_clean_texts(self) -> "Inside":
        """The same place, with all texts searched already."""
        return _with_clean_texts(self)

    def unknown(self) -> "Inside":
        """A field of the object that the contract lacks."""
        return Inside(self.who, None, self.is_watched)

    def below(self, name: str) -> "Inside":
        """The place of the value in a field of the object."""
        if self.position is not None:
            schema = contract()[self.position.schemas[-1]].get(name, "").strip("[]")
            if contract().get(schema):
                found = Inside.of(self.position.within(name, schema))
                return found.with_clean_texts() if self.has_clean_texts else found
        if is_company_container(name):
            return Inside("company", None, False, self.has_clean_texts)
        if is_person_container(name) and (self.who != "company" or speaks_of_person(name)):
            is_watched = not self.has_clean_texts and (self.is_watched or self.who == "company")
            return Inside("person", None, is_watched, self.has_clean_texts)
        return Inside(self.who, None, self.is_watched, self.has_clean_texts)

    def is_personal(self, name: str) -> bool:
        """Whether a field of the object is personal: by the rules if the contract has it, or else by its name."""
        if self.position is not None and name in contract()[self.position.schemas[-1]]:
            return self.position.is_personal(name)
        return is_personal_name(name, self.who == "person", self.who == "company")


ANYWHERE = Inside()


@lru_cache(maxsize=10_000)
def _with_clean_texts(inside: Inside) -> Inside:
    return Inside(inside.who, inside.position, False, True)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the fields of an object are treated, by their names. Most objects in a field share the same names.

    `personal`: fields to hide. `below`: the place of each field's value. `identifiers`: fields that name a thing.
    `keys`, `values`, `group`: fields that hold a property's key, its value, and the group of the key.
    `has_values_in_names`: a field's name itself may be personal.
    """

    personal: tuple[str, ...]
    below: Mapping[str, Inside]
    identifiers: frozenset[str]
    keys: tuple[str, ...]
    values: tuple[str, ...]
    group: str | None
    has_values_in_names: bool


def _plan(inside: Inside, names: tuple[str, ...]) -> _Plan:
    personal = [name for name in names if inside.is_personal(name)]
    if not inside.who and inside.position is None and any(not speaks_of_person(name) for name in personal):
        # An object with a phone, an address or a birth date describes a person, so its name is personal too.
        personal += [name for name in names if is_name_of_name(name)]
    plain = {name: words(name) for name in names}
    keys = tuple(name for name in names if plain[name] in _PROPERTY_KEYS.split())
    values = tuple(name for name in names if plain[name] in _PROPERTY_VALUES.split())
    return _Plan(
        tuple(personal),
        {name: inside.below(name) for name in names},
        frozenset(name for name in names if is_identifier_name(name)),
        keys if values else (),
        values if keys else (),
        next((name for name in names if plain[name] in ("key_group", "group")), None),
        any(
            with_hidden(name, lambda _: "") != name
            or (inside.who == "person" and inside.position is None and _is_number_of_person(name))
            for name in names
        ),
    )


@dataclass(frozen=True)
class PersonalData:
    """How personal data is treated, and the key of the hashes.

    `include` keeps it, `hash` replaces it with a keyed hash (with the same key, a value has the same hash in every
    table and run), `exclude` removes it.

    One class, as every method needs the key of the hashes, which is kept nowhere else.
    """

    mode: Mode
    key: bytes = field(repr=False)
    _hashes: dict[str | None, str | None] = field(
        default_factory=lambda: {None: None}, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Check the mode, and hash the key to 32 bytes, as BLAKE2b takes at most 64."""
        if self.mode not in get_args(Mode):
            raise ConfigurationError(f"pii is {self.mode!r}: take include, hash or exclude")
        object.__setattr__(self, "key", blake2b(self.key, digest_size=32).digest())

    @property
    def salt(self) -> bytes:
        """The salt of the rows' content hashes, so that another mode, key or version of the rules changes every row."""
        return blake2b(f"{self.mode} {RULES_VERSION}".encode(), key=self.key, digest_size=32).digest()

    @property
    def mark(self) -> str:
        """Identifies mode and key without revealing the key: `hash:0123456789abcdef`."""
        return f"{self.mode}:{blake2b(b'mark', key=self.key, digest_size=8).hexdigest()}"

    @property
    def rules(self) -> int | None:
        """The version of the rules that find personal data; None if all of it is kept (`include`)."""
        return None if self.is_open else RULES_VERSION

    @property
    def is_open(self) -> bool:
        """Whether personal data is kept."""
        return self.mode == "include"

    def hash(self, value: str) -> str:
        """The keyed hash of a value: 32 hexadecimal digits."""
        return blake2b(value.encode(), key=self.key, digest_size=HASH_BYTES).hexdigest()

    def hide_column(self, values: Sequence[str | None]) -> list[str | None]:
        """The replacements for a column of personal values; each distinct value is hashed once."""
        if self.mode != "hash":
            return [self.hide(value) for value in values]
        known: dict[str | None, str | None] = self._hashes
        if len(known) > REMEMBERED_HASHES:
            # A new dictionary instead of `clear()`, as another thread may still read the old one.
            known = {None: None}
            object.__setattr__(self, "_hashes", known)
        known.update((value, self.hide(value)) for value in set(values).difference(known))
        return list(map(known.__getitem__, values))

    def hide(self, value: str | None) -> str | None:
        """The replacement for a personal value."""
        if value is None or self.mode == "include":
            return value
        return self.hash(value) if self.mode == "hash" else None

    def hide_inside(self, text: str, is_identifier: bool = False) -> str:
        """The text with each value that is personal by its form (`forms.py`) hashed or, with `exclude`, removed.

        `is_identifier`: the text names a thing, so fewer forms are searched for.
        """
        if self.mode == "include":
            return text
        return with_hidden(text, lambda found: self.hide(found) or "", is_identifier=is_identifier)

    def hide_in_text(self, text: str, inside: Inside, is_identifier: bool = False) -> str:
        """Like `hide_inside`, but a text that holds JSON is cleaned like an object at its place (`clean`)."""
        if _begins_json(text) and len(text) <= LONGEST_JSON_IN_TEXT:
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                value = None
            if is_container(value):
                cleaned = self.clean(value, inside)
                return text if cleaned == value else json_text(cleaned)
        return self.hide_inside(text, is_identifier) if inside.is_watched else text

    def hide_properties(
        self, values: Sequence[Any], keys: Sequence[Any], groups: Sequence[Any], inside: Inside
    ) -> Sequence[Any]:
        """The values of properties without personal data, judged by their keys and the groups of the keys."""
        is_company = inside.who == "company"
        places = list(zip(_texts(keys), _texts(groups), strict=True))
        kinds: dict[tuple[str | None, str | None], str] = {
            (key, group): "personal" if _is_personal(key, group, is_company) else "identifier"
            for key, group in set(places)
            if key is not None and (_is_personal(key, group, is_company) or is_identifier_name(key))
        }
        try:
            texts = pa.array([value if type(value) is str else None for value in values], pa.string())
            suspects = suspicious(texts).to_pylist()
        except pa.ArrowException:  # a text that is not valid Unicode
            suspects = [type(value) is str for value in values]
        if "personal" not in kinds.values() and not any(suspects) and not any(map(is_container, values)):
            return values
        return [
            self._hide_property(value, kinds.get(place, ""), inside)
            if value is not None and (is_suspect or type(value) is not str or place in kinds)
            else value
            for value, place, is_suspect in zip(values, places, suspects, strict=True)
        ]

    def _hide_property(self, value: Any, kind: str, inside: Inside) -> Any:
        if kind == "personal":
            return self.hide_all(value)
        if type(value) is str:
            return self.hide_in_text(value, inside, kind == "identifier")
        return self.clean(value, inside) if is_container(value) else value

    def clean(self, value: Any, inside: Inside | None = None) -> Any:
        """A free-form value without personal data, judged by its place, the names of its fields, and by form."""
        around = [value]
        # Not recursive, as a value may be nested arbitrarily deep.
        todo: list[tuple[Any, Inside, bool]] = [(around, inside or ANYWHERE, False)]
        while todo:
            container, inside, is_identifier = todo.pop()
            if type(container) is dict:
                self._clean_object(container, inside, todo)
                continue
            for at, item in enumerate(container):
                if type(item) is str:
                    if inside.is_watched or _begins_json(item):
                        container[at] = self.hide_in_text(item, inside, is_identifier)
                elif is_container(item):
                    container[at] = copy = item.copy()
                    if _is_pair_of_name_and_value(copy, inside):
                        copy[1] = self.hide_all(copy[1])
                    todo.append((copy, inside, is_identifier))
        return around[0]

    def _clean_object(
        self, value: dict[str, Any], inside: Inside, todo: list[tuple[Any, Inside, bool]]
    ) -> None:
        """Clean the fields of an object, in place. Objects and lists in it are copied and added to `todo`."""
        plan = inside.plan(tuple(value))
        hidden = {
            name
            for name in plan.personal
            if is_flat(value[name]) or not (is_person_container(name) or plan.below[name].position)
        }
        identifiers = plan.identifiers
        if plan.values:
            says = [value[name] for name in plan.keys if type(value[name]) is str]
            group = value.get(plan.group) if plan.group else None
            if any(_is_personal(key, group, inside.who == "company") for key in says):
                hidden.update(plan.values)
            elif any(map(is_identifier_name, says)):
                identifiers = identifiers.union(plan.values)
        for name in hidden:
            if self.mode == "exclude":
                value.pop(name, None)
            else:
                value[name] = self.hide_all(value[name])
        for name, item in value.items():
            if name in hidden:
                continue
            if type(item) is str:
                if inside.is_watched or _begins_json(item):
                    value[name] = self.hide_in_text(item, inside, name in identifiers)
            elif is_container(item):
                value[name] = copy = item.copy()
                todo.append((copy, plan.below[name], name in identifiers))
        if plan.has_values_in_names and inside.is_watched:
            # In place, as the parent holds a reference to this object.
            self._rename(value, among_persons=inside.who == "person")

    def _rename(self, value: dict[str, Any], *, among_persons: bool) -> None:
        """Hide personal values in the names of an object's fields, in place."""
        renamed = {
            (
                self.hide(name) or ""
                if among_persons and _is_number_of_person(name)
                else self.hide_inside(name)
            ): item
            for name, item in value.items()
        }
        value.clear()
        value.update(renamed)

    def hide_all(self, value: Any) -> Any:
        """A personal value of any type, with every scalar in it hidden."""
        if self.mode == "exclude":
            return value if isinstance(value, bool) else None

        def hide(scalar: Any) -> Any:
            if scalar is None or isinstance(scalar, bool):
                return scalar
            return self.hide(scalar if isinstance(scalar, str) else json_text(scalar))

        hidden = with_scalars(value, hide)
        todo = [hidden] if self.mode == "hash" and is_container(hidden) else []
        while todo:
            container = todo.pop()
            if type(container) is dict:
                self._rename(container, among_persons=True)
            todo += [item for _, item in members(container) if is_container(item)]
        return hidden


def _texts(values: Sequence[Any]) -> Sequence[str | None]:
    """The values with everything that is not a text replaced by None, as only a text can be a key."""
    if _TEXT_TYPES.issuperset(map(type, values)):
        return values
    return [value if type(value) is str else None for value in values]


def _begins_json(text: str) -> bool:
    """Whether a text may be a JSON object or list."""
    return text[:1] in ("{", "[") or (text[:1].isspace() and text.lstrip()[:1] in ("{", "["))


def _is_number_of_person(name: str) -> bool:
    """Whether a field's name consists of digits alone, as many as ids and phone numbers have."""
    return len(name) >= DIGITS_OF_A_PERSON and name.isdigit()


def _is_pair_of_name_and_value(items: Any, inside: Inside) -> bool:
    """Whether a list is a personal field's name and its value, as in maps written as `[["telefon", "99887766"], …]`."""
    return (
        type(items) is list
        and len(items) == 2
        and type(items[0]) is str
        and is_flat(items[1])
        and is_personal_name(items[0], False, inside.who == "company")
    )


def is_name_of_value(name: str) -> bool:
    """Whether a field holds the value of a property, by its name in one of the languages."""
    return words(name) in _PROPERTY_VALUES.split()


def _is_personal(key: str, group: Any, is_company: bool) -> bool:
    """Whether a property is personal: by its key, or by group and key together (`Customer`, `name`)."""
    if says_personal(key, is_company):
        return True
    return type(group) is str and bool(group) and is_personal_name(f"{group} {key}", False, is_company)


_CONTAINERS: frozenset[object] = frozenset({dict, list})
_TEXT_TYPES: frozenset[object] = frozenset({str, type(None)})


def is_flat(value: Any) -> bool:
    """Whether a value is neither an object nor a list that holds objects or lists."""
    if type(value) is list:
        return _CONTAINERS.isdisjoint({type(item) for item in value})
    return type(value) is not dict
