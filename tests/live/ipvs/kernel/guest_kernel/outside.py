"""Outside of the guest: tests that need IPVS run in it, and their reports are this run's own.

Tests with the marker ``ip_vs``, and those with the parameter mode=ipvs, are handed to one guest all
together when the first of them is due. Here they pass, fail and are counted as if they had run here. On
a machine that has IPVS loaded (the guest is one) they simply run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest_kernel.guest import Guest, Report
from guest_kernel.parts import Unavailable
from guest_kernel.scheduling import FOLDER, WORD, is_guests

GUEST = pytest.StashKey["Reports"]()
"""One for all tests: where xdist shares them out, one worker gets all of the guest's (``scheduling``)."""

SAMPLE = {
    *("cluster-ip-IPv4", "cluster-ip-IPv6", "node-port-IPv4", "external-ip-IPv4", "external-local-IPv4"),
    *("external-local-none-here-IPv4", "source-ranges-IPv4", "no-endpoints-IPv4", "unknown-port-IPv4"),
    *("affinity-IPv4", "hairpin-IPv4", "udp-endpoint-cycles-IPv4", "terminating-local-IPv6"),
}
"""Cases of the table that are sent in the guest, where each takes an emulated processor ten seconds and more.

--all-in-guest sends all of them. On paper all are walked in any case (tests/labs/proxy/ipvs/test_paper.py).
"""

LONG = (
    "test_properties.py",
    "test_flushed_rules_come_back",
    "test_a_scheduler_is_chosen_as_an_operator_would",
    "test_back_in_mode_iptables_nothing_is_left",
    "test_labs.py",
)
"""Tests that take the guest minutes: with --all-in-guest only."""


def has_ip_vs() -> bool:
    """Whether these tests can run right here."""
    return os.geteuid() == 0 and Path("/proc/net/ip_vs").exists()


def belongs(item: pytest.Item) -> bool:
    """Whether the test is for the guest."""
    return item.get_closest_marker("ip_vs") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark those that only a parameter tells, and of the table of cases take the sample."""
    spared = [item for item in items if spare(item)]
    if spared:
        items[:] = [item for item in items if item not in spared]
        config.hook.pytest_deselected(items=spared)
    for item in items:
        if told_by_mode(item):
            item.add_marker("ip_vs")
        if belongs(item) and not is_guests(item.nodeid):
            raise pytest.UsageError(
                f"{item.nodeid} has the marker ip_vs, but not {WORD} in its name, by which the guest's worker"
                f" is chosen: rename it or its parameter, and keep it in {FOLDER}"
            )


def told_by_mode(item: pytest.Item) -> bool:
    """Whether it is a live test of several modes, and this is its ipvs."""
    call = getattr(item, "callspec", None)
    return bool(call) and call.params.get("mode") == "ipvs" and is_guests(item.nodeid)


def spare(item: pytest.Item) -> bool:
    """Whether the guest is spared this test: a case that is not in the sample, or a long one."""
    if has_ip_vs() or item.config.getoption("--all-in-guest") or not is_guests(item.nodeid):
        return False
    call = getattr(item, "callspec", None)
    case = call.params.get("case") if call and told_by_mode(item) else None
    return any(name in item.nodeid for name in LONG) if case is None else str(case) not in SAMPLE


def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Report what the guest said about this test."""
    if not belongs(item) or has_ip_vs():
        return None
    if GUEST not in item.session.stash:
        item.session.stash[GUEST] = Reports(item.session)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in item.session.stash[GUEST].of(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Switch the guest off."""
    if GUEST in session.stash:
        session.stash[GUEST].stop()


class Reports:
    """The guest's reports by test; without a guest each is one of skipping, with the reason."""

    def __init__(self, session: pytest.Session) -> None:
        self._config = session.config
        self._known: dict[str, list[pytest.TestReport]] = {}
        self._guest: Guest | None = None
        self._coming: Iterator[Report] = iter(())
        self.unavailable = ""
        try:
            items = [item.nodeid for item in session.items if belongs(item)]
            self._wanted, self._ran, self._began = len(items), 0, time.monotonic()
            self._guest = Guest.testing(session.config.rootpath, items)
            self._coming = self._guest.reports()
        except Unavailable as error:
            self.unavailable = f"no guest with IPVS: {error}"

    def of(self, item: pytest.Item) -> list[pytest.TestReport]:
        """All reports of a test; waits for the last."""
        if self.unavailable:
            return [_report(item, "skipped", (str(item.path), 0, self.unavailable))]
        while not _complete(self._known.get(item.nodeid, [])):
            data = next(self._coming, None)
            if data is None:
                return [_report(item, "failed", f"the guest did not run it; {self._last_words()}")]
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
            self._known.setdefault(report.nodeid, []).append(report)
        return self._counted(self._known.pop(item.nodeid))

    def _counted(self, reports: list[pytest.TestReport]) -> list[pytest.TestReport]:
        """The last test tells at the end of the output how many there were."""
        self._ran += 1
        if self._ran == self._wanted and self._guest:
            took = time.monotonic() - self._began
            told = (
                f"mode ipvs: {self._ran} tests ran in a guest, Linux {self._guest.version}, in {took:.0f} s"
            )
            for report in reports:
                report.user_properties += [("figure", told)] if report.when == "call" else []
        return reports

    def _last_words(self) -> str:
        return self._guest.last_words() if self._guest else ""

    def stop(self) -> None:
        """Switch the guest off."""
        if self._guest:
            self._guest.stop()


def _complete(reports: list[pytest.TestReport]) -> bool:
    return bool(reports) and reports[-1].when == "teardown"


def _report(item: pytest.Item, outcome: str, why: object) -> pytest.TestReport:
    keywords = dict.fromkeys(item.keywords, 1)
    return pytest.TestReport(item.nodeid, item.location, keywords, outcome, why, "call")  # type: ignore[arg-type]
