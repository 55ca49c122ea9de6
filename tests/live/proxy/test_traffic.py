"""Real packets through the rules: who answers, and whom it believes to talk to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.live

Object = dict[str, Any]
NODE, CLIENT, NEAR, FAR = "192.168.56.11", "192.168.56.200", "10.244.1.5", "10.244.1.6"
VIP, NODE_PORT, LB = "10.96.0.10", 30080, "203.0.113.10"
BALANCED = {"loadBalancer": {"ingress": [{"ip": LB}]}}


def names(answers: list[str]) -> set[str]:
    return {answer.split()[0] for answer in answers}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_cluster_ip_answers_from_node_and_pod(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object], protocol: str
) -> None:
    proxy.set(service(protocol=protocol.upper()), endpoints("near", "far", protocol=protocol.upper()))
    assert names(world.ask(protocol, VIP, 80, 20)) == {"near", "far"}
    assert names(world.ask(protocol, VIP, 80, 20, at="near")) == {"near", "far"}


def test_a_pod_sees_the_pod_that_asks(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(), endpoints("far"))
    assert world.ask("tcp", VIP, 80, at="near") == [f"far {NEAR}"]


def test_a_client_outside_reaches_cluster_ip_masqueraded(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(), endpoints("near"))
    assert world.ask("tcp", VIP, 80, at="client") == [f"near {NODE}"]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_node_port_answers_outside_on_the_node_and_on_localhost(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object], protocol: str
) -> None:
    upper = protocol.upper()
    proxy.set(service(nodePort=NODE_PORT, protocol=upper), endpoints("near", protocol=upper))
    assert world.ask(protocol, NODE, NODE_PORT, at="client") == [f"near {NODE}"]
    assert names(world.ask(protocol, NODE, NODE_PORT)) == {"near"}
    assert names(world.ask(protocol, "127.0.0.1", NODE_PORT)) == {"near"}


def test_without_endpoints_a_connection_is_refused_at_once(
    world: Any, proxy: Any, service: Callable[..., Object]
) -> None:
    proxy.set(service(nodePort=NODE_PORT))
    refused = ["ConnectionRefusedError"]
    assert world.ask("tcp", VIP, 80) == refused
    assert world.ask("tcp", VIP, 80, at="near") == refused
    assert world.ask("tcp", NODE, NODE_PORT, at="client") == refused


def test_a_pod_reaches_itself_through_its_service(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(), endpoints("near"))
    assert world.ask("tcp", VIP, 80, at="near") == [
        f"near {NODE}"
    ]  # masqueraded, or its answer would go astray


def test_connections_are_shared_evenly(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(), endpoints("near", "far"))
    counts = Counter(answer.split()[0] for answer in world.ask("tcp", VIP, 80, 400, at="client"))
    assert sum(counts.values()) == 400
    assert 140 <= counts["near"] <= 260  # binomial(400, 1/2) leaves this interval with probability 1e-9


def test_client_affinity_holds(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(sessionAffinity="ClientIP"), endpoints("near", "far"))
    assert len(names(world.ask("tcp", VIP, 80, 30, at="client"))) == 1


def test_policy_local_keeps_the_source_and_stays_on_the_node(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(nodePort=NODE_PORT, externalTrafficPolicy="Local"), endpoints("near", "far"))
    assert set(world.ask("tcp", NODE, NODE_PORT, 20, at="client")) == {f"near {CLIENT}"}


def test_policy_local_without_local_endpoint_drops(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(nodePort=NODE_PORT, externalTrafficPolicy="Local"), endpoints("far"))
    assert world.ask("tcp", NODE, NODE_PORT, at="client") == ["TimeoutError"]
    assert names(world.ask("tcp", NODE, NODE_PORT)) == {"far"}  # asked from the node itself it goes anywhere


def test_source_ranges_admit_and_drop(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    def balanced(*ranges: str) -> Object:
        return service(type="LoadBalancer", loadBalancerSourceRanges=list(ranges), status=BALANCED)

    proxy.set(balanced(), endpoints("near"))
    assert names(world.ask("tcp", LB, 80, at="client")) == {"near"}
    proxy.set(balanced("198.51.100.0/24"))
    assert world.ask("tcp", LB, 80, at="client") == ["TimeoutError"]
    proxy.set(balanced(f"{CLIENT}/32"))
    assert names(world.ask("tcp", LB, 80, at="client")) == {"near"}


def test_udp_follows_a_changed_endpoint_although_the_client_keeps_its_port(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    before = proxy.set(service(protocol="UDP", nodePort=NODE_PORT), endpoints("near", protocol="UDP"))
    assert names(world.ask("udp", VIP, 80, at="client", local=5353)) == {"near"}
    assert names(world.ask("udp", NODE, NODE_PORT, at="client", local=5354)) == {"near"}
    after = proxy.set(endpoints("far", protocol="UDP"))
    assert after["deleted_flows"] - before["deleted_flows"] == 2
    assert names(world.ask("udp", VIP, 80, at="client", local=5353)) == {"far"}
    assert names(world.ask("udp", NODE, NODE_PORT, at="client", local=5354)) == {"far"}


def test_a_deleted_service_answers_no_more(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    web, slice_ = service(nodePort=NODE_PORT), endpoints("near")
    proxy.set(web, slice_)
    proxy.delete(web, slice_)
    assert world.ask("tcp", NODE, NODE_PORT, at="client") == ["ConnectionRefusedError"]  # nobody listens
    assert "default/web" not in world.save()
