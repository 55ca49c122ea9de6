"""The network of ``places``, made of namespaces: a shell script for the namespace that becomes worker-1.

Pods are routed by /32, as in the lab. Neighbours are entered by hand where nobody would answer for them, and
new addresses are not tried out first (DAD), or IPv6 would take a second to begin.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy_cases.places import BEHIND, HERE, NETWORKS, PLACES, PODS, Place

FABRIC = "fabric"
GATEWAY_MAC = "02:00:00:00:00:01"

SYSCTLS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.default.accept_dad=0",
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv6.icmp.ratelimit=0",
)
"""An error for each packet refused: the kernel would send one a second to a host."""


def script() -> str:
    """Makes all of it; run it with ``sh -e``."""
    return "\n".join(_script()) + "\n"


def _script() -> Iterator[str]:
    yield "mount -t tmpfs tmpfs /run && mkdir /run/netns"
    others = [FABRIC, "other", "client", *(pod.name for pod in PODS)]
    for name in others:
        yield f"ip netns add {name}"
    for inside in ("", *(f"ip netns exec {name} " for name in others)):
        yield f"{inside}sysctl -qw {' '.join(SYSCTLS)}"
        yield f"{inside}ip link set lo up"
    yield from _fabric()
    for pod in PODS:
        yield from _pod(pod, "" if pod.node == HERE else "other")
    yield from _routes()


def _fabric() -> Iterator[str]:
    yield f"ip -n {FABRIC} link add br0 type bridge && ip -n {FABRIC} link set br0 up"
    yield from _addresses(FABRIC, "br0", PLACES["gateway"])
    for name, places in (
        ("", ("node", "node_second")),
        ("other", ("other",)),
        ("client", ("client", "blocked")),
    ):
        at = name or "node"
        yield f"ip link add to-{at} netns {FABRIC} type veth peer name eth0 {f'netns {name}' if name else ''}"
        yield f"ip -n {FABRIC} link set to-{at} master br0 up"
        yield f"ip {_in(name)} link set eth0 up"
        for place in places:
            yield from _addresses(name, "eth0", PLACES[place])


def _in(namespace: str) -> str:
    return f"-n {namespace}" if namespace else ""


def _addresses(namespace: str, link: str, place: Place) -> Iterator[str]:
    """The second address of a family is deprecated: nobody takes it as source by itself."""
    yield f"ip {_in(namespace)} addr add {place.ipv4}/24 dev {link}"
    deprecated = "preferred_lft 0" if place.name in ("node_second", "blocked") else ""
    yield f"ip {_in(namespace)} addr add {place.ipv6}/64 dev {link} nodad {deprecated}"


def _pod(pod: Place, node: str) -> Iterator[str]:
    link, mac = f"veth-{pod.name}", f"02:00:00:01:{pod.node[-1]:0>2}:{pod.ipv4.rpartition('.')[2]:0>2}"
    yield (
        f"ip {_in(node)} link add {link} address {GATEWAY_MAC} type veth"
        f" peer name eth0 address {mac} netns {pod.name}"
    )
    yield f"ip {_in(node)} link set {link} up && ip -n {pod.name} link set eth0 up"
    for family, via, bits in (("-4", "169.254.1.1", 32), ("-6", "fe80::1", 128)):
        address = pod.ipv4 if family == "-4" else pod.ipv6
        nodad = "" if family == "-4" else "nodad"
        inside = f"ip {family} -n {pod.name}"
        yield f"{inside} addr add {address}/{bits} dev eth0 {nodad}"
        yield f"{inside} neigh add {via} dev eth0 lladdr {GATEWAY_MAC} nud permanent"
        yield f"{inside} route add default via {via} dev eth0 onlink"
        yield f"ip {family} {_in(node)} route add {address}/{bits} dev {link}"
        yield f"ip {family} {_in(node)} neigh add {address} dev {link} lladdr {mac} nud permanent"


def _routes() -> Iterator[str]:
    """Everybody's way: to pods over their node, to Services' addresses over worker-1, else the gateway."""
    for family in ("IPv4", "IPv6"):
        flag, pods = f"-{family[-1]}", NETWORKS["pods"].address(family)
        node, other, gateway = (PLACES[name].address(family) for name in ("node", "other", "gateway"))
        here = NETWORKS["here_pods"].address(family)
        yield f"ip {flag} route add {pods} via {other}"
        yield f"ip {flag} route add default via {gateway}"
        for name in ("other", FABRIC, "client"):
            yield f"ip {flag} -n {name} route add {here} via {node}"
        yield f"ip {flag} -n other route add default via {gateway}"
        for name in (FABRIC, "client"):
            yield f"ip {flag} -n {name} route add {pods} via {other}"
        for network in BEHIND[family]:
            yield f"ip {flag} -n client route add {network} via {node}"
            yield f"ip {flag} -n other route add {network} via {node}"
            yield f"ip {flag} -n {FABRIC} route add local {network} dev lo"
        for name in (
            "client",
            "blocked",
        ):  # the way back of what the gateway answers, or worker-1 calls it invalid
            yield f"ip {flag} -n {FABRIC} route add {PLACES[name].address(family)} via {node}"
        second = NETWORKS["second"].address(family)
        for name in ("other", "client"):
            yield f"ip {flag} -n {name} route add {second} via {node}"
