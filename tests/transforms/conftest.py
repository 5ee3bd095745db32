"""The medium sandbox tenant in the models, once for all that hold it against its truth."""

import pytest

from tests.support.medium import Medium, build_medium


@pytest.fixture(scope="session")
def truth_of_medium(tmp_path_factory: pytest.TempPathFactory) -> Medium:
    """Built with the first test that asks for it."""
    return build_medium(tmp_path_factory.mktemp("medium"))
