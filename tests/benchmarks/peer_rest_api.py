"""A peer: dlt's own rest_api source, orders by page into DuckDB. Arguments: folder, pages, format."""

import os
import sys
from pathlib import Path

import dlt
import httpx
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    """Load all orders and print their number."""
    folder, pages, file_format = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None
    base_url, client_id, client_secret = (
        os.environ[f"SOURCES__OMNIUM__{name}"] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET")
    )
    access = {"clientId": client_id, "clientSecret": client_secret, "returnAsJson": "true"}
    token = httpx.post(f"{base_url}/api/token", params=access).json()["accessToken"]
    source = rest_api_source(
        {
            "client": {"base_url": f"{base_url}/api/", "auth": {"type": "bearer", "token": token}},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "Orders/Search",
                        "method": "POST",
                        "json": {"take": 100, "disableFacets": True},
                        "data_selector": "result",
                        # A search shows at most 10,000 rows; the benchmark has no more.
                        "paginator": {
                            "type": "page_number",
                            "base_page": 0,
                            "page_body_path": "page",
                            "total_path": None,
                            "maximum_page": pages,
                        },
                    },
                }
            ],
        },
        name="omnium_by_rest_api",
    )
    pipeline = dlt.pipeline(
        "peer",
        destination=dlt.destinations.duckdb(str(folder / "peer.duckdb")),
        dataset_name="omnium",
        pipelines_dir=str(folder),
    )
    pipeline.run(source, loader_file_format=file_format)  # type: ignore[arg-type]
    with pipeline.sql_client() as client, client.execute_query("select count(*) from orders") as cursor:
        print(f"{cursor.fetchone()[0]} orders")


if __name__ == "__main__":
    main()
