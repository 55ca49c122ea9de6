"""On which of its addresses a node serves NodePorts (``nodePortAddresses``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from labs.proxy.addresses import cidrs, contains
from labs.proxy.mode import Run
from labs.proxy.state import Family

EVERYWHERE = {Family.IPV4: "0.0.0.0/0", Family.IPV6: "::/0"}


@dataclass(frozen=True, slots=True)
class NodePortAddresses:
    """The setting, for one IP family. ``primary`` stands for the node's own address."""

    family: Family
    networks: tuple[str, ...]
    primary: bool = False

    @property
    def everywhere(self) -> bool:
        """Whether every local address serves NodePorts."""
        return EVERYWHERE[self.family] in self.networks

    @property
    def on_loopback(self) -> bool:
        """Whether a loopback address is among them."""
        loopback = ip_network(self.family.loopback)
        return any(loopback.overlaps(ip_network(network)) for network in self.networks)

    def of(self, local: Iterable[str], primary: str, *, loopback: bool) -> tuple[str, ...]:
        """Those of the node's addresses that serve NodePorts; loopback ones only where the mode can."""
        return tuple(
            address
            for address in local
            if (loopback or not ip_address(address).is_loopback)
            and ((self.primary and address == primary) or self._named(address))
        )

    def _named(self, address: str) -> bool:
        return any(contains(network, address) for network in self.networks)


def node_port_addresses(settings: Iterable[str], family: Family) -> NodePortAddresses:
    """The setting for this family; empty, or naming only the other family, means everywhere."""
    words = tuple(settings)
    networks = cidrs((word for word in words if "/" in word), family)
    if "all" in words:
        networks += (EVERYWHERE[family],)
    if "localhost" in words:
        networks += (family.loopback,)
    primary = "primary" in words
    return NodePortAddresses(family, networks or (() if primary else (EVERYWHERE[family],)), primary)


async def local_addresses(run: Run, family: Family) -> tuple[str, ...]:
    """The node's own addresses of this family; raises MachineError."""
    done = await run(("ip", f"-{family.value[-1]}", "-oneline", "addr", "show"))
    found = re.findall(r"^\d+: \S+\s+inet6? ([0-9a-f.:]+)", done.stdout, re.MULTILINE)
    return tuple(dict.fromkeys(found))
