"""The chains, sets and maps that every node has, whatever its Services: tables, and the rules in them.

Filter before nat: ``firewall-check`` must see the address that was asked for, so it runs ten before DNAT;
``service-endpoints-check`` may run after it, since what has no endpoint is not translated.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.nftables.objects import Chain, Element, Set, Table
from labs.proxy.nftables.options import Options
from labs.proxy.state import Family

SERVICES = "services"
SERVICE_ENDPOINTS_CHECK = "service-endpoints-check"
NODE_PORT_ENDPOINTS_CHECK = "nodeport-endpoints-check"
FIREWALL_CHECK = "firewall-check"
CLUSTER_IPS_CHECK = "cluster-ips-check"
REJECT = "reject-chain"
MASQUERADING = "masquerading"

CLUSTER_IPS = "cluster-ips"
NODE_PORT_IPS = "nodeport-ips"
HAIRPINS = "hairpin-connections"
SERVICE_IPS = "service-ips"
SERVICE_NODE_PORTS = "service-nodeports"
NO_ENDPOINT_SERVICES = "no-endpoint-services"
NO_ENDPOINT_NODE_PORTS = "no-endpoint-nodeports"
FIREWALL_IPS = "firewall-ips"

NEW = "ct state new "

BASE_CHAINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "filter-prerouting-pre-dnat": (
        "type filter hook prerouting priority -110",
        (f"{NEW}jump {FIREWALL_CHECK}",),
    ),
    "filter-output-pre-dnat": ("type filter hook output priority -110", (f"{NEW}jump {FIREWALL_CHECK}",)),
    "filter-input": (
        "type filter hook input priority 0",
        (f"{NEW}jump {NODE_PORT_ENDPOINTS_CHECK}", f"{NEW}jump {SERVICE_ENDPOINTS_CHECK}"),
    ),
    "filter-forward": (
        "type filter hook forward priority 0",
        (f"{NEW}jump {SERVICE_ENDPOINTS_CHECK}", f"{NEW}jump {CLUSTER_IPS_CHECK}"),
    ),
    "filter-output": (
        "type filter hook output priority 0",
        (f"{NEW}jump {SERVICE_ENDPOINTS_CHECK}", f"{NEW}jump {CLUSTER_IPS_CHECK}"),
    ),
    "nat-prerouting": ("type nat hook prerouting priority -100", (f"jump {SERVICES}",)),
    "nat-output": ("type nat hook output priority -100", (f"jump {SERVICES}",)),
    "nat-postrouting": ("type nat hook postrouting priority 100", (f"jump {MASQUERADING}",)),
}
"""Name → where in the kernel it hangs, its rules."""

REJECT_COMMENT = "helper for @no-endpoint-services / @no-endpoint-nodeports"


def fixed(options: Options, service_cidrs: tuple[str, ...] = ()) -> Table:
    """All of them."""
    return Table(_chains(options, service_cidrs), dict(_sets(options)), _elements(options))


def _chains(options: Options, service_cidrs: tuple[str, ...]) -> dict[str, Chain]:
    base = {name: Chain(rules, hangs) for name, (hangs, rules) in BASE_CHAINS.items()}
    regular = {
        SERVICES: tuple(services(options)),
        SERVICE_ENDPOINTS_CHECK: (f"{by_destination(options)} vmap @{NO_ENDPOINT_SERVICES}",),
        NODE_PORT_ENDPOINTS_CHECK: (f"{to_node(options)} vmap @{NO_ENDPOINT_NODE_PORTS}",),
        FIREWALL_CHECK: (f"{by_destination(options)} vmap @{FIREWALL_IPS}",),
        CLUSTER_IPS_CHECK: tuple(cluster_ips_check(options, service_cidrs)),
        MASQUERADING: tuple(masquerading(options)),
    }
    reject = {REJECT: Chain(("reject",), comment=REJECT_COMMENT)}
    return base | {name: Chain(rules) for name, rules in regular.items()} | reject


def by_destination(options: Options) -> str:
    """What ClusterIPs, external and load balancer's addresses are looked up by."""
    return f"{options.ip} daddr . meta l4proto . th dport"


def to_node(options: Options) -> str:
    """What NodePorts are looked up by, and which of the node's addresses serve them.

    Not loopback ones: only the iptables mode can masquerade 127.0.0.1, and no mode should have to.
    """
    if options.node_port_addresses is not None:
        return f"{options.ip} daddr @{NODE_PORT_IPS} meta l4proto . th dport"
    loopback = "127.0.0.0/8" if options.family is Family.IPV4 else "::1"
    return f"{options.ip} daddr != {loopback} meta l4proto . th dport"


def services(options: Options) -> Iterator[str]:
    """Where every new connection passes: is it for a Service?"""
    masquerade = f"{options.ip} daddr @{CLUSTER_IPS}"
    if options.masquerade_all:
        yield f'{masquerade} {options.masquerade} comment "masquerade all clusterIP traffic"'
    elif elsewhere := options.not_from_pod:
        comment = "masquerade clusterIP traffic from outside cluster"
        yield f'{masquerade} {elsewhere} {options.masquerade} comment "{comment}"'
    yield f"{by_destination(options)} vmap @{SERVICE_IPS}"
    local = "fib daddr type local " if options.node_port_addresses is None else ""
    yield f"{local}{to_node(options)} vmap @{SERVICE_NODE_PORTS}"


def cluster_ips_check(options: Options, service_cidrs: tuple[str, ...]) -> Iterator[str]:
    """What is left of traffic to ClusterIPs after nat found nothing for it."""
    text = "Reject traffic to invalid ports of ClusterIPs"
    yield f'{options.ip} daddr @{CLUSTER_IPS} reject comment "{text}"'
    if service_cidrs:
        inside = f"{options.ip} daddr {{ {' , '.join(service_cidrs)} }}"
        yield f'{inside} drop comment "Drop traffic to unallocated ClusterIPs"'


def masquerading(options: Options) -> Iterator[str]:
    """What is marked (the mark is taken off: on an overlay network a packet may pass here again); hairpins.

    An endpoint that reached itself would answer its own address, past connection tracking.
    """
    marked = f"mark and {options.mark} != 0 mark set mark xor {options.mark}"
    yield f"{marked} masquerade fully-random"
    both = f"{options.ip} saddr . {options.ip} daddr . meta l4proto . th dport"
    yield f"ct status dnat {both} @{HAIRPINS} masquerade fully-random"


def _sets(options: Options) -> Iterator[tuple[str, Set]]:
    address, port = options.address, "inet_proto . inet_service"
    by_address, by_port = f"{address} . {port} : verdict", f"{port} : verdict"
    yield CLUSTER_IPS, Set(address, comment="Active ClusterIPs")
    if options.node_port_addresses is not None:
        yield NODE_PORT_IPS, Set(address, comment="IPs that accept NodePort traffic")
    yield HAIRPINS, Set(f"{address} . {address} . {port}", comment="service hairpin connections")
    for name, type_, comment in (
        (SERVICE_IPS, by_address, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        (SERVICE_NODE_PORTS, by_port, "NodePort traffic"),
        (NO_ENDPOINT_SERVICES, by_address, "vmap to drop or reject packets to services with no endpoints"),
        (
            NO_ENDPOINT_NODE_PORTS,
            by_port,
            "vmap to drop or reject packets to service nodeports with no endpoints",
        ),
        (FIREWALL_IPS, by_address, "destinations that are subject to LoadBalancerSourceRanges"),
    ):
        yield name, Set(type_, comment=comment)


def _elements(options: Options) -> dict[str, dict[str, Element]]:
    if options.node_port_addresses is None:
        return {}
    return {NODE_PORT_IPS: dict.fromkeys(options.node_port_addresses, Element())}
