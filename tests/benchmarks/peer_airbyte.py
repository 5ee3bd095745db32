"""A peer: PyAirbyte with a declarative manifest of the same endpoint, into DuckDB. Argument: folder.

Runs in a separate environment (see `versus_airbyte.py`), so it imports nothing of this project. Airbyte makes a column
of each top-level field of an order and keeps nested ones, such as lines and shipments, as JSON, which is less work.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"
# Otherwise it asks a registry for connectors, which a manifest does not need.
os.environ["AIRBYTE_OFFLINE_MODE"] = "1"

import airbyte
import requests
from airbyte.caches import DuckDBCache

TAKE = 100
CONTRACT = Path(__file__).parents[2] / "sources/omnium_source/contract.json"
TYPES = {
    "text": "string",
    "timestamp": "string",
    "bigint": "integer",
    "decimal": "number",
    "boolean": "boolean",
}


def main() -> None:
    """Load all orders and print their number."""
    folder = Path(sys.argv[1])
    base_url, client_id, client_secret = (
        os.environ[f"SOURCES__OMNIUM__{name}"] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET")
    )
    access = {"clientId": client_id, "clientSecret": client_secret, "returnAsJson": "true"}
    token = requests.post(f"{base_url}/api/token", params=access, timeout=60).json()["accessToken"]
    source = airbyte.get_source(
        "source-omnium",
        config={"api_token": token},
        source_manifest=manifest(base_url),
        streams="*",
    )
    cache = DuckDBCache(db_path=folder / "peer.duckdb", schema_name="omnium")
    result = source.read(cache=cache, force_full_refresh=True)
    print(f"{result.processed_records} orders")


def manifest(base_url: str) -> dict[str, Any]:
    """An Airbyte manifest that reads orders page by page."""
    paginator = {
        "type": "DefaultPaginator",
        "page_token_option": {"type": "RequestOption", "inject_into": "body_json", "field_name": "page"},
        "pagination_strategy": {
            "type": "PageIncrement",
            "page_size": TAKE,
            "start_from_page": 0,
            "inject_on_first_request": True,
        },
    }
    requester = {
        "type": "HttpRequester",
        "url_base": f"{base_url}/api/",
        "path": "Orders/Search",
        "http_method": "POST",
        "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['api_token'] }}"},
        "request_body_json": {"take": TAKE, "disableFacets": True},
    }
    orders = {
        "type": "DeclarativeStream",
        "name": "orders",
        "primary_key": ["id"],
        "retriever": {
            "type": "SimpleRetriever",
            "requester": requester,
            "paginator": paginator,
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["result"]},
            },
        },
        "schema_loader": {"type": "InlineSchemaLoader", "schema": schema()},
    }
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["orders"]},
        "streams": [orders],
        "spec": {
            "type": "Spec",
            "connection_specification": {
                "type": "object",
                "properties": {"api_token": {"type": "string", "airbyte_secret": True}},
                "additionalProperties": True,
            },
        },
    }


def schema() -> dict[str, Any]:
    """The JSON schema of an order; Airbyte omits fields that it does not contain."""
    return {
        "type": "object",
        "additionalProperties": True,
        "properties": {
            name: {"type": ["null", _type(kind)]}
            for name, kind in json.loads(CONTRACT.read_bytes())["OmniumOrder"].items()
        },
    }


def _type(kind: str) -> str:
    return "array" if kind.startswith("[") else TYPES.get(kind, "object")


if __name__ == "__main__":
    main()
