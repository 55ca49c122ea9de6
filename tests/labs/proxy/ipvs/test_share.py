"""One Service port's share, behaviour by behaviour (upstream's ipvs proxier tests, told as facts)."""

from __future__ import annotations

from typing import Any

import pytest

from labs.proxy.ipvs import sets
from labs.proxy.ipvs.options import Options
from labs.proxy.ipvs.servers import RealKey, ServerKey
from labs.proxy.ipvs.share import Barred, Share, share_of
from labs.proxy.state import Endpoint, Family, Node, ProxyState, ServicePort, ServicePortName

HERE, THERE = RealKey("10.244.1.5", 8080), RealKey("10.244.2.7", 8080)
NODES = ("192.168.56.11", "192.168.57.11")
OPTIONS = Options(node_port_addresses=NODES, local_addresses=frozenset(NODES))
TWO = (Endpoint(*HERE, local=True), Endpoint(*THERE))


def share(endpoints: tuple[Endpoint, ...] = TWO, *, protocol: str = "TCP", **service: Any) -> Share:
    name = ServicePortName("default", "web", "http", protocol)
    port = ServicePort(name, "10.96.0.10", 80, **service)
    state = ProxyState(Family.IPV4, Node("worker-1", NODES[0]), {name: port}, {name: endpoints})
    return share_of(state, name, OPTIONS)


def members(found: Share, name: str) -> list[str]:
    return sorted(entry.member for entry in found.entries if entry.set == name)


def reals(found: Share, ip: str, port: int = 80, protocol: str = "tcp") -> set[RealKey]:
    return set(found.servers[ServerKey(protocol, ip, port)].reals)


def test_a_cluster_ip_is_served_bound_and_in_its_set() -> None:
    found = share()
    assert reals(found, "10.96.0.10") == {HERE, THERE}
    assert list(found.addresses) == ["10.96.0.10"]
    assert members(found, sets.CLUSTER_IP) == ["10.96.0.10,tcp:80"]
    assert members(found, sets.IPVS_IPS) == ["10.96.0.10"]


def test_only_local_endpoints_are_in_the_set_for_hairpins() -> None:
    assert members(share(), sets.LOOP_BACK) == ["10.244.1.5,tcp:8080,10.244.1.5"]


def test_without_endpoints_there_is_a_virtual_server_without_real_ones() -> None:
    found = share((), node_port=30080, external_ips=("198.51.100.9",))
    assert {key.ip: set(served.reals) for key, served in found.servers.items()} == {
        "10.96.0.10": set(),
        "198.51.100.9": set(),
        NODES[0]: set(),
        NODES[1]: set(),
    }


def test_affinity_makes_every_virtual_server_persistent() -> None:
    found = share(node_port=30080, affinity_seconds=10800)
    assert {(served.server.flags, served.server.timeout) for served in found.servers.values()} == {(1, 10800)}


def test_a_node_port_is_served_on_each_address_and_binds_none() -> None:
    found = share(node_port=30080)
    assert {key.ip for key in found.servers if key.port == 30080} == set(NODES)
    assert list(found.addresses) == ["10.96.0.10"]
    assert members(found, sets.NODE_PORT["tcp"]) == ["30080"]
    assert members(found, sets.NODE_PORT_LOCAL["tcp"]) == []


def test_an_sctp_node_port_is_known_by_address() -> None:
    found = share(protocol="SCTP", node_port=30080)
    assert members(found, sets.NODE_PORT["sctp"]) == [f"{ip},sctp:30080" for ip in NODES]


def test_a_local_node_port_is_in_both_sets_and_asks_the_health_check_port() -> None:
    found = share(node_port=30080, external_local=True, health_check_node_port=32000)
    assert members(found, sets.NODE_PORT["tcp"]) == members(found, sets.NODE_PORT_LOCAL["tcp"]) == ["30080"]
    assert members(found, sets.HEALTH_CHECK) == ["32000"]
    assert reals(found, NODES[0], 30080) == {HERE}
    assert reals(found, "10.96.0.10") == {HERE, THERE}


def test_policy_local_without_local_endpoints_falls_back_to_all() -> None:
    found = share(TWO[1:], node_port=30080, external_local=True)
    assert reals(found, NODES[0], 30080) == {THERE}


def test_internal_policy_local_keeps_to_this_node() -> None:
    assert reals(share(internal_local=True), "10.96.0.10") == {HERE}


def test_internal_policy_local_without_local_endpoints_has_none() -> None:
    assert reals(share(TWO[1:], internal_local=True), "10.96.0.10") == set()


@pytest.mark.parametrize(
    ("local", "name"), [(False, sets.EXTERNAL_IP), (True, sets.EXTERNAL_IP_LOCAL)], ids=str
)
def test_an_external_ip_is_in_the_set_of_its_policy(local: bool, name: str) -> None:
    found = share(external_ips=("198.51.100.9",), external_local=local)
    assert members(found, name) == ["198.51.100.9,tcp:80"]
    assert set(found.addresses) == {"10.96.0.10", "198.51.100.9"}


def test_an_external_ip_that_the_node_has_anyway_is_not_bound_once_more() -> None:
    found = share(external_ips=(NODES[1],))
    assert list(found.addresses) == ["10.96.0.10"]
    assert reals(found, NODES[1]) == {HERE, THERE}


def test_a_load_balancer_is_in_its_sets() -> None:
    found = share(load_balancer_ips=("203.0.113.10",), external_local=True)
    for name in (sets.LOAD_BALANCER, sets.LOAD_BALANCER_LOCAL):
        assert members(found, name) == ["203.0.113.10,tcp:80"]
    assert members(found, sets.LOAD_BALANCER_FW) == []


def test_source_ranges_that_miss_the_node_bar_it() -> None:
    found = share(load_balancer_ips=("203.0.113.10",), source_ranges=("198.51.100.0/24",))
    assert members(found, sets.LOAD_BALANCER_FW) == ["203.0.113.10,tcp:80"]
    assert members(found, sets.SOURCE_CIDR) == ["203.0.113.10,tcp:80,198.51.100.0/24"]
    assert members(found, sets.SOURCE_IP) == []
    assert list(found.barred) == [Barred("203.0.113.10", "tcp", 80)]


def test_source_ranges_with_the_node_let_it_ask_from_the_balancers_address() -> None:
    found = share(load_balancer_ips=("203.0.113.10",), source_ranges=("192.168.56.0/24",))
    assert members(found, sets.SOURCE_IP) == ["203.0.113.10,tcp:80,203.0.113.10"]
    assert not found.barred


def test_a_range_of_everything_is_two_halves_since_sets_take_no_zero_length() -> None:
    found = share(load_balancer_ips=("203.0.113.10",), source_ranges=("0.0.0.0/0",))
    assert members(found, sets.SOURCE_CIDR) == [
        "203.0.113.10,tcp:80,0.0.0.0/1",
        "203.0.113.10,tcp:80,128.0.0.0/1",
    ]


def test_terminating_endpoints_serve_where_no_other_is_left() -> None:
    ending = Endpoint(*THERE, ready=False, serving=True, terminating=True)
    assert reals(share((TWO[0], ending)), "10.96.0.10") == {HERE}
    assert reals(share((ending,)), "10.96.0.10") == {THERE}
