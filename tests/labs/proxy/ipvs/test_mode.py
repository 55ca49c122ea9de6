"""The mode as a whole, on a node of fakes: what it writes when, and that small steps lead where one would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.proxy.ipvs.servers import RealKey, ServerKey, Step
from labs.proxy.mode import SyncFailed
from labs.proxy.state import (
    Changed,
    Endpoint,
    Family,
    Node,
    ProxyState,
    ServicePort,
    ServicePortName,
)

WEB = ServicePortName("default", "web", "http")
TCP = ServerKey("tcp", "10.96.0.10", 80)
EVERYTHING = Changed(everything=True)
Make = Callable[..., Any]


def state(*ips: str, **service: Any) -> ProxyState:
    """Service default/web with these endpoints."""
    endpoints = tuple(Endpoint(ip, 8080, local=ip.startswith("10.244.1.")) for ip in ips)
    services = {WEB: ServicePort(WEB, "10.96.0.10", 80, **service)}
    return ProxyState(Family.IPV4, Node("worker-1", "192.168.56.11"), services, {WEB: endpoints})


async def test_a_first_sync_makes_everything(node: Make) -> None:
    made = node()
    result = await made.mode.sync(state("10.244.1.5", node_port=30080), EVERYTHING)
    found = made.snapshot()
    assert result.full
    assert found["ipvs"] == [
        "-A -t 10.96.0.10:80 -s rr",
        "-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 1",
        "-A -t 192.168.56.11:30080 -s rr",
        "-a -t 192.168.56.11:30080 -r 10.244.1.5:8080 -m -w 1",
    ]
    assert found["bound"] == ["10.96.0.10/32"]
    assert found["sets"]["KUBE-NODE-PORT-TCP"] == ["30080"]
    assert len(found["rules"]["filter"]["INPUT"]) == 3


async def test_a_change_of_endpoints_is_only_netlink(node: Make) -> None:
    made = node()
    await made.mode.sync(state("10.244.2.7"), EVERYTHING)
    made.commands.commands.clear()
    result = await made.mode.sync(state("10.244.2.7", "10.244.2.8"), Changed(frozenset({WEB})))
    assert made.commands.commands == []
    assert (result.full, result.written, result.operations) == (False, True, 1)


async def test_no_change_does_nothing(node: Make) -> None:
    made = node()
    await made.mode.sync(state("10.244.1.5"), EVERYTHING)
    made.commands.commands.clear()
    made.ipvs.steps.clear()
    result = await made.mode.sync(state("10.244.1.5"), Changed())
    assert not result.written
    assert (made.commands.commands, made.ipvs.steps) == ([], [])


async def test_a_full_sync_puts_back_what_somebody_took(node: Make) -> None:
    made = node()
    await made.mode.sync(state("10.244.1.5"), EVERYTHING)
    whole = made.snapshot()
    made.commands.sets["KUBE-CLUSTER-IP"].clear()
    made.commands.links["kube-ipvs0"].clear()
    made.commands.tables["nat"]["KUBE-SERVICES"].clear()
    made.ipvs.do([Step("del", made.ipvs.table[TCP])])
    await made.mode.sync(state("10.244.1.5"), EVERYTHING)
    assert made.snapshot() == whole


@pytest.mark.parametrize("refuse", ["KUBE-CLUSTER-IP", "-A KUBE-SERVICES"])
async def test_after_a_failure_the_next_sync_is_a_full_one(node: Make, refuse: str) -> None:
    made = node()
    await made.mode.sync(state(), EVERYTHING)
    made.commands.refuse = refuse
    with pytest.raises(SyncFailed) as caught:
        await made.mode.sync(state(external_ips=("198.51.100.9",)), EVERYTHING)
    assert not caught.value.partial
    made.commands.refuse = ""
    assert (await made.mode.sync(state(external_ips=("198.51.100.9",)), Changed())).full


async def test_a_refusal_of_ipvs_is_a_failed_sync(node: Make) -> None:
    made = node()
    await made.mode.sync(state("10.244.1.5"), EVERYTHING)
    made.ipvs.refuse = "10.244.2.8"
    with pytest.raises(SyncFailed, match=r"IPVS refused `-a .*10\.244\.2\.8") as caught:
        await made.mode.sync(state("10.244.1.5", "10.244.2.8"), Changed(frozenset({WEB})))
    assert caught.value.partial


async def test_a_host_without_ipvs_says_so_and_is_left_alone(node: Make, proc: Path) -> None:
    made = node()
    (proc / "net/ip_vs").unlink()
    with pytest.raises(SyncFailed, match=r"mode ipvs needs .*\(.*lab up|modprobe"):
        await made.mode.sync(state(), EVERYTHING)
    assert made.commands.commands == []


async def test_a_connection_outlives_its_endpoint_until_it_ends(node: Make) -> None:
    made = node()
    await made.mode.sync(state("10.244.1.5", "10.244.2.7"), EVERYTHING)
    gone = RealKey("10.244.2.7", 8080)
    made.ipvs.connect(TCP, gone, active=1)
    result = await made.mode.sync(state("10.244.1.5"), Changed(frozenset({WEB})))
    assert result.again == 60
    assert made.ipvs.reals(TCP)[gone].weight == 0
    made.ipvs.connect(TCP, gone)
    result = await made.mode.sync(state("10.244.1.5"), Changed())
    assert gone not in made.ipvs.reals(TCP)
    assert (result.operations, result.again) == (1, 0)


async def test_addresses_are_unbound_as_ports_go(node: Make) -> None:
    """Upstream's multi-port bind address test: the address stays until its last port has gone."""
    made = node()
    other = WEB._replace(port="https")
    both = state("10.244.1.5")
    two = ProxyState(
        both.family,
        both.node,
        {**both.services, other: ServicePort(other, "10.96.0.10", 443)},
        {**both.endpoints, other: ()},
    )
    await made.mode.sync(two, EVERYTHING)
    await made.mode.sync(both, Changed(frozenset({other})))
    assert made.snapshot()["bound"] == ["10.96.0.10/32"]
    none = ProxyState(both.family, both.node)
    await made.mode.sync(none, Changed(frozenset({WEB})))
    assert made.snapshot()["bound"] == []


async def test_it_is_intact_until_somebody_takes_something(node: Make) -> None:
    made = node()
    await made.mode.sync(state("10.244.1.5"), EVERYTHING)
    assert await made.mode.intact()
    del made.commands.tables["nat"]["KUBE-SERVICES"]
    assert not await made.mode.intact()


async def test_servers_that_are_excluded_stay(node: Make) -> None:
    made = node(ipvs={"excludeCIDRs": ["10.96.0.0/16"]})
    await made.mode.sync(state("10.244.1.5"), EVERYTHING)
    await made.mode.sync(ProxyState(Family.IPV4, Node("worker-1")), EVERYTHING)
    assert TCP in made.ipvs.table


IPS = ("10.244.1.5", "10.244.1.6", "10.244.2.7")
SERVICES = st.builds(
    dict,
    node_port=st.sampled_from([0, 30080, 30081]),
    external_ips=st.sampled_from([(), ("198.51.100.9",), ("192.168.56.11",)]),
    load_balancer_ips=st.sampled_from([(), ("203.0.113.10",)]),
    source_ranges=st.sampled_from([(), ("198.51.100.0/24",), ("192.168.56.0/24",)]),
    affinity_seconds=st.sampled_from([0, 10800]),
    internal_local=st.booleans(),
    external_local=st.booleans(),
    health_check_node_port=st.sampled_from([0, 32000]),
)
CHANGES = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["TCP", "UDP"]),
    st.none() | SERVICES,
    st.sets(st.sampled_from(IPS)),
)


def after(before: ProxyState, change: tuple[str, str, dict[str, Any] | None, set[str]]) -> ProxyState:
    name, protocol, service, ips = change
    key = ServicePortName("default", name, "p", protocol)
    services, endpoints = dict(before.services), dict(before.endpoints)
    services.pop(key, None)
    if service is not None:
        services[key] = ServicePort(key, f"10.96.0.{ord(name)}", 80, **service)
    endpoints[key] = tuple(Endpoint(ip, 8080, local=ip.startswith("10.244.1.")) for ip in sorted(ips))
    return ProxyState(before.family, before.node, services, endpoints)


async def step_by_step(make: Make, changes: Sequence[Any]) -> None:
    now, steps = ProxyState(Family.IPV4, Node("worker-1", "192.168.56.11")), make()
    await steps.mode.sync(now, EVERYTHING)
    for change in changes:
        now = after(now, change)
        await steps.mode.sync(
            now, Changed(frozenset({ServicePortName("default", change[0], "p", change[1])}))
        )
        fresh = make()
        await fresh.mode.sync(now, EVERYTHING)
        assert steps.snapshot() == fresh.snapshot()


@given(changes=st.lists(CHANGES, max_size=6))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_small_steps_lead_to_the_same_kernel_as_one_fresh_sync(node: Make, changes: list[Any]) -> None:
    asyncio.run(step_by_step(node, changes))  # the fixture only makes nodes, each fresh
