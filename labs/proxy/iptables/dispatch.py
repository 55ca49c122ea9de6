"""One Service port's rules in the chains that all Services share.

They know the packet by its destination and send it to the Service's own chains, or, where no endpoint
is left for it, refuse it. The order is that of KUBE-SERVICES: ClusterIP, external IPs, load balancer;
then KUBE-NODEPORTS.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.counters import LOCALHOST_ACCEPTED
from labs.proxy.iptables import names, static
from labs.proxy.iptables.counting import counted
from labs.proxy.iptables.subject import Subject
from labs.proxy.netfilter.ruleset import rule

Placed = Iterator[tuple[str, str, str]]
"""(table, chain, rule)"""


def dispatch(subject: Subject) -> Placed:
    """All of them."""
    for part in (cluster_ip, external_ips, load_balancer_ips, node_port, health_check_node_port):
        yield from part(subject)


def cluster_ip(subject: Subject) -> Placed:
    """What pods and nodes ask for."""
    to = subject.to(subject.service.cluster_ip)
    if subject.has_internal:
        jump = f"-j {subject.internal_chain}"
        yield "nat", static.SERVICES, rule(f"{subject.name} cluster IP", to, jump)
    else:
        text, target = subject.refusal
        yield "filter", static.SERVICES, rule(text, to, f"-j {target}")


def external_ips(subject: Subject) -> Placed:
    """Addresses that somebody else routes to this node."""
    jump = f"-j {subject.chain(names.EXTERNAL)}"
    for ip in subject.service.external_ips:
        if subject.choice.any_usable:
            yield "nat", static.SERVICES, rule(f"{subject.name} external IP", subject.to(ip), jump)
        yield from refuse_external(subject, subject.to(ip))


def load_balancer_ips(subject: Subject) -> Placed:
    """Addresses of the load balancer; pods' packets for them never leave the node."""
    chain = subject.chain(names.FIREWALL if subject.firewalled else names.EXTERNAL)
    for ip in subject.service.load_balancer_ips:
        to = subject.to(ip)
        if subject.choice.any_usable:
            yield "nat", static.SERVICES, rule(f"{subject.name} loadbalancer IP", to, f"-j {chain}")
        if subject.firewalled:
            text = f"{subject.name} traffic not accepted by {chain}"
            yield "filter", static.PROXY_FIREWALL, rule(text, to, "-j DROP")
        yield from refuse_external(subject, to)


def node_port(subject: Subject) -> Placed:
    """The port on every node; source ranges do not apply to it, and users have come to rely on that."""
    port, name = subject.service.node_port, str(subject.name)
    if not port:
        return
    jump = f"-j {subject.chain(names.EXTERNAL)}"
    if subject.choice.any_usable:
        if subject.options.serves_localhost and LOCALHOST_ACCEPTED in subject.options.counters:
            to = f"-d 127.0.0.0/8 --dport {port}"
            yield (
                "nat",
                static.NODE_PORTS,
                rule(name, subject.protocol, to, counted(LOCALHOST_ACCEPTED), jump),
            )
        yield "nat", static.NODE_PORTS, rule(name, subject.protocol, f"--dport {port}", jump)
    yield from refuse_external(subject, f"-m addrtype --dst-type LOCAL {subject.protocol} --dport {port}")


def refuse_external(subject: Subject, match: str) -> Placed:
    """Refuse traffic from outside that finds no endpoint."""
    if not subject.has_external:
        text, target = subject.refusal
        yield "filter", static.EXTERNAL_SERVICES, rule(text, match, f"-j {target}")


def health_check_node_port(subject: Subject) -> Placed:
    """Let the load balancer ask whether this node has endpoints."""
    if port := subject.service.health_check_node_port:
        text = f"{subject.name} health check node port"
        yield "filter", static.NODE_PORTS, rule(text, f"-m tcp -p tcp --dport {port} -j ACCEPT")
