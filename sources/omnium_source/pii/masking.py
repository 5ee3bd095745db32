"""Personal data: what is personal in the API's responses, and what becomes of it.

Personal are names, e-mail, phone, street address and birth date of customers and contact persons, and the
ids of customers wherever they stand (they often are a phone number or an e-mail address). Postal code, city
and country stay: demand is looked at by region.

Three layers, so that what one of them misses the next one sees:

1. `PERSONAL` lists the personal fields of every schema of the contract. Where the same schema serves persons
   and companies (addresses), the longer path wins: `OmniumSupplier.address` over `OmniumAddress`.
2. Fields that the contract does not know, and keys inside free-form objects, go by their name
   (`is_personal_name`); the value of a key/value property goes by its key.
3. An e-mail address or a phone number with its country (+47 …) anywhere else in a text is replaced by its
   hash, except where it is a company's own (`COMPANY`) or belongs to the catalogue.

A name in the middle of a free text (a comment, a note) is beyond all three: leave such columns out of what is
handed on, or set `exclude` where the text itself is not needed.

Staff: employees listed at a store are contact persons. People who act on documents (sales person, purchaser,
the user of an event or of an inventory transaction) stay readable, because no customer is behind them,
unless their login is an e-mail address (layer 3). Where staff and customers cannot be told apart
(`modifiedBy` of carts and customers, authors of comments) the field counts as personal.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args

from omnium_source.errors import ConfigurationError
from omnium_source.normalize.json_values import members, with_scalars

Mode = Literal["include", "hash", "exclude"]

HASH_BYTES = 16
"""Length of a hash; written as twice as many hexadecimal digits."""

EMAIL_SIGN, PHONE_SIGN = "@", "+"
"""Without these signs a text holds no e-mail address, or no phone number that can be told from others."""

SHORTEST_KEY = 16
"""Bytes of a key at least."""

REMEMBERED_HASHES = 200_000
"""How many values keep their hash at hand: customers come back within a batch and in the next ones."""

_ADDRESS = "name email phone line1 line2 streetNumber apartmentNumber locationName externalId"
_CUSTOMER = "customerId customerName customerEmail customerPhone customerNumber"
_ORDER = f"{_CUSTOMER} customerContact customerReference customerClubMemberId modifiedBy"
_ANALYTICS_ADDRESS = "name firstName lastName organization line1 line2 streetNumber apartmentNumber"
_PRIVATE = (
    "customerId customerNumber customerDetails email phone firstName lastName fullName birthDate"
    " url modifiedBy"
)
_BUSINESS = (
    "customerId customerNumber customerDetails email phone name modifiedBy url taxId punchOutDomain"
    " notificationEmailAddresses notificationPhoneNumbers"
)

PERSONAL: Mapping[str, frozenset[str]] = {
    node: frozenset(fields.split())
    for node, fields in {
        # customers and their contacts
        "OmniumPrivateCustomer": _PRIVATE,
        "OmniumBusinessCustomer": _BUSINESS,
        "OmniumProjectCustomer": f"{_PRIVATE} {_BUSINESS}",
        "OmniumCustomerClubMember": "customerId customerName email firstName lastName phone birthDate",
        "OmniumCustomerRelation": "customerId",
        "OmniumProductAlert": "email phone",
        "OmniumPrivateCustomer.externalIds": "id",
        "OmniumBusinessCustomer.externalIds": "id",
        "OmniumProjectCustomer.externalIds": "id",
        "OmniumCustomerRelation.externalIds": "id",
        "OmniumContactPerson": "id privateCustomerId firstName lastName email phone",
        "OmniumContactPerson.externalIds": "id",
        "OmniumEmployee": "userName firstName lastName email phone pin imageUrl",
        "OmniumProjectPartner": "name email phone",
        # addresses: a person's unless said otherwise
        "OmniumAddress": _ADDRESS,
        "OmniumSupplier.address": "",
        "OmniumSupplier.addresses": "",
        "OmniumOrderAddress": f"{_ANALYTICS_ADDRESS} email phone daytimePhoneNumber eveningPhoneNumber"
        " externalId organizationalNumber",
        "OmniumInvoice.invoiceSenderAddress": "",
        "OmniumAnalyticsAddress": _ANALYTICS_ADDRESS,
        "OmniumStoreAddress": "contactPersonName",
        # documents that carry a customer
        "OmniumOrder": _ORDER,
        "OmniumCart": _ORDER,
        "OmniumSubscription": f"{_CUSTOMER} modifiedBy",
        "OmniumReturnOrderViewModel": _CUSTOMER,
        "OmniumInvoice": _CUSTOMER,
        "OmniumPayment": "customerName",
        "OmniumPaymentTransaction": "customerName",
        "OmniumGiftCard": _CUSTOMER,
        "OmniumVoucher": "customerId",
        "OmniumPrice": "customerId",
        "OmniumPriceList": "customerIds",
        "OmniumProductSearchRequest": "customerId",
        "OmniumAnalyticsCustomer": _CUSTOMER,
        "OmniumAnalyticsContactPerson": "privateCustomerId firstName lastName email phone",
        "OmniumComment": "customerId creator userId emailFromAddress emailFromName emailRecipient smsFrom"
        " smsRecipient",
        "OmniumRating": "raterId raterName raterDisplayName",
        "OmniumProjectChangeOrder": "approvedBy",
    }.items()
}
"""Node → its personal fields. A node is a schema, or a path of fields below one; the longest holds."""

PERSONAL_BY_SIBLING: Mapping[str, Mapping[str, str]] = {
    "OmniumPropertyItem": {"value": "key"},
    "OmniumAnalyticsPropertyItem": {"value": "key"},
    "OmniumProjectFormEntry": {"value": "key"},
    "OmniumComment": {"objectId": "objectType"},
    "OmniumEventLogItem": {"objectId": "eventLogModel"},
    "OmniumSupplier.properties": {},
    "OmniumSupplier.address.properties": {},
    "OmniumSupplier.addresses.properties": {},
    "OmniumStore.properties": {},
}
"""Node → field → the field beside it that says whether it is personal."""

COMPANY: Mapping[str, frozenset[str] | None] = {
    "OmniumSupplier": None,
    "OmniumSupplier.address": None,
    "OmniumSupplier.addresses": None,
    "OmniumSupplier.properties": None,
    "OmniumSupplier.address.properties": None,
    "OmniumSupplier.addresses.properties": None,
    "OmniumPurchaseOrder": frozenset({"supplierName", "supplierEmail", "supplierPhone"}),
    "OmniumStore": None,
    "OmniumStore.properties": None,
    "OmniumStoreAddress": None,
    "OmniumProjectStore": None,
    "OmniumInvoice.invoiceSenderAddress": None,
}
"""Node → fields that are a company's own (None: all that are not listed as personal)."""

CATALOGUE = frozenset(
    {
        "OmniumProduct",
        "OmniumProductListItemViewModel",
        "OmniumProductCategory",
        "OmniumPromotion",
        "OmniumPrice",
        "OmniumCostPrice",
        "OmniumPriceList",
        "OmniumPriceListItem",
        "OmniumInventoryItem",
    }
)
"""Resources whose texts are written for the public: an e-mail address there is a shop's, not a customer's."""

_PERSON = r"customer|contact(_person)?|person|recipient|receiver|consignee|employee|member|buyer|guest"
_PERSONAL_NAME = re.compile(
    rf"""^(?!is_|has_)(.*_)?(
        e?_?mail(_?(address(es)?|s))? | e_?mails?
      | (tele)?phones?(_?numbers?)? | mobile(_?(phone|number))* | msisdn | cell_?phone
      | (first|last|middle|full|given|family|nick|maiden|birth|christian)_?names? | sur_?names?
      | (?<!sales_)({_PERSON})_?(id|ids|number|numbers|no|name|names|reference|e_?mail|phone|address)
      | (?<!sales_)({_PERSON})
      | birth_?(date|day)? | date_of_birth | born
      | street(_?(name|number|address|line\d?))? | address_?line_?\d? | line_?[12] | address(es)?
      | ssn | social_security(_number)? | national_id(entity)?(_number)? | personal_?(number|id|code)
      | passport(_?number)? | id_?card
    )$""",
    re.VERBOSE,
)
_PERSONAL_INSIDE_PERSON = frozenset({"id", "name", "number", "line1", "line2", "address", "reference"})
_PERSON_CONTAINER = re.compile(rf"(^|_)((?<!sales_)({_PERSON})|address|customer_details)(s|es)?$")
_SPEAKS_OF_PERSON = re.compile(rf"(^|_)({_PERSON})(_|$)")
_CONTAINERS: frozenset[object] = frozenset({dict, list})
# The length that mail allows also keeps the search short in a text without spaces, such as an image.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w+])\+\d(?:[ ()-]{0,2}\d){6,14}(?!\w)", re.ASCII)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(name: str) -> str:
    """`contactPersonID` and `contact-person-id` → `contact_person_id`."""
    return re.sub(r"[^a-z0-9]+", "_", _WORDS.sub("_", name).lower()).strip("_")


@lru_cache(maxsize=10_000)
def is_personal_name(name: str, inside_person: bool = False, inside_company: bool = False) -> bool:
    """Whether a field that no rule knows is personal by its name.

    Inside an object that describes a person `id` and `name` are personal too; inside one that describes a
    company only what speaks of a person (`contactPhone`) is.
    """
    plain = words(name)
    if inside_company:
        return bool(_SPEAKS_OF_PERSON.search(plain) and _PERSONAL_NAME.search(plain))
    if inside_person and plain in _PERSONAL_INSIDE_PERSON:
        return True
    return bool(_PERSONAL_NAME.search(plain))


@lru_cache(maxsize=10_000)
def is_person_container(name: str) -> bool:
    """Whether an object under this name describes a person (`customer`, `deliveryAddress`, `contacts`)."""
    return bool(_PERSON_CONTAINER.search(words(name)))


@lru_cache(maxsize=10_000)
def says_personal(sibling: str) -> bool:
    """Whether a property's key, or the type of what an id points to, makes the value personal."""
    plain = words(sibling)
    return is_personal_name(plain) or bool(re.search(r"(^|_)(customers?|contacts?|persons?)(_|$)", plain))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a walk through the contract stands: the root schema, then fields and their schemas in turn."""

    schemas: tuple[str, ...]
    fields: tuple[str, ...] = ()

    def below(self, field_name: str, schema: str) -> "Position":
        """The position one field further down."""
        return Position((*self.schemas, schema), (*self.fields, field_name))

    def nodes(self) -> list[str]:
        """All names this position has in the rules, the longest first."""
        return [".".join((schema, *self.fields[at:])) for at, schema in enumerate(self.schemas)]

    def rule(self, rules: Mapping[str, Any], default: Any) -> Any:
        """The rule with the longest matching name."""
        return next((rules[node] for node in self.nodes() if node in rules), default)

    def is_personal(self, field_name: str) -> bool:
        """Whether the contract's rules call this field personal."""
        return field_name in self.rule(PERSONAL, frozenset())

    def sibling(self, field_name: str) -> str | None:
        """The field beside this one that says whether it is personal."""
        sibling: str | None = self.rule(PERSONAL_BY_SIBLING, {}).get(field_name)
        return sibling

    @property
    def describes_person(self) -> bool:
        """Whether most of what stands here belongs to a person, so that new fields here are suspect."""
        return bool({"name", "firstName", "lastName"} & self.rule(PERSONAL, frozenset()))

    @property
    def is_company(self) -> bool:
        """Whether what stands here is a company's own."""
        return self.rule(COMPANY, frozenset()) is None

    def may_hold_contacts(self, field_name: str) -> bool:
        """Whether an e-mail address or phone number in this field, of all places, is a customer's."""
        if self.schemas[0] in CATALOGUE:
            return False
        own = self.rule(COMPANY, frozenset())
        return own is not None and field_name not in own


@dataclass(frozen=True)
class PersonalData:
    """What to do with personal data, and the key of the hashes.

    `include` leaves them as they are, `hash` replaces them by a keyed hash (the same value gives the same
    hash in every table and run, as long as the key is the same), `exclude` leaves them out.
    """

    mode: Mode
    key: bytes = field(repr=False)
    _hashes: dict[str | None, str | None] = field(
        default_factory=lambda: {None: None}, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Check the mode; shorten the key, because BLAKE2b takes 64 bytes at most."""
        if self.mode not in get_args(Mode):
            raise ConfigurationError(f"pii is {self.mode!r}: take include, hash or exclude")
        object.__setattr__(self, "key", blake2b(self.key, digest_size=32).digest())

    @property
    def salt(self) -> bytes:
        """Goes into the hashes of whole rows: another mode or key makes every row a changed one."""
        return blake2b(self.mode.encode(), key=self.key, digest_size=32).digest()

    @property
    def mark(self) -> str:
        """Tells mode and key apart from others without giving the key away: `hash:0123456789abcdef`."""
        return f"{self.mode}:{blake2b(b'mark', key=self.key, digest_size=8).hexdigest()}"

    @property
    def is_open(self) -> bool:
        """Whether personal data stay as they are."""
        return self.mode == "include"

    def hash(self, value: str) -> str:
        """The keyed hash of a value: 32 hexadecimal digits."""
        return blake2b(value.encode(), key=self.key, digest_size=HASH_BYTES).hexdigest()

    def hide_column(self, values: Sequence[str | None]) -> list[str | None]:
        """What stands in place of a column of personal values: each distinct one is hashed once."""
        if self.mode != "hash":
            return [self.hide(value) for value in values]
        known: dict[str | None, str | None] = self._hashes
        if len(known) > REMEMBERED_HASHES:
            # A new dictionary, not an emptied one: another thread may still be looking things up.
            known = {None: None}
            object.__setattr__(self, "_hashes", known)
        known.update((value, self.hide(value)) for value in set(values).difference(known))
        return list(map(known.__getitem__, values))

    def hide(self, value: str | None) -> str | None:
        """What stands in place of a personal value."""
        if value is None or self.mode == "include":
            return value
        return self.hash(value) if self.mode == "hash" else None

    def hide_inside(self, text: str) -> str:
        """The text with every e-mail address and international phone number in it replaced by its hash.

        Under `exclude` they are left out.
        """
        if self.mode == "include":
            return text
        for sign, pattern in ((EMAIL_SIGN, _EMAIL), (PHONE_SIGN, _PHONE)):
            if sign in text:
                text = pattern.sub(lambda found: self.hide(found.group()) or "", text)
        return text

    def clean(self, value: Any, spell: Callable[[Any], str], inside_person: bool = False) -> Any:
        """A free-form value without personal data, judged by the names of its keys.

        `spell` writes a number as text.
        """
        around = [value]
        todo: list[tuple[Any, bool]] = [(around, inside_person)]
        while todo:
            container, inside = todo.pop()
            for name, item in members(container):
                if is_flat(item):
                    continue
                below = inside or (type(name) is str and is_person_container(name))
                cleaned = self._clean_fields(item, spell, below) if type(item) is dict else item.copy()
                container[name] = cleaned
                todo.append((cleaned, below))
        return around[0]

    def _clean_fields(
        self, value: dict[str, Any], spell: Callable[[Any], str], inside_person: bool
    ) -> dict[str, Any]:
        """An object without personal values of its own; what lies deeper is as it was."""
        changed = {
            name: self.hide_all(value[name], spell)
            for name in _suspects(tuple(value), inside_person)
            if is_flat(value[name]) or not is_person_container(name)
        }
        says = value.get("key")
        if type(says) is str and is_flat(value.get("value")) and says_personal(says):
            changed["value"] = self.hide_all(value.get("value"), spell)
        if self.mode == "exclude":
            return {name: item for name, item in value.items() if name not in changed}
        return {**value, **changed}

    def hide_all(self, value: Any, spell: Callable[[Any], str]) -> Any:
        """A personal value of any shape with every scalar in it hidden."""
        if self.mode == "exclude":
            return value if isinstance(value, bool) else None

        def hide(scalar: Any) -> Any:
            if scalar is None or isinstance(scalar, bool):
                return scalar
            return self.hide(scalar if isinstance(scalar, str) else spell(scalar))

        return with_scalars(value, hide)


def key_for(mode: Mode, configured: str | None, path: Path, *, may_be_made: bool = True) -> bytes:
    """The key of the hashes: the configured one, else the one in the file, which is made on first use.

    It is needed in every mode: ids of rows whose key is personal are made with it, and stay the same when the
    mode changes. The file is for its owner alone (0600), and appears whole or not at all.

    Raises:
        ConfigurationError: the mode is unknown, the configured key is too short, or the file is damaged; or
            missing, while rows that were hashed with it are there (not `may_be_made`).
        OSError: the file cannot be read or made.
    """
    if mode not in get_args(Mode):
        raise ConfigurationError(f"pii is {mode!r}: take include, hash or exclude")
    if configured:
        if len(configured.encode()) < SHORTEST_KEY:
            raise ConfigurationError(f"pii_key is too short: take {SHORTEST_KEY} characters or more")
        return configured.encode()
    if not path.exists():
        if not may_be_made:
            raise ConfigurationError(
                f"the key that personal data were hashed with is missing ({path}): restore the file or set "
                "SOURCES__OMNIUM__PII_KEY to that key; without it, load everything anew into an empty "
                "destination"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            # A link, not a rename: of two that make a key at the same time the first one's counts.
            os.link(written, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(written)
    key = path.read_bytes().strip()
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(f"{path} holds no key: restore it, or delete it and load everything anew")
    return key


def check_mark(kept: str | None, mark: str) -> None:
    """Compare how the destination's rows were treated with how new ones would be (`PersonalData.mark`).

    A mix would have two hashes for one customer, two ids for one row, or leave in the clear what shall not.
    Raises ConfigurationError where they differ; `kept` is None in an empty destination.
    """
    if kept is None or kept == mark:
        return
    before, now = kept.partition(":")[0], mark.partition(":")[0]
    if before != now:
        raise ConfigurationError(
            "personal data in this destination were loaded with SOURCES__OMNIUM__PII="
            f"{before}, and now it is {now}: set it back to {before}, or load everything anew into another "
            "--home or an empty destination"
        )
    raise ConfigurationError(
        "personal data in this destination were hashed with another key: restore SOURCES__OMNIUM__PII_KEY or "
        "state/personal_key, or load everything anew into another --home or an empty destination"
    )


def is_flat(value: Any) -> bool:
    """Whether a value is no object, nor a list that holds one."""
    if type(value) is list:
        return _CONTAINERS.isdisjoint({type(item) for item in value})
    return type(value) is not dict


@lru_cache(maxsize=10_000)
def _suspects(names: tuple[str, ...], inside_person: bool) -> tuple[str, ...]:
    """The names that are personal of an object with these keys: most objects share their keys."""
    return tuple(name for name in names if is_personal_name(name, inside_person))
