"""Stale UDP flows: which, and how they are deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from labs.proxy.conntrack import Conntrack, Flow, stale_flows
from labs.proxy.state import Endpoint, Family, Node, ProxyState, ServicePort, ServicePortName
from vm.command import Completed
from vm.errors import CommandNotFound, CommandTimeout

DNS = ServicePortName("kube-system", "dns", "dns", "UDP")
SERVICE = ServicePort(DNS, "10.96.0.10", 53, node_port=30053, external_ips=("198.51.100.7",))
ONE, TWO = Endpoint("10.0.0.1", 5353), Endpoint("10.0.0.2", 5353)
GOING = Endpoint("10.0.0.1", 5353, ready=False, serving=True, terminating=True)
ENTRANCES = [("10.96.0.10", 53), ("198.51.100.7", 53), ("", 30053)]


def state(*endpoints: Endpoint, service: ServicePort | None = SERVICE) -> ProxyState:
    return ProxyState(Family.IPV4, Node("n"), {service.name: service} if service else {}, {DNS: endpoints})


def test_a_deleted_endpoint_s_flows_are_stale_by_every_entrance() -> None:
    assert stale_flows(state(ONE, TWO), state(TWO), [DNS]) == {
        Flow(port, address, "10.0.0.1", 5353) for address, port in ENTRANCES
    }


def test_an_endpoint_that_terminates_but_serves_keeps_its_flows() -> None:
    assert stale_flows(state(ONE, TWO), state(GOING, TWO), [DNS]) == set()


def test_the_first_endpoint_makes_all_flows_stale() -> None:
    assert stale_flows(state(), state(ONE), [DNS]) == {Flow(port, address) for address, port in ENTRANCES}


def test_a_deleted_service_s_flows_are_stale() -> None:
    gone = stale_flows(state(ONE), state(service=None), [DNS])
    assert gone >= {Flow(port, address) for address, port in ENTRANCES}


def test_a_changed_cluster_ip_leaves_flows_to_the_old_one() -> None:
    moved = ServicePort(DNS, "10.96.0.11", 53, node_port=30053, external_ips=("198.51.100.7",))
    assert stale_flows(state(ONE), state(ONE, service=moved), [DNS]) == {Flow(53, "10.96.0.10")}


def test_tcp_is_left_alone() -> None:
    name = DNS._replace(protocol="TCP")
    before = ProxyState(Family.IPV4, Node("n"), {name: ServicePort(name, "10.96.0.10", 53)}, {name: (ONE,)})
    assert stale_flows(before, ProxyState(Family.IPV4, Node("n")), [name]) == set()


class Program:
    def __init__(self, stderr: str = "", error: Exception | None = None) -> None:
        self.commands: list[str] = []
        self._stderr, self._error = stderr, error

    async def __call__(self, argv: tuple[str, ...], **_: Any) -> Completed:
        self.commands.append(" ".join(argv))
        if self._error:
            raise self._error
        return Completed(argv, 1, "", self._stderr)


@pytest.fixture
def conntrack() -> Callable[[Program], Conntrack]:
    return lambda program: Conntrack(Family.IPV4, program)


async def test_flows_are_deleted_by_filters(conntrack: Any) -> None:
    program = Program("conntrack v1.4.7 (conntrack-tools): 3 flow entries have been deleted.")
    deleter = conntrack(program)
    assert await deleter.delete({Flow(53, "10.96.0.10", "10.0.0.1", 5353), Flow(30053)}) == 6
    assert sorted(program.commands) == [
        "conntrack -D -f ipv4 -p udp --orig-port-dst 30053",
        "conntrack -D -f ipv4 -p udp --orig-port-dst 53 --orig-dst 10.96.0.10"
        " --reply-src 10.0.0.1 --reply-port-src 5353",
    ]


async def test_a_flow_that_a_wider_one_covers_needs_no_process(conntrack: Any) -> None:
    program = Program("0 flow entries have been deleted")
    await conntrack(program).delete({Flow(53, "10.96.0.10", "10.0.0.1", 5353), Flow(53, "10.96.0.10")})
    assert len(program.commands) == 1


async def test_a_missing_program_is_told_once(conntrack: Any, caplog: pytest.LogCaptureFixture) -> None:
    program = Program(error=CommandNotFound("conntrack"))
    deleter = conntrack(program)
    with caplog.at_level(logging.WARNING):
        await deleter.delete({Flow(53, "10.96.0.10"), Flow(53, "10.96.0.11")})
        await deleter.delete({Flow(53, "10.96.0.10")})
    assert len(program.commands) == 1
    assert caplog.text.count("conntrack is not installed") == 1


@pytest.mark.parametrize(
    "program", [Program("unknown option"), Program(error=CommandTimeout(("conntrack",), 30))]
)
async def test_a_failure_is_logged_and_lived_with(
    conntrack: Any, caplog: pytest.LogCaptureFixture, program: Program
) -> None:
    await conntrack(program).delete({Flow(53, "10.96.0.10")})
    assert [record.levelname for record in caplog.records] == ["ERROR"]
