"""What the kernel holds after syncs: whole, the same by any way, and gone when it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.live

Object = dict[str, Any]


def test_partial_syncs_leave_what_a_full_sync_would(
    empty: Any,
    start_proxy: Callable[..., Any],
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
) -> None:
    """The sequence of upstream's TestSyncProxyRulesRepeated, the kernel compared after each step."""
    web, other = service(nodePort=30080), service("other", clusterIP="10.96.0.11")
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
        ("set", service(nodePort=30081, sessionAffinity="ClientIP")),
        ("set", endpoints("near", "far", ready=False)),
        ("set", endpoints("near", "far", ready=False, serving=True, terminating=True)),
    ]
    with start_proxy(empty) as proxy:
        for what, item in steps:
            getattr(proxy, what)(item)
            partial = empty.save()
            proxy.do("full")
            assert partial == empty.save(), f"after {what} {item['kind']} {item['metadata']['name']}"


def test_a_flushed_table_is_noticed_and_mended(
    empty: Any,
    start_proxy: Callable[..., Any],
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
) -> None:
    with start_proxy(empty) as proxy:
        proxy.set(service(), endpoints("near"))
        before = empty.save()
        assert proxy.do("intact") == {"intact": True}
        empty("sh", "-c", "iptables -t nat -F; iptables -t nat -X")
        assert proxy.do("intact") == {"intact": False}
        proxy.do("full")
        assert empty.save() == before


def test_a_missing_jump_is_put_first_again_and_the_others_are_not_doubled(
    empty: Any, start_proxy: Callable[..., Any]
) -> None:
    with start_proxy(empty) as proxy:
        proxy.do("full")
        before = empty.save()
        empty("iptables", "-t", "nat", "-F", "PREROUTING")
        empty("iptables", "-t", "nat", "-A", "PREROUTING", "-p", "icmp", "-j", "ACCEPT")
        proxy.do("full")
        after = empty.save()
        assert after.index("PREROUTING -m comment") < after.index("PREROUTING -p icmp")
        assert after.replace("-A PREROUTING -p icmp -j ACCEPT\n", "") == before


def test_cleanup_takes_all_of_ours_and_nothing_else(
    empty: Any,
    start_proxy: Callable[..., Any],
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
) -> None:
    foreign = (
        "*filter\n:MINE - [0:0]\n-A MINE -s 192.0.2.1 -j DROP\n-A INPUT -j MINE\nCOMMIT\n"
        "*nat\n-A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE\nCOMMIT\n*mangle\n:MINE - [0:0]\nCOMMIT\n"
    )
    empty("iptables-restore", "--noflush", text=foreign)
    with start_proxy(empty) as proxy:
        proxy.do("full")
        proxy.do("cleanup")  # makes the built-in chains appear in both
        before = empty.save()
        proxy.do("full")
        proxy.set(service(nodePort=30080), endpoints("near", "far"))
        proxy.do("cleanup")
        assert empty.save() == before
        assert "-A MINE -s 192.0.2.1/32 -j DROP" in before


def test_chains_left_by_a_proxy_before_are_deleted(
    empty: Any,
    start_proxy: Callable[..., Any],
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
) -> None:
    with start_proxy(empty) as proxy:
        proxy.set(service(), endpoints("near"))
        left = empty("iptables-save")
    empty("iptables-restore", text=left)
    with start_proxy(empty) as proxy:
        proxy.do("full")
        assert "KUBE-SVC-" not in empty.save()
        assert "KUBE-SEP-" not in empty.save()


def test_the_same_rules_load_in_ipv6(empty: Any, start_proxy: Callable[..., Any]) -> None:
    service = {
        "kind": "Service",
        "metadata": {"namespace": "default", "name": "web"},
        "spec": {"type": "NodePort", "clusterIP": "fd00:96::10", "ports": [{"port": 80, "nodePort": 30080}]},
    }
    slice_ = {
        "kind": "EndpointSlice",
        "metadata": {"namespace": "default", "name": "w", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv6",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["fd00:244:1::5"]}, {"addresses": ["fd00:244:1::6"]}],
    }
    with start_proxy(empty, {"clusterCIDR": "fd00:244::/48"}, "IPv6") as proxy:
        proxy.set(service, slice_)
        saved = empty("ip6tables-save")
    assert "-j DNAT --to-destination [fd00:244:1::5]:8080" in saved
    assert "! -s fd00:244::/48 -d fd00:96::10/128" in saved


def test_packet_counters_are_made_once_and_found_again(empty: Any) -> None:
    code = (
        "from labs.proxy.netfilter.nfacct import Nfacct; n = Nfacct();"
        "print(n.packets('lab'), n.ensure('lab'), n.ensure('lab'), n.packets('lab'))"
    )
    said = empty(sys.executable, "-P", "-c", code).split()
    if said[1] == "False":
        pytest.skip("this kernel has no packet counters (nfnetlink_acct)")
    assert said == ["None", "True", "True", "0"]
    assert empty(sys.executable, "-P", "-c", code).split()[0] == "0"
