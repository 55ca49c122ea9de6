"""Whatever happens to a cluster, and in whatever order: rules changed step by step are those written afresh.

Two kernels, each an empty namespace: in one a proxy follows a random sequence of changes, in the other a new
proxy sees each state for the first time. After every step both must hold the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proxy_cases.objects import endpoint_slice, service
from proxy_stage.patience import PATIENCE
from proxy_stage.world import Proxy, World, namespaces, needs, proxy_in

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live

EXAMPLES = 15 if PATIENCE == 1 else 3
Object = dict[str, Any]
DUMPS = {
    "iptables": (("iptables-save",),),
    "userspace": (("iptables-save",),),
    "nftables": (("nft", "list", "table", "ip", "kube-proxy"),),
    "ipvs": (
        ("iptables-save",),
        ("ipset", "save"),
        ("ipvsadm", "-Sn"),
        ("ip", "-o", "addr", "show", "kube-ipvs0"),
    ),
}
WITHOUT = {
    "iptables": r" \[\d+:\d+\]$|^#.*\n",
    "userspace": r" \[\d+:\d+\]$|^#.*\n|--to-ports \d+|(?<=--to-destination )[\d.:]+"  # ports are drawn
    r"|--dport \d+ (?=-m state)",
    "nftables": r"^\tchain \S+ \{\n\t\}\n|^\n",  # emptied chains go a second later
    "ipvs": r" \[\d+:\d+\]$|^#.*\n|^\d+: ",
}


def held(world: World, mode: str) -> list[str]:
    """What the kernel holds of the mode, as lines of which only the order in chains is kept."""
    text = "\n".join(world(*argv, check=False) for argv in DUMPS[mode])
    lines = re.sub(WITHOUT[mode], "", text, flags=re.MULTILINE).splitlines()
    return sorted(lines) if mode in ("nftables", "ipvs") else lines


pods = st.dictionaries(
    st.sampled_from(["near", "near2", "far", "far2"]),
    st.fixed_dictionaries(
        {"ready": st.booleans(), "terminating": st.booleans()},
        optional={
            "serving": st.booleans(),
            "hints": st.sampled_from(["zone-a", "zone-b"]).map(lambda zone: {"forZones": [{"name": zone}]}),
        },
    ),
)
protocols = st.sampled_from(["TCP", "UDP", "SCTP"])
policies = st.sampled_from(["Cluster", "Local"])


@st.composite
def services(draw: st.DrawFn, number: int) -> Object:
    """A Service of one or two ports with any settings; addresses and ports are its own."""
    chosen = draw(st.lists(protocols, min_size=1, max_size=2, unique=True))
    with_node_port = draw(st.booleans())
    ports = [
        {"name": f"p{at}", "port": 80, "protocol": protocol, "nodePort": (30080 + number) * with_node_port}
        for at, protocol in enumerate(chosen)
    ]
    return {
        "type": "LoadBalancer",
        "clusterIP": f"10.96.0.{number + 1}",
        "ports": ports,
        "internalTrafficPolicy": draw(policies),
        "externalTrafficPolicy": draw(policies),
        "healthCheckNodePort": draw(st.sampled_from([0, 32000 + number])),
        "sessionAffinity": draw(st.sampled_from(["None", "ClientIP"])),
        "externalIPs": draw(st.sampled_from([[], [f"198.51.100.{number + 1}"]])),
        "loadBalancerSourceRanges": draw(st.sampled_from([[], ["192.0.2.0/24", "192.168.56.0/24"]])),
        "balancer": draw(st.sampled_from([[], [f"203.0.113.{number + 1}"]])),
    }


clusters = st.fixed_dictionaries(
    {}, optional={name: st.tuples(services(at), pods) for at, name in enumerate(["a", "b", "c"])}
)


def objects(cluster: dict[str, tuple[Object, Object]]) -> Iterator[Object]:
    for name, (spec, behind) in cluster.items():
        yield service(name, spec, "IPv4")
        yield endpoint_slice(name, spec, behind, "IPv4")


@pytest.fixture
def kernels() -> Iterator[tuple[World, World]]:
    with namespaces() as one, namespaces() as other:
        yield one, other


def afresh(proxy: Proxy, mode: str, *made: Object) -> None:
    """A proxy that knows nothing, in a kernel that holds nothing."""
    proxy.do("cleanup")
    proxy.start(mode, "IPv4", {"clusterCIDR": "10.244.0.0/16"})
    proxy.become(*made)


@pytest.mark.parametrize("mode", MODES)
def test_step_by_step_leads_where_a_first_sync_leads(kernels: tuple[World, World], mode: str) -> None:
    stepwise, fresh = kernels
    needs(stepwise, mode)
    with proxy_in(stepwise, mode=mode) as following, proxy_in(fresh, mode=mode) as new:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(clusters, min_size=1, max_size=4))
        def holds(steps: list[Any]) -> None:
            for cluster in steps:
                following.become(*objects(cluster))
                afresh(new, mode, *objects(cluster))
                assert held(stepwise, mode) == held(fresh, mode)

        holds()
