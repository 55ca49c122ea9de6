"""What goes wrong on a node, and that the rules are right again, nothing leaks, and the metrics tell.

The program itself runs here, kube-proxy with flags and file, and watches an API server of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from proxy_cases.objects import service
from proxy_stage.whole import Whole, whole
from proxy_stage.world import needs, started, wait_for

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live

Object = dict[str, Any]
ONCE = 'if [ -e "$FLAG" ]; then rm "$FLAG"; echo "somebody holds it" >&2; exit 4; fi\nexec "$REAL" "$@"'
SETS_ONCE = ONCE.replace('[ -e "$FLAG" ]', '[ -e "$FLAG" ] && [ "$2" = "restore" ]')
NFT_ONCE = ONCE.replace('[ -e "$FLAG" ]', '[ -e "$FLAG" ] && [ "$1" = "-f" ]')


class Faults(NamedTuple):
    """How this mode is hurt, and where it says so."""

    program: str
    fails_once: str
    flush: str
    break_chain: str
    failures: str
    partial_failures: str = ""
    config: Mapping[str, Any] = MappingProxyType({})


IPTABLES_BREAK = (
    "iptables -t nat -F KUBE-SERVICES;"
    " for chain in $(iptables-save -t nat | grep -o '^:KUBE-SVC[^ ]*' | tr -d :); do"
    " iptables -t nat -F $chain; iptables -t nat -X $chain; done"
)
OF_MODE = {
    "iptables": Faults(
        "iptables-restore",
        ONCE,
        "for table in nat filter mangle; do iptables -t $table -F; iptables -t $table -X; done",
        IPTABLES_BREAK,
        "sync_proxy_rules_iptables_restore_failures_total",
        "sync_proxy_rules_iptables_partial_restore_failures_total",
    ),
    "ipvs": Faults(
        "ipset",
        SETS_ONCE,
        "ipvsadm -C; for table in nat filter; do iptables -t $table -F; iptables -t $table -X; done",
        "",
        "sync_proxy_rules_iptables_restore_failures_total",
    ),
    "nftables": Faults(
        "nft",
        NFT_ONCE,
        "nft flush ruleset",
        "",
        "sync_proxy_rules_nftables_sync_failures_total",
        config={"featureGates": {"NFTablesNetlink": False}},  # a program can be made to fail, a kernel cannot
    ),
}
"""Modes whose rules name the endpoints; userspace has faults of its own in test_userspace.py."""
HURT = [mode for mode in MODES if mode in OF_MODE]
LONG = [mode for mode in HURT if mode != "ipvs"]  # it runs on an emulated machine, where these take minutes


def web(name: str = "web", ip: str = "10.96.0.10", **spec: Any) -> Object:
    return service(name, {"clusterIP": ip, "ports": [{"port": 80}], **spec}, "IPv4")


def slice_of(name: str, *ips: str, ready: bool = True, part: int = 1) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "default",
            "name": f"{name}-{part}",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        "endpoints": [
            {"addresses": [ip], "nodeName": "worker-1", "conditions": {"ready": ready}} for ip in ips
        ],
    }


Start = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @contextmanager
    def make(mode: str, config: Mapping[str, Any] = MappingProxyType({}), **scripts: str) -> Iterator[Whole]:
        with whole({"mode": mode, **config}, tmp_path, **scripts) as made:
            needs(made.world, mode)
            yield made

    return make


def settled(proxy: Whole) -> str:
    """Two Services and their rules in the kernel."""
    proxy.tell(
        "apply", web(), slice_of("web", "10.244.2.7"), web("two", "10.96.0.11"), slice_of("two", "10.244.2.8")
    )
    proxy.until(
        lambda: "10.244.2.7" in proxy.rules() and "10.244.2.8" in proxy.rules(), "the rules of web, two"
    )
    return proxy.rules()


@pytest.mark.parametrize("mode", HURT)
def test_a_refused_write_is_counted_and_made_good(start: Start, mode: str) -> None:
    hurt = OF_MODE[mode]
    with start(mode, hurt.config, **{hurt.program.replace("-", "_"): hurt.fails_once}) as proxy:
        settled(proxy)
        proxy.flag.touch()
        proxy.tell("apply", slice_of("web", "10.244.2.9"))
        proxy.until(lambda: "10.244.2.9" in proxy.rules(), "the rules of the endpoint .9")
        proxy.until(lambda: "10.244.2.7" not in proxy.rules(), "the end of the endpoint .7")
        assert proxy.metric(hurt.failures, ip_family="IPv4") == 1
        if hurt.partial_failures:
            assert proxy.metric(hurt.partial_failures, ip_family="IPv4") == 1
        assert "somebody holds it" in proxy.log()


@pytest.mark.parametrize("mode", HURT)
def test_flushed_rules_come_back_within_two_sync_periods(start: Start, mode: str) -> None:
    with start(mode) as proxy:
        before = settled(proxy)
        full = proxy.metric("sync_full_proxy_rules_duration_seconds_count", ip_family="IPv4")
        proxy.world("sh", "-c", OF_MODE[mode].flush)
        proxy.until(lambda: proxy.rules() == before, "the same rules as before", 10)
        assert proxy.metric("sync_full_proxy_rules_duration_seconds_count", ip_family="IPv4") > full


@pytest.mark.parametrize("mode", [mode for mode in HURT if OF_MODE[mode].break_chain])
def test_a_chain_that_somebody_deleted_is_missed_by_the_next_change_and_written_again(
    start: Start, mode: str
) -> None:
    with start(mode) as proxy:
        settled(proxy)
        proxy.world("sh", "-c", OF_MODE[mode].break_chain)
        assert "10.96.0.10" not in proxy.rules()
        proxy.tell("apply", web("three", "10.96.0.12"), slice_of("three", "10.244.2.9"))
        proxy.until(lambda: all(f"10.96.0.{n}" in proxy.rules() for n in (10, 11, 12)), "the three Services")
        assert proxy.metric(OF_MODE[mode].partial_failures, ip_family="IPv4") == 1


@pytest.mark.parametrize("mode", LONG)
def test_while_the_api_is_away_the_rules_stay_and_afterwards_they_follow_again(
    start: Start, mode: str
) -> None:
    with start(mode) as proxy:
        before, opened = settled(proxy), proxy.descriptors()
        proxy.tell("down")
        proxy.until(lambda: "trying again" in proxy.log() or "again in" in proxy.log(), "a word in the log")
        assert proxy.rules() == before
        assert (
            proxy.world("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:10256/livez")
            == "200"
        )
        proxy.tell("up")
        proxy.tell("apply", slice_of("web", "10.244.2.9"))
        proxy.until(lambda: "10.244.2.9" in proxy.rules(), "the change after the API came back", 30)
        proxy.until(lambda: proxy.descriptors() == opened, f"as many open as before: {opened}", 30)


@pytest.mark.parametrize("mode", LONG)
def test_a_thousand_endpoints_flap_and_nothing_is_left_of_it(start: Start, mode: str) -> None:
    """More than 1,000: in this size iptables mode leaves chains to be deleted later."""
    ips = [f"10.244.{n // 100 + 10}.{n % 100 + 1}" for n in range(1200)]
    parts = {part: ips[part * 100 : part * 100 + 100] for part in range(12)}

    def slices(ready: bool) -> list[Object]:
        return [slice_of("web", *some, ready=ready, part=part) for part, some in parts.items()]

    with start(mode) as proxy:
        proxy.tell("apply", web(), web("two", "10.96.0.11"), slice_of("two", "10.244.2.8"))
        proxy.until(lambda: "10.244.2.8" in proxy.rules(), "the rules of two")
        few, opened = proxy.rules(), proxy.descriptors()
        for ready in (True, False, True, False):
            proxy.tell("apply", *slices(ready))
        proxy.tell("apply", *slices(True))
        proxy.until(lambda: all(ip in proxy.rules() for ip in (ips[0], ips[-1])), "all endpoints", 40)
        proxy.until(
            lambda: proxy.metric("sync_proxy_rules_endpoint_changes_pending") == 0, "a sync of all", 40
        )
        proxy.tell("delete", *slices(True))
        proxy.until(lambda: proxy.rules() == few, "nothing but what there was before", 60)
        proxy.until(lambda: proxy.descriptors() == opened, f"as many open as before: {opened}")


LEGACY = 'exec "$(dirname "$REAL")/xtables-legacy-multi" "$(basename "$0")" "$@"'
LOCK = "exec 9>/run/xtables.lock; flock 9; echo locked; exec sleep 600"


def test_the_legacy_lock_is_waited_for_and_a_holder_who_keeps_it_is_told(start: Start) -> None:
    """Only the legacy variant has a lock: nf_tables changes are transactions. kube-proxy waits 5 s for it."""
    scripts = dict.fromkeys(("iptables", "iptables_save", "iptables_restore"), LEGACY)
    with start("iptables", **scripts) as proxy:
        legacy = proxy.world(
            "sh", "-c", "PATH=$PATH:/usr/sbin:/sbin command -v xtables-legacy-multi", check=False
        )
        if not legacy:
            pytest.skip("iptables-legacy is not installed")
        proxy.tell("apply", web(), slice_of("web", "10.244.2.7"))
        saved = ("iptables-legacy-save", "-t", "nat")
        proxy.until(lambda: "10.244.2.7" in proxy.world(*saved), "the rules of web")
        with started(proxy.world.argv("bash", "-c", LOCK)) as holder:
            wait_for(holder, "locked")
            proxy.tell("apply", slice_of("web", "10.244.2.9"))
            proxy.until(
                lambda: proxy.metric(OF_MODE["iptables"].failures, ip_family="IPv4"), "a counted failure"
            )
            assert "10.244.2.9" not in proxy.world(*saved)
        proxy.until(lambda: "10.244.2.9" in proxy.world(*saved), "the rules of .9 after the lock was free")
        assert "xtables lock" in proxy.log()
