from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labs.agent.routes import batch, wanted

CIDRS = st.dictionaries(
    st.sampled_from(["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]),
    st.sampled_from(["192.168.56.10", "192.168.56.11"]),
)


def node(name: str, cidrs: str, own: str) -> dict[str, Any]:
    addresses = [{"type": "InternalIP", "address": address} for address in own.split()]
    return {
        "metadata": {"name": name},
        "spec": {"podCIDRs": cidrs.split()},
        "status": {"addresses": [*addresses, {"type": "Hostname", "address": name}]},
    }


def test_every_other_node_with_an_address_gets_a_route() -> None:
    nodes = [
        node("worker-1", "10.244.1.0/24", "192.168.56.11"),
        node("worker-2", "10.244.2.0/24", "192.168.56.12"),
        node("worker-3", "10.244.3.0/24", ""),
    ]
    assert wanted(nodes, "worker-1") == {"10.244.2.0/24": "192.168.56.12"}


def test_each_family_goes_over_the_nodes_address_of_that_family() -> None:
    both = node("worker-2", "10.244.2.0/24 fd00:244:0:2::/64", "192.168.56.12 fd00:56::12 fd00:56::99")
    half = node("worker-3", "10.244.3.0/24 fd00:244:0:3::/64", "192.168.56.13")
    assert wanted([both, half], "worker-1") == {
        "10.244.2.0/24": "192.168.56.12",
        "fd00:244:0:2::/64": "fd00:56::12",
        "10.244.3.0/24": "192.168.56.13",
    }


@given(CIDRS, CIDRS)
def test_a_batch_leads_from_what_is_there_to_what_is_wanted(
    there: dict[str, str], target: dict[str, str]
) -> None:
    routes = dict(there)
    for line in batch(there, target).splitlines():
        words = line.split()
        if words[1] == "delete":
            del routes[words[2]]
        else:
            routes[words[2]] = words[4]
    assert routes == target
