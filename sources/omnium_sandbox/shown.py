"""The fields of a row in an answer: without excluded fields, with nulls, or with fields that the description lacks."""

from collections.abc import Callable

from omnium_sandbox.endpoints import schemas
from omnium_sandbox.rows import Row


def with_nulls(row: Row, schema: str) -> Row:
    """The row with every field of its schema; missing fields are null."""
    fields = schemas().get(schema, {})
    full: Row = dict.fromkeys(fields)
    for name, value in row.items():
        kind = fields.get(name, "")
        inner = kind.strip("@[]")
        if kind.startswith("@") and isinstance(value, dict):
            full[name] = with_nulls(value, inner)
        elif kind.startswith("[") and inner in schemas() and isinstance(value, list):
            full[name] = [with_nulls(item, inner) if isinstance(item, dict) else item for item in value]
        else:
            full[name] = value
    return full


def with_extra_fields(row: Row) -> Row:
    """The row with fields that the API's description does not have yet."""
    return {
        **row,
        "sustainabilityScore": 7.25,
        "vendorNote": "a field of next week",
        "isReviewed": True,
        "reviewedAt": "2026-01-02T03:04:05.678Z",
        "routing": {"lane": 3, "tags": ["a", "b"]},
    }


_EXCLUSIONS = {
    "isAssetsExcluded": ("assets",),
    "isInventoryExcluded": ("inventory", "warehouseInventories", "availableInventory"),
    "isPricesExcluded": ("price", "prices", "lowestPriceHistory"),
    "isProductCategoriesExcluded": ("categories",),
    "isPropertiesExcluded": ("properties",),
    "isVariantsExcluded": ("variants",),
}


def product_steps(request: Row) -> list[Callable[[Row], Row]]:
    """Functions that remove what a request for products excludes, to be applied to each row in turn."""
    excluded = request.get("excludedFields") or {}
    included = [path.split(".") for path in (request.get("includedFields") or {}).get("specificFields") or []]
    names = {name for flag, fields in _EXCLUSIONS.items() if excluded.get(flag) for name in fields}
    if request.get("isPricesExcluded"):
        names |= set(_EXCLUSIONS["isPricesExcluded"])
    specific = [path.split(".") for path in excluded.get("specificFields") or []]
    if excluded.get("isEverythingExcluded"):
        return [lambda row: {"id": row.get("id"), **_only(row, included)}]
    steps: list[Callable[[Row], Row]] = []
    if names:
        steps.append(lambda row: _without(row, names))
    if specific:
        steps.append(lambda row: _without_paths(row, specific))
    if included and not names and not specific:
        steps.append(lambda row: {"id": row.get("id"), **_only(row, included)})
    return steps


def _without(row: Row, names: set[str]) -> Row:
    """The row without these fields, in its variants too."""
    kept = {name: value for name, value in row.items() if name not in names}
    if "variants" in kept:
        kept["variants"] = [_without(variant, names) for variant in kept["variants"] or []]
    return kept


def _without_paths(row: Row, paths: list[list[str]]) -> Row:
    for first, *rest in paths:
        if not rest:
            row.pop(first, None)
            continue
        inner = row.get(first)
        for item in inner if isinstance(inner, list) else [inner]:
            if isinstance(item, dict):
                _without_paths(item, [rest])
    return row


def _only(row: Row, paths: list[list[str]]) -> Row:
    kept: Row = {}
    for first, *rest in paths:
        if first not in row:
            continue
        value = row[first]
        if not rest:
            kept[first] = value
        elif isinstance(value, list):
            before = kept.get(first) or [{} for _ in value]
            kept[first] = [{**old, **_only(item, [rest])} for old, item in zip(before, value, strict=True)]
        elif isinstance(value, dict):
            kept[first] = {**kept.get(first, {}), **_only(value, [rest])}
    return kept
