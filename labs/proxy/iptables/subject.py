"""One Service port and all that its rules depend on."""

from __future__ import annotations

from dataclasses import dataclass

from labs.proxy.iptables import names
from labs.proxy.iptables.options import Options
from labs.proxy.policy import Choice
from labs.proxy.state import Endpoint, ServicePort, ServicePortName


@dataclass(frozen=True, slots=True)
class Subject:
    """What the functions that write rules are given."""

    service: ServicePort
    choice: Choice
    options: Options
    node_address: str
    comments: bool = True  # the repeating ones; large clusters go without, to keep rules short
    base: str = ""  # what its chains' names are made from

    @property
    def name(self) -> ServicePortName:
        """As it stands in comments."""
        return self.service.name

    def chain(self, kind: str) -> str:
        """The Service port's chain of this kind."""
        return kind + names.hashed(self.base)

    def endpoint_chain(self, endpoint: Endpoint) -> str:
        """The chain of one of its endpoints."""
        return names.endpoint_chain(self.base, endpoint)

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
        service = self.service
        return bool(self.choice.any_usable and service.load_balancer_ips and service.source_ranges)

    @property
    def refusal(self) -> tuple[str, str]:
        """(comment, target) for traffic without endpoint: told so if there is none at all, else dropped.

        Dropped, because with policy Local another node may have one and the balancer should try there.
        """
        if not self.choice.any_usable:
            return f"{self.name} has no endpoints", "REJECT"
        return f"{self.name} has no local endpoints", "DROP"

    @property
    def protocol(self) -> str:
        """The match for the Service's protocol, in kube-proxy's order."""
        return f"-m {self.service.protocol} -p {self.service.protocol}"

    def to(self, ip: str) -> str:
        """The match for packets to this address and the Service's port."""
        return f"{self.protocol} -d {ip} --dport {self.service.port}"
