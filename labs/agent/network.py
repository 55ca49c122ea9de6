"""A pod's network: a namespace of its own, routed by the node, as the AWS VPC CNI does it.

A pod has its address as a /32 on ``eth0`` and one way out: the link-local gateway 169.254.1.1, which nobody
answers for; a permanent neighbour entry says that it has the MAC of the veth's other end. On the node a /32
route leads to the veth. There is no bridge, so nothing depends on br_netfilter, and the node's end has no
address: with one, masquerade would take it as source instead of the node's own. In a dual-stack cluster it
is the same once more, with a /128 and the gateway fe80::1.

The namespace belongs to the pod, not to a process: containers come and go in it (the kubelet's sandbox).
All MACs are known beforehand, so nobody ever asks by ARP or Neighbour Discovery, and two ``ip -batch`` calls
make it all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from labs.agent.addresses import Addresses
from vm.command import run_async

GATEWAYS = {4: "169.254.1.1", 6: "fe80::1"}
NODE_MAC = "ee:ee:ee:ee:ee:ee"  # every veth's end on the node: they never meet on one link (Calico's choice)
NO_LINK_LOCAL = "addrgenmode none "
ADDRESSES6 = Path("/proc/net/if_inet6")  # not there if the kernel was started with ipv6.disable=1
NAMESPACES = Path("/run/netns")
PREFIX = "cni-"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where a pod's containers live; ``netns`` is empty for hostNetwork."""

    addresses: tuple[str, ...]
    netns: str = ""

    @property
    def address(self) -> str:
        """The first: what ``podIP`` says, and where probes go; empty until the sandbox stands."""
        return next(iter(self.addresses), "")


def namespace(uid: str) -> str:
    """The network namespace of a pod, as ``ip netns`` names it."""
    return PREFIX + uid


def link(uid: str) -> str:
    """The node's end of the pod's veth; names have at most 15 characters."""
    return "veth" + uid.replace("-", "")[:11]


def mac(address: str) -> str:
    """A MAC made of the address, as CNI plug-ins do: 10.244.1.5 → 0a:58:0a:f4:01:05."""
    return ":".join(f"{byte:02x}" for byte in (0x0A, 0x58, *ip_address(address).packed[-4:]))


def outside(uid: str, addresses: Sequence[str], node_addresses: Sequence[str]) -> str:
    """``ip -batch`` text for the node's side; both have the same families in the same order."""
    name, netns, hardware = link(uid), namespace(uid), mac(addresses[0])
    lines = [
        f"netns add {netns}",
        f"link add {name} address {NODE_MAC} type veth peer name eth0 address {hardware} netns {netns}",
        f"link set {name} {NO_LINK_LOCAL}up",
    ]
    for address, node_address in zip(addresses, node_addresses, strict=True):
        lines += [
            f"neigh replace {address} lladdr {hardware} dev {name} nud permanent",
            # The source is said outright: in IPVS mode the node has the ClusterIPs as addresses, too.
            f"route replace {_host(address)} dev {name} scope link src {node_address}",
        ]
    return "\n".join(lines) + "\n"


def inside(addresses: Sequence[str]) -> str:
    """``ip -batch`` text for the pod's side; it has no link-local address, for it never needs one."""
    lines = ["link set lo up", f"link set eth0 {NO_LINK_LOCAL}up"]
    for address in addresses:
        gateway = GATEWAYS[ip_address(address).version]
        # Nobody else has the pod's address: to wait a second for an objection (DAD) would be for nothing.
        lines += [
            f"address add {_host(address)} dev eth0{' nodad' if ':' in address else ''}",
            f"neigh replace {gateway} lladdr {NODE_MAC} dev eth0 nud permanent",
            f"route add {_host(gateway)} dev eth0 scope link",
            f"route add default via {gateway} dev eth0",
        ]
    return "\n".join(lines) + "\n"


def _host(address: str) -> str:
    """The network that is this address alone: /32 or /128."""
    return str(ip_network(address))


def understood(batch: str, table: Path = ADDRESSES6) -> str:
    """The batch without the words that a kernel without IPv6 refuses."""
    return batch if table.exists() else batch.replace(NO_LINK_LOCAL, "")


def existing(names: Iterable[str] | None = None) -> list[str]:
    """Those of the names that are network namespaces now; without names, all that belong to pods."""
    if names is None:
        return [path.name for path in NAMESPACES.glob(PREFIX + "*")]
    return [name for name in names if (NAMESPACES / name).exists()]


class Network:
    """Makes and removes the sandboxes of one node."""

    def __init__(self, ranges: Sequence[Addresses], node_addresses: Sequence[str], state: Path) -> None:
        self._ranges = ranges
        self._node = node_addresses
        self._state = state

    async def set_up(self, uid: str) -> Sandbox:
        """The pod's sandbox, the one it has if there is one. Raises MachineError, NoAddressLeft."""
        addresses = tuple(addresses.reserve(uid) for addresses in self._ranges)
        sandbox = Sandbox(addresses, str(NAMESPACES / namespace(uid)))
        if self._stands(uid):
            return sandbox
        await self._remove(existing([namespace(uid)]))  # an agent was killed half way through
        node, pod = outside(uid, addresses, self._node), inside(addresses)
        await run_async(["ip", "-batch", "-"], input=understood(node))
        await run_async(["ip", "-n", namespace(uid), "-batch", "-"], input=understood(pod))
        self._finished(uid, addresses)
        return sandbox

    async def tear_down(self, uid: str) -> None:
        """Remove the pod's sandbox, if it has one; the kernel removes veth and route with the namespace."""
        self._marker(uid).unlink(missing_ok=True)
        await self._remove(existing([namespace(uid)]))
        for addresses in self._ranges:
            addresses.release(uid)

    async def collect(self, alive: set[str]) -> None:
        """Remove what pods left behind that are not ``alive`` (UIDs): namespaces, addresses, folders."""
        names = [name for name in existing() if name.removeprefix(PREFIX) not in alive]
        await self._remove(names)
        for addresses in self._ranges:
            for uid in addresses.owners().keys() - alive:
                addresses.release(uid)
        for folder in (self._state / "pods").glob("*"):
            if folder.name not in alive:
                shutil.rmtree(folder, ignore_errors=True)

    async def _remove(self, names: list[str]) -> None:
        if names:
            text = "".join(f"netns delete {name}\n" for name in names)
            await run_async(["ip", "-force", "-batch", "-"], input=text, check=False)

    def _stands(self, uid: str) -> bool:
        """Whether the sandbox was finished, and is still there."""
        return self._marker(uid).exists() and bool(existing([namespace(uid)]))

    def _finished(self, uid: str, addresses: Sequence[str]) -> None:
        marker = self._marker(uid)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text("\n".join(addresses))

    def _marker(self, uid: str) -> Path:
        return self._state / "pods" / uid / "sandbox"
