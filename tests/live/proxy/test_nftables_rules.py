"""What the kernel's table holds after syncs: the same by any way, mended, and gone when it should be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.live

Object = dict[str, Any]
Make = Callable[..., Object]
NORMAL = ("handle", "index", "expires")
"""What differs between two tables that do the same."""


def normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items() if key not in NORMAL}
    return [normal(item) for item in value] if isinstance(value, list) else value


def ruleset(world: Any) -> dict[str, Any]:
    """`nft -j list ruleset` in normal form, but for chains that wait to be deleted: those without a rule."""
    found: dict[str, Any] = {}
    for item in json.loads(world("nft", "-j", "list", "ruleset"))["nftables"]:
        (kind, value), *_ = normal(item).items()
        if kind == "rule":
            found.setdefault(f"rules {value['family']} {value['chain']}", []).append(value)
        elif kind in ("set", "map"):
            value["elem"] = sorted(map(json.dumps, value.get("elem", [])))
            found[f"{kind} {value['family']} {value['name']}"] = value
        elif kind == "table" or "hook" in value:
            found[f"{kind} {value['family']} {value['name']}"] = value
    return found


@pytest.fixture(params=["netlink", "program"])
def config(request: pytest.FixtureRequest) -> Object:
    """Both ways to the kernel."""
    return {"featureGates": {"NFTablesNetlink": request.param == "netlink"}}


@pytest.fixture
def nftables(empty: Any, start_proxy: Callable[..., Any], config: Object) -> Any:
    with start_proxy(empty, config, mode="nftables") as proxy:
        yield proxy


def test_partial_syncs_leave_what_a_full_sync_would(
    empty: Any, nftables: Any, service: Make, endpoints: Make
) -> None:
    """The sequence of upstream's TestSyncProxyRulesRepeated and more, the kernel compared after each step."""
    web, other = service(nodePort=30080), service("other", clusterIP="10.96.0.11")
    sticky = {"sessionAffinity": "ClientIP"}
    steps: list[tuple[str, Object]] = [
        ("set", web),
        ("set", endpoints("near")),
        ("set", other),
        ("set", endpoints("far", name="other")),
        ("delete", web),
        ("set", web),
        ("delete", endpoints("near")),
        ("set", endpoints("near")),
        ("set", endpoints("far")),
        ("set", endpoints("near", "far")),
        ("set", service(nodePort=30081)),
        ("set", service(nodePort=30081, externalTrafficPolicy="Local")),
        ("set", service(nodePort=30081, **sticky)),
        ("set", service(**sticky, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10}})),
        ("set", endpoints("near", "far", ready=False)),
        ("set", endpoints("near", "far", ready=False, serving=True, terminating=True)),
    ]
    for what, item in steps:
        getattr(nftables, what)(item)
        partial = ruleset(empty)
        nftables.do("full")
        assert partial == ruleset(empty), f"after {what} {item['kind']} {item['metadata']['name']}"


flags = st.booleans()
specs = st.fixed_dictionaries(
    {
        "nodePort": st.sampled_from([0, 30080]),
        "externalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
        "internalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
        "sessionAffinity": st.sampled_from(["None", "ClientIP"]),
        "sessionAffinityConfig": st.sampled_from([{}, {"clientIP": {"timeoutSeconds": 10}}]),
        "externalIPs": st.sampled_from([[], ["198.51.100.7"]]),
        "loadBalancerSourceRanges": st.sampled_from(
            [[], ["192.0.2.0/24", "192.168.0.0/16", "192.168.56.0/24"]]
        ),
        "status": st.sampled_from([{}, {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}]),
        "protocol": st.sampled_from(["TCP", "UDP", "SCTP"]),
    }
)
pods = st.fixed_dictionaries(
    {"pods": st.sampled_from([(), ("near",), ("near", "far")]), "ready": flags, "terminating": flags}
)
clusters = st.dictionaries(st.sampled_from(["a", "b"]), st.tuples(specs, pods))


def test_any_cluster_loads_and_is_reached_from_any_other(
    empty: Any, nftables: Any, service: Make, endpoints: Make
) -> None:
    """Services that want the same NodePort or external IP are among them."""

    def objects(found: dict[str, Any]) -> list[Object]:
        made = []
        for at, (name, (spec, behind)) in enumerate(found.items()):
            more = dict(behind)
            made.append(service(name, clusterIP=f"10.96.0.{at + 1}", **spec))
            made.append(endpoints(*more.pop("pods"), name=name, protocol=spec["protocol"], **more))
        return made

    @settings(max_examples=25, deadline=None)
    @given(clusters)
    def holds(found: dict[str, Any]) -> None:
        nftables.become(*objects(found))
        partial = ruleset(empty)
        nftables.do("full")
        assert partial == ruleset(empty)

    holds()


def test_chains_that_nothing_leads_to_are_gone_soon(
    empty: Any, nftables: Any, service: Make, endpoints: Make
) -> None:
    web, slice_ = service(nodePort=30080, sessionAffinity="ClientIP"), endpoints("near")
    nftables.set(web, slice_)
    nftables.delete(web, slice_)
    listed = empty("nft", "list", "table", "ip", "kube-proxy")
    assert "affinity-" not in listed
    assert "service-SUSTUHLJ-default/web/tcp/http {\n\t}" in listed
    until = time.monotonic() + 10
    while "SUSTUHLJ" in empty("nft", "list", "chains", "ip"):
        assert time.monotonic() < until
        nftables.set()


@pytest.mark.parametrize("harm", ["flush ruleset", "delete table ip kube-proxy", "flush table ip kube-proxy"])
def test_harm_is_noticed_and_mended(
    empty: Any, nftables: Any, service: Make, endpoints: Make, harm: str
) -> None:
    nftables.set(service(nodePort=30080), endpoints("near", "far"))
    before = ruleset(empty)
    assert nftables.do("intact") == {"intact": True}
    empty("nft", *harm.split())
    assert nftables.do("intact") == {"intact": False}
    nftables.do("full")
    assert ruleset(empty) == before


def test_a_deleted_chain_makes_the_next_change_fail_and_the_one_after_whole(
    empty: Any, nftables: Any, service: Make, endpoints: Make
) -> None:
    nftables.set(service(), endpoints("near"))
    before = ruleset(empty)
    chain = "service-SUSTUHLJ-default/web/tcp/http"
    empty("nft", "delete element ip kube-proxy service-ips { 10.96.0.10 . tcp . 80 }")
    empty("nft", "delete", "chain", "ip", "kube-proxy", chain)
    change = [[endpoints("near"), endpoints("far")]]
    assert not nftables.do("changes", change)["synced"]
    assert nftables.do("changes", [[endpoints("far"), endpoints("near")]])["synced"]
    assert ruleset(empty) == before


OLDER = """
add table ip kube-proxy { comment "rules for kube-proxy" ; }
add chain ip kube-proxy nat-prerouting { type nat hook prerouting priority -101 ; }
add chain ip kube-proxy filter-prerouting { type filter hook prerouting priority -110 ; }
add chain ip kube-proxy services
add chain ip kube-proxy mark-for-masquerade
add chain ip kube-proxy masquerading
add chain ip kube-proxy service-SUSTUHLJ-default/web/tcp/http
add chain ip kube-proxy external-SUSTUHLJ-default/web/tcp/http
add chain ip kube-proxy endpoint-HGNPOIJ5-default/web/tcp/http__10.244.1.5/8080
add set ip kube-proxy cluster-ips { type ipv4_addr ; comment "Active ClusterIPs" ; }
add set ip kube-proxy affinity-HGNPOIJ5-default/web/tcp/http__10.244.1.5/8080 { type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }
add map ip kube-proxy service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment "ClusterIP, ExternalIP and LoadBalancer IP traffic" ; }
add map ip kube-proxy service-nodeports { type inet_proto . inet_service : verdict ; comment "NodePort traffic" ; }
add element ip kube-proxy cluster-ips { 10.96.0.10 }
add element ip kube-proxy cluster-ips { 10.96.0.99 }
add element ip kube-proxy service-ips { 10.96.0.10 . tcp . 80 : goto service-SUSTUHLJ-default/web/tcp/http }
add element ip kube-proxy service-ips { 10.96.0.99 . tcp . 80 : drop }
add element ip kube-proxy service-nodeports { tcp . 30080 : goto external-SUSTUHLJ-default/web/tcp/http }
add rule ip kube-proxy nat-prerouting jump services
add rule ip kube-proxy filter-prerouting ct state new accept
add rule ip kube-proxy services ip daddr . meta l4proto . th dport vmap @service-ips
add rule ip kube-proxy services fib daddr type local meta l4proto . th dport vmap @service-nodeports
add rule ip kube-proxy mark-for-masquerade mark set mark or 0x4000
add rule ip kube-proxy masquerading mark and 0x4000 == 0 return
add rule ip kube-proxy service-SUSTUHLJ-default/web/tcp/http ip daddr 10.96.0.10 ip saddr != 10.244.0.0/16 jump mark-for-masquerade
add rule ip kube-proxy service-SUSTUHLJ-default/web/tcp/http numgen random mod 1 vmap { 0 : goto endpoint-HGNPOIJ5-default/web/tcp/http__10.244.1.5/8080 }
add rule ip kube-proxy external-SUSTUHLJ-default/web/tcp/http jump mark-for-masquerade
add rule ip kube-proxy external-SUSTUHLJ-default/web/tcp/http goto service-SUSTUHLJ-default/web/tcp/http
add rule ip kube-proxy endpoint-HGNPOIJ5-default/web/tcp/http__10.244.1.5/8080 update @affinity-HGNPOIJ5-default/web/tcp/http__10.244.1.5/8080 { ip saddr }
add rule ip kube-proxy endpoint-HGNPOIJ5-default/web/tcp/http__10.244.1.5/8080 meta l4proto tcp dnat to 10.244.1.5:8080
"""  # noqa: E501
"""The table of a real kube-proxy before 1.36 (generation 1), with a base chain at another priority."""


def test_the_table_of_an_older_kube_proxy_is_taken_over(
    empty: Any, start_proxy: Callable[..., Any], config: Object, service: Make, endpoints: Make
) -> None:
    objects = service(), endpoints("near")
    with start_proxy(empty, config, mode="nftables") as proxy:
        proxy.set(*objects)
        fresh = ruleset(empty)
    assert ruleset(empty) == {}
    empty("nft", "-f", "-", text=OLDER)
    with start_proxy(empty, config, mode="nftables") as proxy:
        proxy.set(*objects)
        assert ruleset(empty) == fresh


def test_cleanup_takes_a_real_one_s_table_and_nothing_else(empty: Any, nftables: Any) -> None:
    empty("nft", "add table ip mine; add chain ip mine services; add table ip6 kube-proxy-of-mine")
    mine = ruleset(empty)
    empty("nft", "-f", "-", text=OLDER)
    nftables.do("cleanup")
    assert ruleset(empty) == mine
    nftables.do("cleanup")
    assert ruleset(empty) == mine


def test_both_ways_leave_the_same(
    empty: Any, start_proxy: Callable[..., Any], service: Make, endpoints: Make
) -> None:
    """Also what ``nft list`` prints of it: types, comments, the order of numbers."""
    balanced = {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}
    ranges = ["192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/25", "198.51.100.128/25", "192.168.56.0/24"]
    local = {"externalTrafficPolicy": "Local", "type": "LoadBalancer", "status": balanced}
    objects = [
        service(nodePort=30080, **local, loadBalancerSourceRanges=ranges),
        endpoints("near", "far"),
        service("sticky", clusterIP="10.96.0.11", sessionAffinity="ClientIP"),
        endpoints("near", "far", name="sticky"),
        service(
            "one", clusterIP="10.96.0.12", protocol="UDP", loadBalancerSourceRanges=["0.0.0.0/0"], **local
        ),
        endpoints("near", name="one", protocol="UDP"),
        service("none", clusterIP="10.96.0.13", nodePort=30081),
        {
            "kind": "ServiceCIDR",
            "metadata": {"namespace": "", "name": "k"},
            "spec": {"cidrs": ["10.96.0.0/16", "10.32.0.0/12"]},
        },
    ]
    left = []
    for netlink in (True, False):
        config = {"featureGates": {"NFTablesNetlink": netlink}, "detectLocalMode": "InterfaceNamePrefix"}
        config["detectLocal"] = {"interfaceNamePrefix": "veth"}
        with start_proxy(empty, config, mode="nftables") as proxy:
            proxy.set(*objects)
            left.append((ruleset(empty), empty("nft", "list", "table", "ip", "kube-proxy")))
    assert left[0] == left[1]


def test_a_service_of_thousands_of_endpoints_loads(
    empty: Any, nftables: Any, service: Make, endpoints: Make
) -> None:
    """More than fit into one attribute of a message."""
    many = [
        {"addresses": [f"10.244.{n // 250}.{n % 250 + 1}"], "conditions": {"ready": True}}
        for n in range(3000)
    ]
    slice_ = {**endpoints(), "endpoints": many}
    nftables.set(service(sessionAffinity="None"), slice_)
    assert "mod 3000 map { 0 : " in empty("nft", "list", "chains", "ip") + empty("nft", "list", "ruleset")
