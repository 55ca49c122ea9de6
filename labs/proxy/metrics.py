"""The numbers kube-proxy tells about itself, under its own names, on /metrics.

Each proxy has a registry of its own, so that two in one process (or in one test) do not add up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from labs.proxy.counters import INVALID_DROPPED, LOCALHOST_ACCEPTED, NO_COUNTERS, PacketCounters
from labs.proxy.mode import Result
from labs.proxy.policy import without_local
from labs.proxy.state import Family, ProxyState

PREFIX = "kubeproxy_"
SYNC_BUCKETS = tuple(0.001 * 2**power for power in range(15))
PROGRAMMING_BUCKETS = (0.25, 0.5, *range(1, 60), *range(60, 121, 5), 150, 180, 240, 300)

HISTOGRAMS = {
    "sync_proxy_rules_duration_seconds": ("Seconds a sync took", SYNC_BUCKETS),
    "sync_full_proxy_rules_duration_seconds": ("Seconds a full sync took", SYNC_BUCKETS),
    "sync_partial_proxy_rules_duration_seconds": ("Seconds a partial sync took", SYNC_BUCKETS),
    "conntrack_reconciler_sync_duration_seconds": (
        "Seconds it took to delete stale UDP entries",
        SYNC_BUCKETS,
    ),
    "network_programming_duration_seconds": (
        "Seconds from a change of a pod to its rules",
        PROGRAMMING_BUCKETS,
    ),
}
GAUGES = {
    "sync_proxy_rules_last_timestamp_seconds": ("When the last sync ended", ()),
    "sync_proxy_rules_last_queued_timestamp_seconds": ("When the last sync was asked for", ()),
    "sync_proxy_rules_endpoint_changes_pending": ("EndpointSlice changes that wait for a sync", ()),
    "sync_proxy_rules_service_changes_pending": ("Service changes that wait for a sync", ()),
    "sync_proxy_rules_iptables_total": ("iptables rules there are", ("table",)),
    "sync_proxy_rules_iptables_last": ("iptables rules written by the last sync", ("table",)),
    "sync_proxy_rules_no_local_endpoints_total": (
        "Service ports of policy Local, none here",
        ("traffic_policy",),
    ),
}
COUNTERS = {
    "sync_proxy_rules_endpoint_changes_total": "EndpointSlice changes seen",
    "sync_proxy_rules_service_changes_total": "Service changes seen",
    "sync_proxy_rules_iptables_restore_failures_total": "Syncs that iptables-restore refused",
    "sync_proxy_rules_iptables_partial_restore_failures_total": "Partial syncs that iptables-restore refused",
    "sync_proxy_rules_nftables_sync_failures_total": "Syncs that nftables refused",
    "sync_proxy_rules_nftables_cleanup_failures_total": "Deletions of stale chains that nftables refused",
    "conntrack_reconciler_deleted_entries_total": "Stale UDP entries of connection tracking deleted",
}
ANSWERS = {
    "proxy_healthz_total": "Answers of /healthz, by code",
    "proxy_livez_total": "Answers of /livez, by code",
}
PACKETS = {
    INVALID_DROPPED: (
        "iptables_ct_state_invalid_dropped_packets",
        "Packets dropped since conntrack has no sense of them",
    ),
    LOCALHOST_ACCEPTED: (
        "iptables_localhost_nodeports_accepted_packets",
        "Packets accepted for NodePorts on 127.0.0.1",
    ),
}
"""What the kernel counts by itself: the counter's name → the metric's and its text."""
FAMILY = ("ip_family",)
FAILURES = {"nftables": (("nftables_sync",), ("nftables_sync",))}
"""What is counted when a sync of a mode fails: a full one, a partial one."""
RESTORE_FAILURES = (("iptables_restore",), ("iptables_restore", "iptables_partial_restore"))
"""The same for the modes that write iptables rules."""


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync that succeeded: what it did, its seconds, and when the changes it wrote had happened."""

    result: Result
    seconds: float
    triggers: list[datetime]


class KernelCounters(Collector):
    """Asks the kernel when somebody asks us; a counter that is not there is no metric, not a zero."""

    def __init__(self, counters: PacketCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """A metric for each counter that there is."""
        for counter, (name, text) in PACKETS.items():
            packets = self._counters.packets(counter)
            if packets is not None:
                yield CounterMetricFamily(PREFIX + name, text, value=packets)


class Metrics:
    """All metrics of one kube-proxy."""

    def __init__(self, counters: PacketCounters = NO_COUNTERS) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the real one has no _created series
        self.registry = registry = CollectorRegistry()
        registry.register(KernelCounters(counters))
        self._histograms = {
            name: Histogram(PREFIX + name, text, FAMILY, registry=registry, buckets=buckets)
            for name, (text, buckets) in HISTOGRAMS.items()
        }
        self._gauges = {name: Gauge(PREFIX + name, text, (*labels, *FAMILY), registry=registry)
                        for name, (text, labels) in GAUGES.items()}  # fmt: skip
        self._counters = self._make_counters(COUNTERS, FAMILY)
        self._answers = self._make_counters(ANSWERS, ("code",))

    def _make_counters(self, table: Mapping[str, str], labels: tuple[str, ...]) -> dict[str, Counter]:
        return {
            name: Counter(PREFIX + name, text, labels, registry=self.registry) for name, text in table.items()
        }

    def text(self) -> bytes:
        """What /metrics answers."""
        return generate_latest(self.registry)

    def _set(self, name: str, family: Family, value: float, **labels: str) -> None:
        self._gauges[name].labels(ip_family=family.value, **labels).set(value)

    def changed(self, family: Family, what: str, pending: int) -> None:
        """A change of an endpoint or a service was seen; so many are pending."""
        self._counters[f"sync_proxy_rules_{what}_changes_total"].labels(family.value).inc()
        self._set(f"sync_proxy_rules_{what}_changes_pending", family, pending)

    def queued(self, family: Family) -> None:
        """A sync was asked for."""
        self._set("sync_proxy_rules_last_queued_timestamp_seconds", family, time.time())

    def failed(self, family: Family, mode: str, *, partial: bool) -> None:
        """A sync of this mode failed."""
        for kind in FAILURES.get(mode, RESTORE_FAILURES)[partial]:
            self._counters[f"sync_proxy_rules_{kind}_failures_total"].labels(family.value).inc()

    def synced(self, state: ProxyState, sync: Sync) -> None:
        """A sync succeeded."""
        family, now = state.family, time.time()
        self._counters["sync_proxy_rules_nftables_cleanup_failures_total"].labels(family.value).inc(
            sync.result.cleanup_failed
        )
        for kind in ("", "full_" if sync.result.full else "partial_"):
            self._histograms[f"sync_{kind}proxy_rules_duration_seconds"].labels(family.value).observe(
                sync.seconds
            )
        programming = self._histograms["network_programming_duration_seconds"].labels(family.value)
        for when in sync.triggers:
            programming.observe(now - when.timestamp())
        self._set("sync_proxy_rules_last_timestamp_seconds", family, now)
        for what in ("endpoint", "service"):
            self._set(f"sync_proxy_rules_{what}_changes_pending", family, 0)
        for name, label, values in (
            ("iptables_total", "table", sync.result.rules),
            ("iptables_last", "table", sync.result.last),
            ("no_local_endpoints_total", "traffic_policy", without_local(state)),
        ):
            for key, value in values.items():
                self._set(f"sync_proxy_rules_{name}", family, value, **{label: key})

    def deleted_flows(self, family: Family, entries: int, seconds: float) -> None:
        """Stale entries of connection tracking were deleted, so many in so many seconds."""
        self._histograms["conntrack_reconciler_sync_duration_seconds"].labels(family.value).observe(seconds)
        self._counters["conntrack_reconciler_deleted_entries_total"].labels(family.value).inc(entries)

    def answered(self, path: str, code: int) -> None:
        """/healthz or /livez answered."""
        self._answers[f"proxy_{path.strip('/')}_total"].labels(str(code)).inc()
