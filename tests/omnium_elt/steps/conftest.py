"""Buckets that several modules of tests write to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import buckets


@pytest.fixture(scope="module")
def azure(all_workers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a user of an Azurite sets."""
    with buckets.azure_server(all_workers, tmp_path_factory.mktemp("azurite")) as environment:
        yield environment


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a user of a fake-gcs-server sets."""
    with buckets.google_server(tmp_path_factory.mktemp("google")) as environment:
        yield environment
