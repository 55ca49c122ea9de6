"""The one network that all cases play in: who asks, who answers, and what can be asked for.

    client, blocked ──┐                        ┌── near, near2, near3, pod     (pods of worker-1)
                      ├── fabric ── worker-1 ──┘
           gateway ───┤             (here the proxy runs; "node" is worker-1 itself)
                      └── worker-2 ──── far, far2, far_pod                     (pods of worker-2)

A case says names, never addresses, so that it holds for both IP families. What leaves worker-1 with a
Service's address still on it goes to the gateway, which answers for them all: so «nobody translated it»
is seen, and not only missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import Any

FAMILIES = ("IPv4", "IPv6")
NODES = {"worker-1": "zone-a", "worker-2": "zone-b"}
HERE = "worker-1"


@dataclass(frozen=True, slots=True)
class Place:
    """A name with an address of each family; ``node`` is the one whose pod it is, or that it is itself."""

    name: str
    ipv4: str
    ipv6: str
    node: str = ""
    interface: str = "eth0"  # by which its packets come in to worker-1

    def address(self, family: str) -> str:
        """Its address of this family."""
        return self.ipv4 if family == "IPv4" else self.ipv6


def _pod(name: str, node: str, number: int) -> Place:
    subnet = int(node[-1])
    interface = f"veth-{name}" if node == HERE else "eth0"
    return Place(name, f"10.244.{subnet}.{number}", f"fd00:244:0:{subnet}::{number}", node, interface)


PODS = (
    _pod("near", "worker-1", 5),
    _pod("near2", "worker-1", 6),
    _pod("near3", "worker-1", 7),
    _pod("pod", "worker-1", 9),
    _pod("far", "worker-2", 7),
    _pod("far2", "worker-2", 8),
    _pod("far_pod", "worker-2", 9),
)
MACHINES = (
    Place("node", "192.168.56.11", "fd00:56::11", "worker-1", ""),
    Place("other", "192.168.56.12", "fd00:56::12", "worker-2"),
    Place("client", "192.168.56.200", "fd00:56::200"),
    Place("blocked", "192.168.56.202", "fd00:56::202"),
    Place("gateway", "192.168.56.1", "fd00:56::1"),
)
ASKED = (
    Place("vip", "10.96.0.10", "fd00:96::10"),
    Place("vip2", "10.96.0.11", "fd00:96::11"),
    Place("vip3", "10.96.0.12", "fd00:96::12"),
    Place("unallocated", "10.96.9.9", "fd00:96::909"),
    Place("balancer", "203.0.113.10", "fd00:113::10"),
    Place("balancer2", "203.0.113.11", "fd00:113::11"),
    Place("external", "198.51.100.10", "fd00:51::10"),
    Place("external2", "198.51.100.11", "fd00:51::11"),
    Place("node_second", "192.168.57.11", "fd00:57::11", "worker-1", ""),
    Place("localhost", "127.0.0.1", "::1", "worker-1", ""),
)
PLACES = {place.name: place for place in PODS + MACHINES + ASKED}

NETWORKS = {
    "pods": Place("pods", "10.244.0.0/16", "fd00:244::/48"),
    "here_pods": Place("here_pods", "10.244.1.0/24", "fd00:244:0:1::/64"),
    "services": Place("services", "10.96.0.0/16", "fd00:96::/112"),
    "fabric": Place("fabric", "192.168.56.0/24", "fd00:56::/64"),
    "second": Place("second", "192.168.57.0/24", "fd00:57::/64"),
    "loopback": Place("loopback", "127.0.0.0/8", "::1/128"),
}

LOCAL = ("node", "node_second")
"""worker-1's own addresses, beside loopback."""

BEHIND = {"IPv4": ("10.96.0.0/16", "203.0.113.0/24", "198.51.100.0/24"),
          "IPv6": ("fd00:96::/112", "fd00:113::/64", "fd00:51::/64")}  # fmt: skip
"""Networks of Services' addresses: the client's way there leads over worker-1."""


def placed(value: Any, family: str) -> Any:
    """Plain data with each ``$name`` replaced by that place's address, ``$name_only`` by that as a CIDR."""
    if isinstance(value, dict):
        return {key: placed(item, family) for key, item in value.items()}
    if isinstance(value, list):
        return [placed(item, family) for item in value]
    if isinstance(value, str) and "$" in value:
        known = {name: place.address(family) for name, place in (PLACES | NETWORKS).items()}
        bits = 32 if family == "IPv4" else 128
        alone = {f"{name}_only": f"{address}/{bits}" for name, address in known.items()}
        return Template(value).substitute(known | alone)
    return value


def name_of(address: str) -> str:
    """The place that has this address, or the address itself."""
    for place in PLACES.values():
        if address in (place.ipv4, place.ipv6):
            return place.name
    return address
