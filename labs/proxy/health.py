"""Whether this proxy keeps up, and whether this node has endpoints: what probes and load balancers ask.

A proxy is healthy while no change waits for longer than twice the sync period. A node that is about to
be deleted is not eligible for new connections, though its proxy is well: /healthz, which balancers ask,
says 503, and /livez, which the kubelet asks, 200.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labs.proxy.state import Family, ProxyState

DELETION_TAINT = "ToBeDeletedByClusterAutoscaler"
NEVER = "0001-01-01T00:00:00Z"
"""How Go, and so the real one, writes the time of a sync that has not been."""

Answer = tuple[int, dict[str, Any], dict[str, str]]
"""Status code, JSON, headers."""


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """What is asked at a healthCheckNodePort: ready endpoints of one Service on this node."""

    namespace: str
    name: str
    port: int
    local_endpoints: int


class ProxyHealth:
    """The proxy's own health, over both IP families, and that of the Services it is asked about."""

    def __init__(self, period: float, clock: Callable[[], float] = time.time) -> None:
        self.node_eligible = True
        self._timeout = 2 * period
        self._clock = clock
        self._waiting: dict[Family, float] = {}  # since when the oldest change waits
        self._synced: dict[Family, float] = {}
        self._checks: dict[Family, tuple[ServiceCheck, ...]] = {}

    def queued(self, family: Family) -> None:
        """A change waits to be synced."""
        self._waiting.setdefault(family, self._clock())

    def synced(self, state: ProxyState) -> None:
        """The kernel agrees with this state."""
        self._waiting.pop(state.family, None)
        self._synced[state.family] = self._clock()
        self._checks[state.family] = service_checks(state)

    @property
    def healthy(self) -> bool:
        """Whether no change waits for too long."""
        return all(map(self._keeps_up, self._waiting))

    def _keeps_up(self, family: Family) -> bool:
        return self._clock() - self._waiting.get(family, self._clock()) < self._timeout

    @property
    def checks(self) -> Mapping[int, ServiceCheck]:
        """The healthCheckNodePorts to serve; the endpoints of both families count together."""
        found: dict[int, ServiceCheck] = {}
        for check in (check for checks in self._checks.values() for check in checks):
            same = found.get(check.port, check)
            more = check.local_endpoints + (same.local_endpoints if same is not check else 0)
            found[check.port] = ServiceCheck(check.namespace, check.name, check.port, more)
        return found

    def healthz(self) -> Answer:
        """For load balancers: new connections are welcome here."""
        return self._answer(self.healthy and self.node_eligible, {"nodeEligible": self.node_eligible})

    def livez(self) -> Answer:
        """For the kubelet: no restart needed."""
        return self._answer(self.healthy, {})

    def _answer(self, good: bool, more: dict[str, Any]) -> Answer:
        """A good answer is always updated just now, as it was before the families were told apart."""
        now = self._clock()
        last = now if good else max(self._synced.values(), default=None)
        body = {
            "lastUpdated": NEVER if last is None else _time(last),
            "currentTime": _time(now),
            **more,
            "healthy": self.healthy,
            "status": {
                family.value: {"lastUpdated": _time(when), "healthy": self._keeps_up(family)}
                for family, when in self._synced.items()
            },
        }
        return (200 if good else 503), body, {}

    def service(self, port: int) -> Answer:
        """For the load balancer of one Service: connections to it are welcome here."""
        check = self.checks.get(port)
        if check is None:  # the Service has just gone, its server is about to
            return 503, {}, {}
        body = {
            "service": {"namespace": check.namespace, "name": check.name},
            "localEndpoints": check.local_endpoints,
            "serviceProxyHealthy": self.healthy,
        }
        code = 200 if check.local_endpoints and self.healthy else 503
        return code, body, {"X-Load-Balancing-Endpoint-Weight": str(check.local_endpoints)}


def service_checks(state: ProxyState) -> tuple[ServiceCheck, ...]:
    """The Services with a healthCheckNodePort; their ports share it, and an address counts once."""
    local: dict[tuple[str, str, int], set[str]] = {}
    for service in state.services.values():
        if service.health_check_node_port:
            at = (service.name.namespace, service.name.name, service.health_check_node_port)
            here = (end.ip for end in state.endpoints_of(service.name) if end.ready and end.local)
            local.setdefault(at, set()).update(here)
    return tuple(ServiceCheck(*at, len(ips)) for at, ips in sorted(local.items()))


def eligible(node: dict[str, Any] | None) -> bool:
    """Whether this Node object may get new connections; one that is not known (yet) may."""
    if node is None:
        return True
    taints = node.get("spec", {}).get("taints") or ()
    return not node["metadata"].get("deletionTimestamp") and all(
        taint["key"] != DELETION_TAINT for taint in taints
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
