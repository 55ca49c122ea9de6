"""One Service port's share: what it wants of the ipsets, of IPVS, of kube-ipvs0 and of the rules.

Pure. In the order of the ways that lead to a Service: its ClusterIP, external IPs, the load balancer's,
the node port.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from labs.proxy.addresses import contains
from labs.proxy.ipvs import sets
from labs.proxy.ipvs.options import Options
from labs.proxy.ipvs.servers import WEIGHT, RealKey, Served, ServerKey, virtual_server
from labs.proxy.policy import Choice, choose
from labs.proxy.state import Endpoint, ProxyState, ServicePort, ServicePortName


class Entry(NamedTuple):
    """A member of an ipset."""

    set: str
    member: str


class Barred(NamedTuple):
    """A load balancer's address that the node itself may not use: no source range covers the node."""

    ip: str
    protocol: str
    port: int


@dataclass(slots=True)
class Share:
    """What one Service port wants."""

    entries: dict[Entry, bool] = field(default_factory=dict)
    servers: dict[ServerKey, Served] = field(default_factory=dict)
    addresses: dict[str, bool] = field(default_factory=dict)
    barred: dict[Barred, bool] = field(default_factory=dict)


def share_of(state: ProxyState, name: ServicePortName, options: Options) -> Share:
    """The share of this Service port."""
    service, endpoints = state.services[name], state.endpoints_of(name)
    writer = _Writer(service, choose(service, endpoints, state.node), options)
    writer.loop_back(endpoints)
    writer.cluster_ip()
    writer.external_ips()
    writer.load_balancer(state.node.address)
    writer.node_port()
    writer.health_check()
    return writer.share


class _Writer:
    """Fills one share."""

    def __init__(self, service: ServicePort, choice: Choice, options: Options) -> None:
        self.share = Share()
        self._service, self._options = service, options
        self._cluster = _reals(choice.cluster)
        self._local = _reals(choice.local) or self._cluster

    def loop_back(self, endpoints: Iterable[Endpoint]) -> None:
        """A local endpoint that reaches itself must see another source, or it would answer itself."""
        for endpoint in endpoints:
            if endpoint.local:
                self._enter(sets.LOOP_BACK, f"{self._to(endpoint.ip, endpoint.port)},{endpoint.ip}")

    def cluster_ip(self) -> None:
        """Always bound: an address that no interface has would be routed away instead of served."""
        service = self._service
        self._enter(sets.CLUSTER_IP, self._to(service.cluster_ip, service.port))
        self._serve(service.cluster_ip, service.port, local=service.internal_local)
        self._bind(service.cluster_ip)

    def external_ips(self) -> None:
        """Addresses that somebody else routes to this node."""
        service = self._service
        kind = sets.EXTERNAL_IP_LOCAL if service.external_local else sets.EXTERNAL_IP
        for ip in service.external_ips:
            self._enter(kind, self._to(ip, service.port))
            self._serve_and_bind(ip)

    def load_balancer(self, node_address: str) -> None:
        """The load balancer's addresses, and who may use them."""
        service = self._service
        for ip in service.load_balancer_ips:
            to = self._to(ip, service.port)
            self._enter(sets.LOAD_BALANCER, to)
            if service.external_local:
                self._enter(sets.LOAD_BALANCER_LOCAL, to)
            if service.source_ranges:
                self._firewall(ip, to, node_address)
            self._serve_and_bind(ip)

    def _firewall(self, ip: str, to: str, node_address: str) -> None:
        service = self._service
        self._enter(sets.LOAD_BALANCER_FW, to)
        for cidr in service.source_ranges:
            for network in sets.networks(cidr):
                self._enter(sets.SOURCE_CIDR, f"{to},{network}")
        if any(contains(cidr, node_address) for cidr in service.source_ranges):
            self._enter(sets.SOURCE_IP, f"{to},{ip}")  # the node's own packets have the address they ask
        else:
            self.share.barred[Barred(ip, service.protocol, service.port)] = True

    def node_port(self) -> None:
        """The port on each of the node's addresses; the node has them, so none is bound."""
        service, addresses = self._service, self._options.node_port_addresses
        if not (service.node_port and addresses):
            return
        members = [str(service.node_port)]
        if service.protocol == "sctp":  # no bitmap of SCTP ports: their set knows addresses
            members = [self._to(ip, service.node_port) for ip in addresses]
        for member in members:
            self._enter(sets.NODE_PORT[service.protocol], member)
            if service.external_local:
                self._enter(sets.NODE_PORT_LOCAL[service.protocol], member)
        for ip in addresses:
            self._serve(ip, service.node_port, local=service.external_local)

    def health_check(self) -> None:
        """Where the load balancer asks whether this node has endpoints."""
        if port := self._service.health_check_node_port:
            self._enter(sets.HEALTH_CHECK, str(port))

    def _to(self, ip: str, port: int) -> str:
        return f"{ip},{self._service.protocol}:{port}"

    def _enter(self, name: str, member: str) -> None:
        self.share.entries[Entry(name, member)] = True

    def _serve_and_bind(self, ip: str) -> None:
        self._serve(ip, self._service.port, local=self._service.external_local)
        if ip not in self._options.local_addresses:
            self._bind(ip)

    def _serve(self, ip: str, port: int, *, local: bool) -> None:
        """A virtual server. Policy Local without local endpoints falls back to those of all nodes.

        The other modes drop that; here pods of this node can still use the Service, and for clients from
        outside it fails all the same: the answer would come from the endpoint's own address.
        https://github.com/kubernetes/kubernetes/pull/97081
        """
        key = ServerKey(self._service.protocol, ip, port)
        server = virtual_server(key, self._options.scheduler, self._service.affinity_seconds)
        self.share.servers[key] = Served(server, self._local if local else self._cluster)

    def _bind(self, ip: str) -> None:
        self.share.addresses[ip] = True
        self._enter(sets.IPVS_IPS, ip)


def _reals(endpoints: Iterable[Endpoint]) -> dict[RealKey, int]:
    return {RealKey(endpoint.ip, endpoint.port): WEIGHT for endpoint in endpoints}
