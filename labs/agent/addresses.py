"""Which pod has which address: one file per address in use, as the CNI plug-in ``host-local`` keeps it.

The files lie under /run and so live exactly as long as the pods' network namespaces: they outlive the agent
and go with the machine. An address that was given back is not given out again until all others have had
their turn, because rules and conntrack entries somewhere may still point to it. A dual-stack node has two
ranges, whose files lie in the same folder.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from labs.errors import LabError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LAST = "last_reserved_ip"  # host-local's name for this file, before the number of the range


class NoAddressLeft(LabError):
    """Every address of the node's pod CIDR is in use."""


def next_free(network: Network, used: Collection[Address], last: Address | None) -> Address | None:
    """The first free address after ``last``, going round; never the network's, the first or the last."""
    first, size = int(network.network_address) + 2, network.num_addresses - 3
    start = int(last) - first + 1 if last is not None and last in network else 0
    for step in range(size):
        candidate = ip_address(first + (start + step) % size)
        if candidate not in used:
            return candidate
    return None


class Addresses:
    """The addresses of one node's pods in one family; ``folder`` is their only memory."""

    def __init__(self, folder: Path, cidr: str, number: int = 0) -> None:
        self._folder = folder
        self._network = ip_network(cidr)
        self._latest = folder / f"{LAST}.{number}"
        folder.mkdir(parents=True, exist_ok=True)

    def owners(self) -> dict[str, str]:
        """Pod UID → address."""
        return {path.read_text(): path.name for path in self._folder.iterdir() if self._is_ours(path.name)}

    def reserve(self, uid: str) -> str:
        """The pod's address: the one it has, else the next free one; raises NoAddressLeft."""
        owners = self.owners()
        if uid in owners:
            return owners[uid]
        used = {ip_address(text) for text in owners.values()}
        found = next_free(self._network, used, self._last())
        if found is None:
            message = f"{self._network}: all {len(used)} addresses are in use"
            raise NoAddressLeft(message, "delete pods on this node")
        (self._folder / str(found)).write_text(uid)
        self._latest.write_text(str(found))
        return str(found)

    def release(self, uid: str) -> None:
        """Give the pod's address back, if it has one."""
        address = self.owners().get(uid)
        if address is not None:
            (self._folder / address).unlink()

    def _is_ours(self, name: str) -> bool:
        return not name.startswith(LAST) and ip_address(name) in self._network

    def _last(self) -> Address | None:
        try:
            return ip_address(self._latest.read_text())
        except (FileNotFoundError, ValueError):
            return None
