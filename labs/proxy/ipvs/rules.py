"""The iptables half of the mode: which sets have members, in; the rules that ask them, out. Pure.

No rule names a Service. What IPVS does with a packet is decided by its table; the rules say who is
masqueraded, what is let in, and what the addresses on kube-ipvs0 must not be used for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from labs.proxy.ipvs import chains, sets
from labs.proxy.ipvs.options import Options
from labs.proxy.ipvs.share import Barred
from labs.proxy.netfilter.masquerade import (
    MARK_MASQ,
    POSTROUTING,
    forward,
    mark_masq,
    mark_text,
    not_from_pod,
    postrouting,
)
from labs.proxy.netfilter.ruleset import Ruleset

Placed = Iterator[tuple[str, str, str]]
"""(table, chain, rule)"""


class Asking(NamedTuple):
    """A rule that asks a set: where it stands, what it asks about which fields of the packet, the target."""

    table: str
    chain: str
    set: str
    fields: str
    target: str
    protocol: str = ""


def _node_ports() -> Iterator[Asking]:
    for protocol in ("tcp", "udp", "sctp"):
        fields = "dst,dst" if protocol == "sctp" else "dst"
        for kind, target in ((sets.NODE_PORT_LOCAL, "RETURN"), (sets.NODE_PORT, MARK_MASQ)):
            yield Asking("nat", chains.NODE_PORT, kind[protocol], fields, target, protocol)


IF_FILLED: tuple[Asking, ...] = (
    Asking("nat", POSTROUTING, sets.LOOP_BACK, "dst,dst,src", "MASQUERADE"),
    Asking("nat", chains.SERVICES, sets.LOAD_BALANCER, "dst,dst", chains.LOAD_BALANCER),
    Asking("nat", chains.LOAD_BALANCER, sets.LOAD_BALANCER_LOCAL, "dst,dst", "RETURN"),
    *_node_ports(),
    Asking(
        "filter",
        chains.PROXY_FIREWALL,
        sets.LOAD_BALANCER_FW,
        "dst,dst",
        chains.SOURCE_RANGES_FIREWALL,
    ),
    Asking("filter", chains.SOURCE_RANGES_FIREWALL, sets.SOURCE_CIDR, "dst,dst,src", "RETURN"),
    Asking("filter", chains.SOURCE_RANGES_FIREWALL, sets.SOURCE_IP, "dst,dst,src", "RETURN"),
)
"""Written only where their set has members, in this order."""

LET_IN = (sets.LOAD_BALANCER, sets.CLUSTER_IP, sets.EXTERNAL_IP, sets.EXTERNAL_IP_LOCAL)
"""What the addresses on kube-ipvs0 may be asked for; their other ports are the node's, and refused."""


def rules(filled: Collection[str], barred: Iterable[Barred], options: Options) -> Ruleset:
    """The whole ruleset; ``filled`` are the names of the sets that have members."""
    ruleset = Ruleset()
    for table, names in chains.CHAINS.items():
        ruleset[table].update(dict.fromkeys(names, ()))
    for table, chain, text in _placed(filled, barred, options):
        ruleset[table][chain] += (text,)
    return ruleset


def _placed(filled: Collection[str], barred: Iterable[Barred], options: Options) -> Placed:
    """All rules, in the order in which the real one writes them."""
    yield "nat", chains.SERVICES, f"-s {options.family.loopback} -j RETURN"
    for asking in IF_FILLED:
        if asking.set in filled:
            yield _asks(asking, options)
    yield from _cluster_ips(filled, options)
    yield from _external_ips(filled, options)
    yield "nat", chains.SERVICES, f"-m addrtype --dst-type LOCAL -j {chains.NODE_PORT}"
    yield "nat", chains.LOAD_BALANCER, f"-j {MARK_MASQ}"
    yield "filter", chains.SOURCE_RANGES_FIREWALL, "-j DROP"
    yield from _node_barred(barred)
    yield from _accept(filled, options)
    yield from _filter(options)
    yield from _masquerade(options)


def _match(name: str, fields: str, options: Options) -> str:
    return f"-m set --match-set {sets.kernel_name(name, options.family)} {fields}"


def _commented(name: str) -> str:
    return f'-m comment --comment "{sets.SETS[name].comment}"'


def _asks(asking: Asking, options: Options) -> tuple[str, str, str]:
    protocol = f"-p {asking.protocol}" if asking.protocol else ""
    matches = (protocol, _commented(asking.set), _match(asking.set, asking.fields, options))
    return asking.table, asking.chain, " ".join(filter(None, (*matches, f"-j {asking.target}")))


def _cluster_ips(filled: Collection[str], options: Options) -> Placed:
    """Masquerade who is no pod: the answer must come back past this node.

    Where pods cannot be told apart, only what has an address of kube-ipvs0 as its source: the node itself,
    since the kernel takes the address that it asks as the one to ask from.
    """
    if sets.CLUSTER_IP not in filled:
        return
    elsewhere = not_from_pod(options.detector)
    if options.masquerade_all:
        fields, source = "dst,dst", ""
    else:
        fields, source = ("dst,dst", elsewhere) if elsewhere else ("src,dst", "")
    match = (_commented(sets.CLUSTER_IP), _match(sets.CLUSTER_IP, fields, options), source)
    yield "nat", chains.SERVICES, " ".join(filter(None, (*match, f"-j {MARK_MASQ}")))


def _external_ips(filled: Collection[str], options: Options) -> Placed:
    """Serve external IPs to who comes from outside or has routed them here; pods' packets are left alone."""
    for name, masqueraded in ((sets.EXTERNAL_IP, True), (sets.EXTERNAL_IP_LOCAL, False)):
        if name not in filled:
            continue
        match = f"{_commented(name)} {_match(name, 'dst,dst', options)}"
        if masqueraded:
            yield "nat", chains.SERVICES, f"{match} -j {MARK_MASQ}"
        outside = "-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL"
        yield "nat", chains.SERVICES, f"{match} {outside} -j ACCEPT"
        yield "nat", chains.SERVICES, f"{match} -m addrtype --dst-type LOCAL -j ACCEPT"


def _node_barred(barred: Iterable[Barred]) -> Placed:
    """A node outside all source ranges: drop what a real server answers it in the balancer's name."""
    for ip, protocol, port in sorted(barred):
        match = f"-s {ip} -m ipvs --vaddr {ip} --vproto {protocol} --vport {port}"
        yield "filter", chains.IPVS_OUT_FILTER, f"{match} -j DROP"


def _accept(filled: Collection[str], options: Options) -> Placed:
    """Nobody else's nat rule may translate what IPVS is to get."""
    for name in (sets.CLUSTER_IP, sets.LOAD_BALANCER):
        if name in filled:
            yield "nat", chains.SERVICES, f"{_match(name, 'dst,dst', options)} -j ACCEPT"


def _filter(options: Options) -> Placed:
    for text in forward(mark_text(options.masquerade_bit)):
        yield "filter", chains.FORWARD, text
    health = f"{_commented(sets.HEALTH_CHECK)} {_match(sets.HEALTH_CHECK, 'dst', options)}"
    yield "filter", chains.NODE_PORT, f"{health} -j ACCEPT"
    for name, fields in (*((name, "dst,dst") for name in LET_IN), (sets.HEALTH_CHECK, "dst")):
        yield "filter", chains.IPVS_FILTER, f"{_match(name, fields, options)} -j RETURN"
    bound = _match(sets.IPVS_IPS, "dst", options)
    yield "filter", chains.IPVS_FILTER, f"-m conntrack --ctstate NEW {bound} -j REJECT"


def _masquerade(options: Options) -> Placed:
    mark = mark_text(options.masquerade_bit)
    for text in postrouting(mark, random_fully=options.random_fully):
        yield "nat", POSTROUTING, text
    for text in mark_masq(mark):
        yield "nat", MARK_MASQ, text
