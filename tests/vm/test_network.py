"""The batches as text; tests/live/test_machines.py sends packets over what they make."""

from __future__ import annotations

import re
import subprocess
from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm import network
from vm.plan import MAX_WORKERS, plan

BATCH = """\
link set lo up
link set eth0 up
address add 192.168.56.200/24 dev eth0
route add default via 192.168.56.1
route replace 203.0.113.0/24 nexthop via 192.168.56.11 nexthop via 192.168.56.12
"""


def test_the_client_reaches_load_balancer_addresses_over_every_worker() -> None:
    assert network.machine(plan(2), plan(2).node("client")) == BATCH


def test_only_the_balancer_reaches_the_pods_too() -> None:
    made = plan(2)
    routes = network.outside(made, made.node("balancer"))
    assert routes[2:] == [
        "route replace 10.244.1.0/24 via 192.168.56.11",
        "route replace 10.244.2.0/24 via 192.168.56.12",
    ]
    assert network.outside(made, made.node("client")) == routes[:1]
    assert network.outside(made, made.node("worker-1")) == []


@given(st.integers(1, MAX_WORKERS))
def test_every_machine_has_one_cable_and_its_own_address(workers: int) -> None:
    made = plan(workers)
    fabric, machines = network.batches(made)
    cables = re.findall(r"^link add (\S+) type veth peer name eth0 netns (\S+)$", fabric, re.M)
    assert cables == [(node.name, node.name) for node in made.nodes]
    found = {name: re.findall(r"^address add (\S+) dev eth0$", text, re.M) for name, text in machines.items()}
    assert {name: str(ip_interface(text).ip) for name, (text,) in found.items()} == {
        node.name: node.address for node in made.nodes
    }


@given(st.integers(1, MAX_WORKERS))
def test_no_device_name_is_longer_than_the_kernel_allows(workers: int) -> None:
    assert all(len(node.name) <= 15 for node in plan(workers).nodes)


@pytest.mark.live
@pytest.mark.parametrize(("workers", "dual_stack"), [(1, False), (4, True)])
def test_the_kernel_takes_the_batches_and_shows_the_plan(workers: int, dual_stack: bool) -> None:
    made = plan(workers, dual_stack=dual_stack)
    fabric, machines = network.batches(made)
    script = ["mount -t tmpfs none /run", f"ip -batch - <<'END'\n{fabric}END"]
    script += [f"ip -n {name} -batch - <<'END'\n{text}END" for name, text in machines.items()]
    script += [f"ip -n {node.name} -o address show eth0 scope global" for node in made.nodes]
    script += [
        "ip -n client route get 203.0.113.1; ip route show default; ip -6 route show default",
        "ip -o link show master fabric | wc -l",
    ]
    words = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec", "\n".join(script)]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout
    assert re.findall(r"inet6? (\S+)/(?:24|64)", shown) == [
        address for node in made.nodes for address in node.addresses
    ]
    assert "tentative" not in shown
    assert re.search(r"^203\.0\.113\.1 via 192\.168\.56\.1\d dev eth0", shown, re.M)
    assert shown.count("unreachable default") == 1 + dual_stack
    assert shown.split()[-1] == str(len(made.nodes))


def test_nodes_route_packets_and_helpers_do_not() -> None:
    forwarding = {node.name: network.sysctls(node)["net/ipv4/ip_forward"] for node in plan(1).nodes}
    assert forwarding == {"control-1": "1", "worker-1": "1", "client": "0", "balancer": "0"}
