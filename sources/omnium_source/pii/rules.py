"""Which fields of the contract are personal.

PERSONAL               the personal fields of each schema
PERSONAL_BY_SIBLING    fields whose sibling field says whether they are personal
COMPANY, CATALOGUE     fields of companies, and resources with texts written for the public
Position               a place in the contract, and the rules that apply there
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
        # addresses: of persons unless an entry says otherwise
        "OmniumAddress": _ADDRESS,
        "OmniumSupplier.address": "",
        "OmniumSupplier.addresses": "",
        "OmniumOrderAddress": f"{_ANALYTICS_ADDRESS} email phone daytimePhoneNumber eveningPhoneNumber"
        " externalId organizationalNumber",
        "OmniumInvoice.invoiceSenderAddress": "",
        "OmniumAnalyticsAddress": _ANALYTICS_ADDRESS,
        "OmniumStoreAddress": "contactPersonName",
        # documents with a customer
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
"""Node → its personal fields. A node is a schema, or a path of fields below one; the longest matching node counts."""

PERSONAL_BY_SIBLING: Mapping[str, Mapping[str, str]] = {
    "OmniumPropertyItem": {"value": "key"},
    "OmniumAnalyticsPropertyItem": {"value": "key"},
    "OmniumProjectFormEntry": {"value": "key"},
    "OmniumComment": {"objectId": "objectType"},
    "OmniumEventLogItem": {"objectId": "eventLogModel"},
}
"""Node → field → the sibling field that says whether it is personal."""

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
"""Node → fields that belong to a company (None: all fields that are not listed as personal)."""

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
"""Schemas of resources with texts for the public: an e-mail address there belongs to a shop, not to a customer."""


@dataclass(frozen=True)
class Position:
    """A place in the contract: the root schema, and the fields that lead from there to the place with their schemas.

    It is asked for each field of its object, so what is the same for all of them is worked out once.
    """

    schemas: tuple[str, ...]
    fields: tuple[str, ...] = ()

    def below(self, field_name: str, schema: str) -> "Position":
        """The position one field further down."""
        return Position((*self.schemas, schema), (*self.fields, field_name))

    def within(self, field_name: str, schema: str) -> "Position":
        """Like `below`, but a schema that contains itself leads back to its first place, which bounds the positions."""
        if schema in self.schemas:
            first = self.schemas.index(schema)
            return Position(self.schemas[: first + 1], self.fields[:first])
        return self.below(field_name, schema)

    @cached_property
    def _nodes(self) -> list[str]:
        """All nodes that match this position, the longest first."""
        return [".".join((schema, *self.fields[at:])) for at, schema in enumerate(self.schemas)]

    def _rule(self, rules: Mapping[str, Any], default: Any) -> Any:
        """The rule for the longest matching node."""
        return next((rules[node] for node in self._nodes if node in rules), default)

    @cached_property
    def _personal(self) -> frozenset[str]:
        return frozenset(self._rule(PERSONAL, ()))

    @cached_property
    def _siblings(self) -> Mapping[str, str]:
        siblings: Mapping[str, str] = self._rule(PERSONAL_BY_SIBLING, {})
        return siblings

    @cached_property
    def _of_company(self) -> frozenset[str] | None:
        own: frozenset[str] | None = self._rule(COMPANY, frozenset())
        return own

    def is_personal(self, field_name: str) -> bool:
        """Whether a field is personal by `PERSONAL`."""
        return field_name in self._personal

    def sibling(self, field_name: str) -> str | None:
        """The sibling of a field that says whether it is personal; None if there is no such rule."""
        return self._siblings.get(field_name)

    @property
    def describes_person(self) -> bool:
        """Whether the object describes a person (its name is personal), so that new fields may be personal too."""
        return bool({"name", "firstName", "lastName"} & self._personal)

    @property
    def is_company(self) -> bool:
        """Whether the object describes a company."""
        return self._of_company is None

    def may_hold_contacts(self, field_name: str) -> bool:
        """Whether an e-mail address or phone number in this field may belong to a customer."""
        if self.schemas[0] in CATALOGUE:
            return False
        return self._of_company is not None and field_name not in self._of_company
