"""What the proxy knows: Services, endpoints and the node, as plain facts of one IP family.

Nothing here knows how a Service is made to work; every mode reads the same facts. All of it is
immutable: a mode may keep what it computed for a Service and compare facts by identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Family(Enum):
    """An IP family; the values are those of ``ipFamily`` in the API and of the metrics' label."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"

    @property
    def loopback(self) -> str:
        """The addresses of the loopback device, as a CIDR."""
        return "127.0.0.0/8" if self is Family.IPV4 else "::1/128"


class ServicePortName(NamedTuple):
    """The name by which kube-proxy knows one port of one Service."""

    namespace: str
    name: str
    port: str = ""
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of one Service. ``affinity_seconds`` is 0 without ClientIP affinity."""

    name: ServicePortName
    cluster_ip: str
    port: int
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()  # only those with ipMode VIP
    source_ranges: tuple[str, ...] = ()
    affinity_seconds: int = 0
    internal_local: bool = False
    external_local: bool = False
    health_check_node_port: int = 0

    @property
    def protocol(self) -> str:
        """The protocol in the kernel tools' spelling: tcp, udp or sctp."""
        return self.name.protocol.lower()

    @property
    def externally_accessible(self) -> bool:
        """Whether anything but the ClusterIP leads to it."""
        return bool(self.node_port or self.external_ips or self.load_balancer_ips)

    @property
    def uses_cluster_endpoints(self) -> bool:
        """Whether some of its traffic may go to any node's endpoints."""
        return not self.internal_local or self.externally_accessible

    @property
    def uses_local_endpoints(self) -> bool:
        """Whether some of its traffic may only go to this node's endpoints."""
        return self.internal_local or (self.external_local and self.externally_accessible)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port behind a Service port, with the conditions of its EndpointSlice."""

    ip: str
    port: int
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    local: bool = False
    zone_hints: frozenset[str] = frozenset()
    node_hints: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True)
class Node:
    """The node the proxy runs on; ``address`` is its own address of this IP family, or empty."""

    name: str
    address: str = ""
    zone: str = ""
    pod_cidr: str = ""


@dataclass(frozen=True, slots=True)
class ProxyState:
    """All facts of one IP family at one moment.

    ``endpoints`` are in the string order of ip:port; ``service_cidrs``, where ClusterIPs come from, is
    empty if the API does not tell.
    """

    family: Family
    node: Node
    services: Mapping[ServicePortName, ServicePort] = field(default_factory=dict)
    endpoints: Mapping[ServicePortName, tuple[Endpoint, ...]] = field(default_factory=dict)
    service_cidrs: tuple[str, ...] = ()

    def endpoints_of(self, name: ServicePortName) -> tuple[Endpoint, ...]:
        """All endpoints of a Service port, ready or not."""
        return self.endpoints.get(name, ())


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs from the state of the sync before; ``everything`` asks for a full sync."""

    names: frozenset[ServicePortName] = frozenset()
    everything: bool = False
