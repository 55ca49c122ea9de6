from __future__ import annotations

import json
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm.errors import MachineError
from vm.plan import MAX_WORKERS, Plan, plan

workers = st.integers(1, MAX_WORKERS)


def test_the_default_lab_is_the_one_of_the_course() -> None:
    assert [(node.name, node.address, node.pod_cidr, node.zone) for node in plan().nodes] == [
        ("control-1", "192.168.56.10", "10.244.0.0/24", ""),
        ("worker-1", "192.168.56.11", "10.244.1.0/24", "zone-a"),
        ("worker-2", "192.168.56.12", "10.244.2.0/24", "zone-b"),
        ("client", "192.168.56.200", "", ""),
        ("balancer", "192.168.56.201", "", ""),
    ]


def test_a_dual_stack_lab_has_the_same_digits_in_ipv6() -> None:
    made = plan(10, dual_stack=True)
    shown = {node.name: (node.addresses[1], *node.pod_cidrs[1:]) for node in made.nodes}
    assert shown["control-1"] == ("fd00:56::10", "fd00:244::/64")
    assert shown["worker-1"] == ("fd00:56::11", "fd00:244:0:1::/64")
    assert shown["worker-10"] == ("fd00:56::20", "fd00:244:0:10::/64")
    assert shown["client"] == ("fd00:56::200",)
    assert (made.pod_cidrs, made.service_cidrs) == (
        ("10.244.0.0/16", "fd00:244::/48"),
        ("10.96.0.0/16", "fd00:96::/112"),
    )
    assert "fd00:56::11\tworker-1\n" in made.hosts_file()


def test_a_lab_without_ipv6_has_one_address_each() -> None:
    made = plan()
    assert not made.dual_stack
    assert made.node("worker-1").addresses == ("192.168.56.11",)
    assert made.node("client").pod_cidrs == ()
    assert made.service_cidrs == ("10.96.0.0/16",)
    assert "fd00" not in made.hosts_file()


@given(workers)
def test_no_two_machines_share_an_address_or_a_pod_range(count: int) -> None:
    made = plan(count, dual_stack=True)
    for family, fabric in enumerate((made.fabric, made.fabric6)):
        addresses = [ip_address(node.addresses[family]) for node in made.nodes]
        ranges = [ip_network(node.pod_cidrs[family]) for node in made.cluster_nodes]
        assert len(set(addresses)) == len(addresses)
        assert len(set(ranges)) == len(ranges)
        assert all(address in ip_network(fabric) for address in addresses)
        assert all(pods.subnet_of(ip_network(made.pod_cidrs[family])) for pods in ranges)


@given(workers, st.booleans())
def test_a_plan_survives_json(count: int, dual_stack: bool) -> None:
    made = plan(count, dual_stack=dual_stack)
    assert Plan.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize("count", [0, -1, MAX_WORKERS + 1])
def test_an_impossible_number_of_workers_is_named(count: int) -> None:
    with pytest.raises(MachineError, match=f"1 to {MAX_WORKERS} workers, not {count}"):
        plan(count)


def test_an_unknown_machine_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(MachineError, match="no machine called `worker-9`") as caught:
        plan().node("worker-9")
    assert caught.value.cure == "the machines are: control-1, worker-1, worker-2, client, balancer"


def test_every_machine_is_in_the_hosts_file() -> None:
    names = [line.split("\t")[1] for line in plan(3).hosts_file().splitlines()]
    assert set(names) >= {node.name for node in plan(3).nodes}
