"""Cluster addresses and node ports: none given twice, none lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import defaults
from labs.kube.allocate import Allocator, pool


def service(name: str, type_: str = "NodePort", **spec: Any) -> dict[str, Any]:
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]
    made = {"metadata": {"namespace": "d", "name": name}, "spec": {"type": type_, "ports": ports, **spec}}
    defaults.service(made)
    return made


def held(one: dict[str, Any]) -> list[Any]:
    return [one["spec"]["clusterIP"], *(port["nodePort"] for port in one["spec"]["ports"])]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=30))
def test_no_value_has_two_holders_whatever_comes_and_goes(steps: list[tuple[str, bool]]) -> None:
    allocator, living = Allocator("10.96.0.0/27", (30000, 30031)), {}
    for name, comes in steps:
        if comes and name not in living:
            one = service(name)
            assert allocator.assign(one) == []
            allocator.hold(one)
            living[name] = one
        elif not comes:
            living.pop(name, None)
            allocator.release(("d", name))

    values = [value for one in living.values() for value in held(one)]
    assert len(values) == len(set(values))
    assert len(allocator._ports.held) == 2 * len(living)


def test_picked_values_come_from_the_upper_part_first() -> None:
    ports = pool(30000, 32767, 32, 128)
    addresses = pool(1, 65534, 16, 256)

    assert (ports.reserved, addresses.reserved) == (86, 256)
    assert all((number := ports.pick(set())) is not None and number >= 30086 for _ in range(50))


def test_when_the_upper_part_is_full_the_lower_is_used_and_then_there_is_none() -> None:
    allocator = Allocator("10.96.0.0/28", (30000, 30031))
    for number in range(14):
        one = service(f"s{number}")
        assert allocator.assign(one) == []
        allocator.hold(one)

    assert [str(error) for error in allocator.assign(service("more"))] == [
        "spec.clusterIPs: Invalid value: null: failed to allocate IP: range is full"
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"clusterIP": "10.96.0.10"},
            'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: '
            "provided IP is already allocated",
        ),
        (
            {"clusterIP": "10.97.0.1"},
            'spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: the provided IP '
            "(10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16",
        ),
        (
            {"ports": [{"port": 1, "protocol": "TCP", "nodePort": 31103}]},
            "spec.ports[0].nodePort: Invalid value: 31103: provided port is already allocated",
        ),
        (
            {"ports": [{"port": 1, "protocol": "TCP", "nodePort": 80}]},
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. "
            "The range of valid ports is 30000-32767",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_field(spec: dict[str, Any], said: str) -> None:
    allocator = Allocator()
    ports = [{"port": 1, "protocol": "TCP", "nodePort": 31103}]
    allocator.hold(service("first", clusterIP="10.96.0.10", clusterIPs=["10.96.0.10"], ports=ports))

    assert [str(error) for error in allocator.assign(service("second", **spec))] == [said]


def test_a_service_may_ask_again_for_what_it_has() -> None:
    allocator, one = Allocator(), service("one")
    allocator.assign(one)
    allocator.hold(one)
    before = held(one)

    assert allocator.assign(one) == []
    assert held(one) == before


def test_headless_and_external_names_take_nothing() -> None:
    allocator = Allocator()
    headless = service("headless", "ClusterIP", clusterIP="None", clusterIPs=["None"])
    external = service("external", "ExternalName")

    assert allocator.assign(headless) == allocator.assign(external) == []
    assert headless["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in external["spec"]


def test_a_load_balancer_with_the_local_policy_gets_a_port_for_health_checks() -> None:
    allocator = Allocator()
    one = service("one", "LoadBalancer", externalTrafficPolicy="Local")

    assert allocator.assign(one) == []
    assert one["spec"]["healthCheckNodePort"] not in [port["nodePort"] for port in one["spec"]["ports"]]


def test_a_load_balancer_that_wants_no_node_ports_keeps_the_one_it_names() -> None:
    allocator = Allocator()
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP", "nodePort": 30007}]
    one = service("one", "LoadBalancer", ports=ports, allocateLoadBalancerNodePorts=False)

    assert allocator.assign(one) == []
    assert [port.get("nodePort") for port in one["spec"]["ports"]] == [None, 30007]
    ports[1]["nodePort"] = 80
    assert "not in the valid range" in str(allocator.assign(one)[0])
