"""The pytest plugin: a lab's checks are pytest items, the evidence reaches them as fixtures.

What pytest brings: collecting `checks.py`, fixtures, catching what a check raises. What is ours: which
functions are checks, the rounds in which they are judged (`checker.judge`), and a record in the place of
pytest's own report. Nothing of the learner's is read: no ini file, no conftest, no plugin
(`checker.__main__` sees to it).
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from checker import checks, publish
from checker.answers import Answers
from checker.balancer import Balancer
from checker.bench import Bench
from checker.cluster import Cluster
from checker.errors import CheckerError
from checker.ipvs import Ipvs
from checker.judge import Verdict, verdict_on
from checker.nodes import Nodes
from checker.options import OPTIONS, Options
from checker.outcomes import Outcome
from checker.relays import Relays
from checker.report import Record
from checker.rules import Rules
from checker.traffic import Traffic
from checker.variant import Variant

BENCH = pytest.StashKey[Bench]()
RECORD = pytest.StashKey[Record]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The grader's options."""
    group = parser.getgroup("checker", "the grader of kube-proxy lab")
    for name, attributes in OPTIONS.items():
        group.addoption(name, **attributes)


def pytest_configure(config: pytest.Config) -> None:
    """Lay out the bench; wrong usage ends here."""
    try:
        config.stash[BENCH] = Bench(Options.read(config.getoption))
    except CheckerError as error:
        raise pytest.UsageError(f"{error}\n{error.cure}".strip()) from error


def pytest_pycollect_makeitem(collector: pytest.Module, name: str, obj: object) -> list[pytest.Item]:
    """Checks are items; nothing else in a checks.py is."""
    return [pytest.Function.from_parent(collector, name=name)] if checks.facts(obj) else []


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A checks.py that cannot be loaded is our fault, and is told as such."""
    report = yield
    if report.failed:
        lines = report.longreprtext.strip().splitlines()
        collector.config.stash[BENCH].faults.append(
            f"{collector.name} cannot be loaded: {lines[-1] if lines else '?'}"
        )
    return report


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Judge the checks, in rounds, instead of running each item once."""
    session.config.stash[RECORD] = session.config.stash[BENCH].judge(session.items)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Catch how a check ended."""
    bench = item.config.stash[BENCH]
    if call.when == "setup":
        bench.verdict = Verdict(Outcome.PASSED)
    if call.excinfo is not None:
        bench.verdict = verdict_on(call.excinfo.value)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Publish the record and end with its exit code."""
    record = session.config.stash.get(RECORD, None)
    if record is not None:
        publish.publish(record, session.config.stash[BENCH].options)
        session.exitstatus = record.exit_code


@pytest.fixture
def answers(pytestconfig: pytest.Config) -> Answers:
    """What the learner claims."""
    return pytestconfig.stash[BENCH].answers


@pytest.fixture
def variant(pytestconfig: pytest.Config) -> Variant:
    """The names, ports and numbers of this learner's lab."""
    return pytestconfig.stash[BENCH].variant


@pytest.fixture
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """The API's objects."""
    return Cluster(pytestconfig.stash[BENCH].evidence)


@pytest.fixture
def nodes(pytestconfig: pytest.Config) -> Nodes:
    """The nodes: proxy mode, sockets, rules."""
    return Nodes(pytestconfig.stash[BENCH].evidence)


@pytest.fixture
def rules(pytestconfig: pytest.Config, nodes: Nodes) -> Rules:
    """The way of a packet through the nodes' rules."""
    return Rules(nodes, pytestconfig.stash[BENCH].evidence.client)


@pytest.fixture
def relays(nodes: Nodes) -> Relays:
    """What kube-proxy itself passes on, in mode userspace."""
    return Relays(nodes)


@pytest.fixture
def ipvs(nodes: Nodes) -> Ipvs:
    """The kernel's virtual servers, mode ipvs."""
    return Ipvs(nodes)


@pytest.fixture
def balancer(pytestconfig: pytest.Config) -> Balancer:
    """The load balancer in front of the cluster, and the Ingresses that it serves."""
    return Balancer(pytestconfig.stash[BENCH].evidence)


@pytest.fixture
def traffic(nodes: Nodes) -> Traffic:
    """The connections that the nodes' rules have counted."""
    return Traffic(nodes)
