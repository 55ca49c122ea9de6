"""One Service port and all that its objects depend on."""

from __future__ import annotations

from dataclasses import dataclass

from labs.proxy.nftables import names
from labs.proxy.nftables.fixed import REJECT
from labs.proxy.nftables.objects import Element
from labs.proxy.nftables.options import Options
from labs.proxy.policy import Choice
from labs.proxy.state import Endpoint, ServicePort


@dataclass(frozen=True, slots=True)
class Subject:
    """What the functions that write elements and rules are given."""

    service: ServicePort
    choice: Choice
    options: Options
    node_address: str = ""
    base: str = ""  # what the names of its chains have in common

    def chain(self, kind: str) -> str:
        """The Service port's chain of this kind."""
        return kind + self.base

    def endpoint(self, kind: str, endpoint: Endpoint) -> str:
        """The chain or set of this kind of one of its endpoints."""
        return kind + names.endpoint_base(self.service.name, endpoint)

    @property
    def internal_chain(self) -> str:
        """Where traffic to the ClusterIP goes."""
        return self.chain(names.LOCAL_POLICY if self.service.internal_local else names.CLUSTER_POLICY)

    @property
    def has_internal(self) -> bool:
        """Whether traffic to the ClusterIP finds an endpoint."""
        return self.choice.has_internal(self.service)

    @property
    def has_external(self) -> bool:
        """Whether traffic from outside finds an endpoint."""
        return self.choice.has_external(self.service)

    @property
    def firewalled(self) -> bool:
        """Whether the load balancer's traffic passes loadBalancerSourceRanges."""
        return bool(self.service.load_balancer_ips and self.service.source_ranges)

    @property
    def refusal(self) -> Element:
        """The verdict on traffic without endpoint: told so if there is none at all, else dropped.

        Dropped, because with policy Local another node may have one and the balancer should try there.
        """
        verdict = "drop" if self.choice.any_usable else f"goto {REJECT}"
        return Element(verdict, comment=str(self.service.name))

    def goto(self, kind: str) -> Element:
        """The verdict that leads to its chain of this kind."""
        return Element(f"goto {self.chain(kind)}")

    def key(self, ip: str) -> str:
        """The key of packets to this address and the Service's port."""
        return f"{ip} . {self.service.protocol} . {self.service.port}"
