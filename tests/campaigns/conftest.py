"""What several slices of campaigns begin with."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which installations are prepared once."""
    return tmp_path_factory.mktemp("campaigns")
