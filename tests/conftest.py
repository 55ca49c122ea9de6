"""Options for all tests, and how they are shared out among workers.

``--update-golden`` writes golden files anew instead of comparing with them. ``--all-in-guest`` runs all tests
of mode ipvs in its guest, where a case of the table takes ten seconds, instead of a sample.

A test that counts or times something says so with ``record_property("figure", "…")``: these lines end the
output, whichever worker ran the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from guest_kernel.scheduling import GuestFirst

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")
pytest.register_assert_rewrite("lab_proof.claims")


def pytest_addoption(parser: pytest.Parser) -> None:
    """For all folders, so that one flag does for all golden files."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
    parser.addoption("--all-in-guest", action="store_true", help="all tests of mode ipvs, not a sample")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GuestFirst | None:
    """Whole files go to a worker, and all that is for the guest to one."""
    if config.getoption("dist") != "loadfile":
        return None
    from guest_kernel.scheduling import GuestFirst

    return GuestFirst(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured, a line each; workers send it along with their reports."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    told = [str(value) for each in reports for name, value in each.user_properties if name == "figure"]
    if told:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(told))


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    asked: bool = request.config.getoption("--update-golden")
    return asked
