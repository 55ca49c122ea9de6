"""One Service port's elements in the sets and maps that all Services share.

They know the packet by its destination and send it to the Service's own chains, or, where no endpoint is
left for it, refuse it. However many Services there are, a packet costs one look-up.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.nftables import names
from labs.proxy.nftables.fixed import (
    CLUSTER_IPS,
    FIREWALL_IPS,
    HAIRPINS,
    NO_ENDPOINT_NODE_PORTS,
    NO_ENDPOINT_SERVICES,
    SERVICE_IPS,
    SERVICE_NODE_PORTS,
)
from labs.proxy.nftables.objects import Element
from labs.proxy.nftables.subject import Subject

Placed = Iterator[tuple[str, str, Element]]
"""(set, key, element)"""


def dispatch(subject: Subject) -> Placed:
    """All of them."""
    for part in (cluster_ip, external_ips, load_balancer_ips, node_port, hairpins):
        yield from part(subject)


def cluster_ip(subject: Subject) -> Placed:
    """What pods and nodes ask for."""
    address = subject.service.cluster_ip
    yield CLUSTER_IPS, address, Element()
    if subject.has_internal:
        yield SERVICE_IPS, subject.key(address), Element(f"goto {subject.internal_chain}")
    else:
        yield NO_ENDPOINT_SERVICES, subject.key(address), subject.refusal


def external_ips(subject: Subject) -> Placed:
    """Addresses that somebody else routes to this node."""
    for ip in subject.service.external_ips:
        yield from _from_outside(subject, subject.key(ip))


def load_balancer_ips(subject: Subject) -> Placed:
    """Addresses of the load balancer; pods' packets for them never leave the node."""
    for ip in subject.service.load_balancer_ips:
        if subject.firewalled:
            yield FIREWALL_IPS, subject.key(ip), subject.goto(names.FIREWALL)
        yield from _from_outside(subject, subject.key(ip))


def _from_outside(subject: Subject, key: str) -> Placed:
    """Both may be there: traffic of this node goes on from the chain that all others fall out of."""
    if subject.choice.any_usable:
        yield SERVICE_IPS, key, subject.goto(names.EXTERNAL)
    if not subject.has_external:
        yield NO_ENDPOINT_SERVICES, key, subject.refusal


def node_port(subject: Subject) -> Placed:
    """The port on every node; source ranges do not apply to it, and users have come to rely on that."""
    service = subject.service
    key = f"{service.protocol} . {service.node_port}"
    if service.node_port and subject.choice.any_usable:
        yield SERVICE_NODE_PORTS, key, subject.goto(names.EXTERNAL)
    if service.node_port and not subject.has_external:
        yield NO_ENDPOINT_NODE_PORTS, key, subject.refusal


def hairpins(subject: Subject) -> Placed:
    """Endpoints of this node may be asked by themselves; others' packets come from elsewhere."""
    for endpoint in subject.choice.reachable:
        if endpoint.local:
            key = f"{endpoint.ip} . {endpoint.ip} . {subject.service.protocol} . {endpoint.port}"
            yield HAIRPINS, key, Element()
