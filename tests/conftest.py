"""How the tests are shared out: a file stays together, and so does all that uses the one shared lab.

And one option: ``--update-golden`` writes golden files anew instead of comparing with them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

OWN_LAB = ("test_labs",)  # a fixture of the same name shadows the session's


def pytest_itemcollected(item: pytest.Item) -> None:
    """Fixtures of a module, and the session's running lab, are made once and not once a worker."""
    file = Path(item.path).stem
    shared = "lab" in getattr(item, "fixturenames", ()) and file not in OWN_LAB
    item.add_marker(pytest.mark.xdist_group("lab" if shared else file))


def pytest_addoption(parser: pytest.Parser) -> None:
    """For all folders, so that one flag does for all golden files."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    asked: bool = request.config.getoption("--update-golden")
    return asked
