"""One option for all tests: ``--update-golden`` writes golden files anew instead of comparing with them."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")


def pytest_addoption(parser: pytest.Parser) -> None:
    """For all folders, so that one flag does for all golden files."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    asked: bool = request.config.getoption("--update-golden")
    return asked
