"""Masks the personal data in one column's values before they become a column.

by_sibling         masks values that the field beside them calls personal
cleaned            masks personal data within JSON
hidden             hashes values that are personal
without_contacts   masks e-mail addresses and phone numbers in texts
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from omnium_source.json_values import is_container, json_bytes, json_text
from omnium_source.normalize.columns import FITS
from omnium_source.normalize.schema import Column
from omnium_source.normalize.spelling import Spelling
from omnium_source.pii.forms import may_hold_any, suspicious
from omnium_source.pii.masking import JSON_IN_TEXT, PersonalData
from omnium_source.pii.vocabulary import is_identifier_name, says_personal

_TEXT_TYPES: set[object] = {str, type(None)}


def by_sibling(
    personal: PersonalData, column: Column, values: Sequence[Any], siblings: Mapping[str, Sequence[Any]]
) -> Sequence[Any]:
    """Mask values if the field beside them says that they are personal: the key of a property, the type of an id."""
    says = siblings[column.sibling or ""]
    if column.sibling != "key":
        return [
            personal.hide_all(value) if type(kind) is str and says_personal(kind) else value
            for value, kind in zip(values, says, strict=True)
        ]
    groups = siblings.get("keyGroup") or [None] * len(says)
    return personal.hide_properties(values, says, groups, column.inside)


def cleaned(personal: PersonalData, column: Column, values: Sequence[Any]) -> Sequence[Any]:
    """JSON values with the personal data in them masked."""
    inside = column.inside
    if column.by_name:
        name = column.path[-1]
        return [
            None if value is None else personal.clean({name: value}, inside).get(name) for value in values
        ]
    if not any(values):
        return values
    # All values are searched at once: matches are rare, and searching each value takes far longer.
    together = json_bytes([value for value in values if value])
    is_identifier = is_identifier_name(column.path[-1])
    if not may_hold_any(together, is_identifier=is_identifier) and not any(
        sign in together for sign in JSON_IN_TEXT
    ):
        if not _hold_objects(values):
            return values
        inside = inside.with_clean_texts()
    return [personal.clean(value, inside) if value else value for value in values]


def hidden(personal: PersonalData, column: Column, values: Sequence[Any], spelling: Spelling) -> pa.Array:
    """Personal values, hashed; a value that is not a text is hashed as its text."""
    if column.kind == "json":
        values = [personal.hide_all(value) for value in values]
        return FITS["json"](values, spelling).array
    if not _TEXT_TYPES.issuperset(map(type, values)):
        values = spelled(values, spelling)
    return pa.array(personal.hide_column(values), pa.string())


def without_contacts(personal: PersonalData, columns: Sequence[tuple[Column, pa.Array]]) -> list[pa.Array]:
    """The columns of one table, with e-mail addresses and phone numbers in their texts masked."""
    made = [array for _, array in columns]
    kinds: dict[bool, list[int]] = {}
    for at, (column, array) in enumerate(columns):
        if pa.types.is_string(array.type):
            kinds.setdefault(is_identifier_name(column.path[-1]), []).append(at)
    for is_identifier, places in kinds.items():
        # All columns are searched at once: preparing a search takes longer than the search.
        suspects = suspicious(pa.concat_arrays([made[at] for at in places]), is_identifier=is_identifier)
        if not pc.any(suspects).as_py():
            continue
        for number, at in enumerate(places):
            mask = suspects.slice(number * len(made[at]), len(made[at]))
            made[at] = _with_hidden(personal, columns[at][0], made[at], mask, is_identifier)
    return made


def _with_hidden(
    personal: PersonalData, column: Column, texts: pa.Array, mask: pa.Array, is_identifier: bool
) -> pa.Array:
    """The column, with personal data masked in the texts that `mask` selects."""
    suspects = texts.filter(mask).to_pylist()
    if not suspects:
        return texts
    clean = {text: personal.hide_in_text(text, column.inside, is_identifier) for text in set(suspects)}
    return pc.replace_with_mask(texts, mask, pa.array([clean[text] for text in suspects], pa.string()))


def spelled(values: Sequence[Any], spelling: Spelling) -> list[str | None]:
    """Values of any type as text."""
    return [
        value
        if value is None or type(value) is str
        else json_text(value)
        if is_container(value)
        else spelling.scalar(value, row)
        for row, value in enumerate(values)
    ]


def _hold_objects(values: Sequence[Any]) -> bool:
    """Whether any value is an object, or a list that holds an object or another list."""
    types: set[object] = set(map(type, values))
    if list in types:
        within: set[object] = set(map(type, chain.from_iterable(v for v in values if type(v) is list)))
        return dict in types or dict in within or list in within
    return dict in types
