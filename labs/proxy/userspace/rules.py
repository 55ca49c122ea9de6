"""Facts in, a whole ruleset out: where packets for a Service port are sent to the port the proxy listens on.

A portal is an address and a port of a Service. What comes from elsewhere is redirected; the node's own
packets, which pass another hook, are translated to the node's address, because REDIRECT would send them
to 127.0.0.1 and the answer would come from somewhere else. Nothing here touches the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from labs.proxy.localdetector import LocalDetector
from labs.proxy.netfilter.masquerade import from_pod
from labs.proxy.netfilter.ruleset import Ruleset, chains_of, rule
from labs.proxy.state import Family, ServicePort, ServicePortName
from labs.proxy.userspace import chains
from labs.proxy.userspace.chains import LOCAL

ANY = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}

FROM_ELSEWHERE = "-m physdev ! --physdev-is-in"
"""Not from a pod behind a bridge: those are left to the cloud's load balancer."""

NO_DETECTOR = LocalDetector()


@dataclass(frozen=True, slots=True)
class Options:
    """What the rules depend on beside Services and ports.

    ``listen_ip`` is where the proxy listens, ``host_ip`` the address of the node at which it is reached
    (empty if not known yet: then the node's own packets find no portal). ``node_port_addresses`` None means
    every local one.
    """

    listen_ip: str
    host_ip: str
    detector: LocalDetector = NO_DETECTOR
    node_port_addresses: tuple[str, ...] | None = None

    @property
    def from_pod(self) -> str | None:
        """The match for packets that go by the chain for pods; None where it is not used."""
        return None if self.bound or not self.host_ip else from_pod(self.detector)

    @property
    def bound(self) -> bool:
        """Whether the proxy listens on one address only."""
        return self.listen_ip not in ANY.values()


@dataclass(frozen=True, slots=True)
class Portals:
    """One Service port and the port that the proxy listens on for it."""

    service: ServicePort
    port: int
    options: Options

    def match(self, port: int, *more: str) -> tuple[str, ...]:
        """The Service's name, and packets to this port."""
        protocol = self.service.protocol
        return f"-p {protocol} -m {protocol} --dport {port}", *more

    def rule(self, *arguments: str) -> str:
        """A rule with the Service's name."""
        return rule(str(self.service.name), *arguments)

    @property
    def redirect(self) -> str:
        """To the proxy, for packets that come in."""
        if self.options.bound:
            return f"-j DNAT --to-destination {_joined(self.options.listen_ip, self.port)}"
        return f"-j REDIRECT --to-ports {self.port}"

    @property
    def translate(self) -> str:
        """To the proxy, for the node's own packets and those of pods."""
        return f"-j DNAT --to-destination {_joined(self.options.host_ip, self.port)}"


Placed = Iterator[tuple[str, str, str]]
"""(table, chain, rule)"""


def _joined(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def rules(
    services: Mapping[ServicePortName, ServicePort], ports: Mapping[ServicePortName, int], options: Options
) -> Ruleset:
    """The whole ruleset; a Service port on which the proxy does not listen has no rules."""
    ruleset = Ruleset()
    written: dict[str, list[tuple[str, str]]] = {"nat": [], "filter": []}
    for table, names in chains.CHAINS.items():
        ruleset[table].update(dict.fromkeys(names, ()))
    portals = [Portals(services[name], ports[name], options) for name in sorted(ports) if name in services]
    for part in (cluster_ip, external_ips, node_port, non_local):  # NodePorts last: see chains
        for table, chain, found in (placed for each in portals for placed in part(each)):
            written[table].append((chain, found))
    for table, pairs in written.items():
        ruleset[table].update(chains_of(pairs))
    return ruleset


def cluster_ip(portals: Portals) -> Placed:
    """The Service's own address."""
    service = portals.service
    to = portals.match(service.port, f"-d {service.cluster_ip}")
    yield from _from_pods(portals, *to)
    yield "nat", chains.PORTALS_CONTAINER, portals.rule(*to, portals.redirect)
    yield from _from_host(portals, chains.PORTALS_HOST, *to)


def external_ips(portals: Portals) -> Placed:
    """External and load balancers' addresses. The node asks elsewhere for them, if they are not its own."""
    service = portals.service
    for ip in (*service.external_ips, *service.load_balancer_ips):
        to = portals.match(service.port, f"-d {ip}")
        yield from _from_pods(portals, *to)
        for whose in (FROM_ELSEWHERE, LOCAL):
            yield "nat", chains.PORTALS_CONTAINER, portals.rule(*to, whose, portals.redirect)
        yield from _from_host(portals, chains.PORTALS_HOST, *to, LOCAL)


def node_port(portals: Portals) -> Placed:
    """The NodePort, on every address of the node or on those that nodePortAddresses names."""
    service, only = portals.service, portals.options.node_port_addresses
    addresses = [""] if only is None else [f"-d {ip}" for ip in only]
    for at in addresses if service.node_port else ():
        to = portals.match(service.node_port, at)
        yield from _from_pods(portals, *to, LOCAL)
        yield "nat", chains.NODE_PORT_CONTAINER, portals.rule(*to, portals.redirect)
        yield from _from_host(portals, chains.NODE_PORT_HOST, *to)


def _from_pods(portals: Portals, *to: str) -> Placed:
    if portals.options.from_pod is not None:
        yield "nat", chains.PORTALS_POD, portals.rule(*to, portals.translate)


def _from_host(portals: Portals, chain: str, *to: str) -> Placed:
    if portals.options.host_ip:
        yield "nat", chain, portals.rule(*to, portals.translate)


def non_local(portals: Portals) -> Placed:
    """Where a firewall denies by default, what was redirected for a NodePort is let in."""
    if portals.service.node_port:
        accept = portals.rule(*portals.match(portals.port), "-m state --state NEW", "-j ACCEPT")
        yield "filter", chains.NODE_PORT_NON_LOCAL, accept
