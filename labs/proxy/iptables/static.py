"""The chains that every node has, whatever its Services, and the jumps that lead into them."""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.counters import INVALID_DROPPED
from labs.proxy.iptables.counting import counted
from labs.proxy.iptables.options import Options
from labs.proxy.mode import Owned
from labs.proxy.netfilter import masquerade
from labs.proxy.netfilter.jumps import NEW, Jump
from labs.proxy.netfilter.masquerade import MARK_MASQ, POSTROUTING
from labs.proxy.netfilter.ruleset import TABLES, rule

SERVICES = "KUBE-SERVICES"
NODE_PORTS = "KUBE-NODEPORTS"
EXTERNAL_SERVICES = "KUBE-EXTERNAL-SERVICES"
PROXY_FIREWALL = "KUBE-PROXY-FIREWALL"
FORWARD = "KUBE-FORWARD"
LOCALNET_FIREWALL = "KUBE-FIREWALL"
CANARY = "KUBE-PROXY-CANARY"

CHAINS: dict[str, tuple[str, ...]] = {
    "filter": (SERVICES, EXTERNAL_SERVICES, FORWARD, NODE_PORTS, PROXY_FIREWALL),
    "nat": (SERVICES, NODE_PORTS, POSTROUTING, MARK_MASQ),
    "mangle": (),
}
"""Always there; KUBE-FIREWALL joins them on nodes that serve NodePorts on localhost."""

JUMPS = (
    Jump("filter", "INPUT", EXTERNAL_SERVICES, "kubernetes externally-visible service portals", NEW),
    Jump("filter", "FORWARD", EXTERNAL_SERVICES, "kubernetes externally-visible service portals", NEW),
    Jump("filter", "INPUT", NODE_PORTS, "kubernetes health check service ports"),
    Jump("filter", "FORWARD", SERVICES, "kubernetes service portals", NEW),
    Jump("filter", "OUTPUT", SERVICES, "kubernetes service portals", NEW),
    Jump("filter", "FORWARD", FORWARD, "kubernetes forwarding rules"),
    Jump("filter", "INPUT", PROXY_FIREWALL, "kubernetes load balancer firewall", NEW),
    Jump("filter", "OUTPUT", PROXY_FIREWALL, "kubernetes load balancer firewall", NEW),
    Jump("filter", "FORWARD", PROXY_FIREWALL, "kubernetes load balancer firewall", NEW),
    Jump("nat", "OUTPUT", SERVICES, "kubernetes service portals"),
    Jump("nat", "PREROUTING", SERVICES, "kubernetes service portals"),
    Jump("nat", "POSTROUTING", POSTROUTING, "kubernetes postrouting rules"),
)
"""In the order of ensuring. Each is put first with -I, so a chain holds them in the reverse order."""

LOCALNET_JUMPS = (Jump("filter", "INPUT", LOCALNET_FIREWALL), Jump("filter", "OUTPUT", LOCALNET_FIREWALL))


def jumps(options: Options) -> tuple[Jump, ...]:
    """The jumps of a node with these options."""
    return JUMPS + (LOCALNET_JUMPS if options.serves_localhost else ())


def owned(options: Options) -> Owned:
    """Chains and jumps that must stay when another mode cleans up."""
    fixed = {(table, chain) for table, chains in CHAINS.items() for chain in chains}
    canary = {(table, CANARY) for table in TABLES}
    localnet = {("filter", LOCALNET_FIREWALL)} if options.serves_localhost else set()
    return Owned(frozenset(fixed | canary | localnet), frozenset((j.table, j.rule) for j in jumps(options)))


def static_rules(options: Options) -> Iterator[tuple[str, str, str]]:
    """(table, chain, rule) of the chains that do not depend on any Service."""
    for chain, rules in (
        (LOCALNET_FIREWALL, localnet_firewall(options)),
        (FORWARD, forward(options)),
    ):
        yield from (("filter", chain, rule) for rule in rules)
    for chain, rules in (
        (POSTROUTING, masquerade.postrouting(options.mark, random_fully=options.random_fully)),
        (MARK_MASQ, masquerade.mark_masq(options.mark)),
    ):
        yield from (("nat", chain, rule) for rule in rules)


def localnet_firewall(options: Options) -> tuple[str, ...]:
    """route_localnet, which localhost NodePorts need, lets neighbours reach 127.0.0.1: CVE-2020-8558."""
    if not options.serves_localhost:
        return ()
    match = "-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT"
    return (rule("block incoming localnet connections", match, "-j DROP"),)


def forward(options: Options) -> tuple[str, ...]:
    """What conntrack finds invalid would leave untranslated and reset the connection: kubernetes#74839."""
    counter = counted(INVALID_DROPPED) if INVALID_DROPPED in options.counters else ""
    invalid = (
        (rule("", "-m conntrack --ctstate INVALID", counter, "-j DROP"),) if options.drop_invalid else ()
    )
    return (*invalid, *masquerade.forward(options.mark))


def node_port_dispatch(options: Options) -> tuple[str, ...]:
    """The end of KUBE-SERVICES: what is addressed to the node itself may be a NodePort."""
    text = "kubernetes service nodeports; NOTE: this must be the last rule in this chain"
    jump = f"-j {NODE_PORTS}"
    if options.node_port_addresses is not None:
        return tuple(rule(text, f"-d {ip}", jump) for ip in options.node_port_addresses)
    spared = "" if options.serves_localhost else f"! -d {options.family.loopback}"
    return (rule(text, "-m addrtype --dst-type LOCAL", spared, jump),)


def canaries() -> dict[str, str]:
    """An empty chain a table: nobody needs it, so if it is gone somebody has flushed the table."""
    return dict.fromkeys(TABLES, CANARY)
