"""The way to the pods of other nodes: one route a node, from the Node objects.

What a cloud's route table or a CNI daemon does elsewhere. The routes carry a protocol number of their own
(as routing daemons' do), so that those of a node that went away while no agent ran can be told and removed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from vm.command import run_async
from vm.errors import MachineError

log = logging.getLogger(__name__)

Object = dict[str, Any]
PROTOCOL = "77"  # free in /etc/iproute2/rt_protos
RETRY = 1.0  # seconds


def wanted(nodes: Iterable[Object], own: str) -> dict[str, str]:
    """Pod CIDR → address of the same family of the node behind it, for all nodes but our own."""
    found = {}
    for node in nodes:
        addresses = internal_addresses(node)
        for cidr in node.get("spec", {}).get("podCIDRs", ()):
            address = addresses.get(ip_network(cidr).version)
            if node["metadata"]["name"] != own and address:
                found[cidr] = address
    return found


def internal_addresses(node: Object) -> dict[int, str]:
    """The node's InternalIPs by IP version; empty if it has none yet."""
    entries = node.get("status", {}).get("addresses", ())
    found = [str(entry["address"]) for entry in entries if entry["type"] == "InternalIP"]
    return {ip_address(address).version: address for address in reversed(found)}


def batch(there: dict[str, str], wanted: dict[str, str]) -> str:
    """``ip -batch`` text that leads from the routes that are there to the wanted ones."""
    lines = [f"route delete {cidr} protocol {PROTOCOL}" for cidr in there if cidr not in wanted]
    lines += [
        f"route replace {cidr} via {via} protocol {PROTOCOL}"
        for cidr, via in wanted.items()
        if there.get(cidr) != via
    ]
    return "".join(line + "\n" for line in lines)


class Routes:
    """Keeps the kernel's routes as the Node objects say."""

    def __init__(self, own: str, versions: Iterable[int] = (4,)) -> None:
        self._own = own
        self._versions = tuple(versions)  # of IP, that this node speaks
        self._changed = asyncio.Event()
        self._nodes: Iterable[Object] = ()

    def follow(self, nodes: Iterable[Object]) -> None:
        """The nodes (a live view of them) have changed."""
        self._nodes = nodes
        self._changed.set()

    async def run(self) -> None:
        """Write the differences whenever something changed, until cancelled."""
        there: dict[str, str] | None = None  # unknown: ask the kernel
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                there = await self._write(await self._read() if there is None else there)
            except MachineError as error:
                log.error("routes to other nodes: %s; trying again", error)
                there = None
                await asyncio.sleep(RETRY)
                self._changed.set()

    async def _read(self) -> dict[str, str]:
        found = {}
        for version in self._versions:
            words = ["ip", "-json", f"-{version}", "route", "show", "protocol", PROTOCOL]
            shown = await run_async(words)
            for entry in json.loads(shown.stdout or "[]"):
                found[entry["dst"]] = entry.get("gateway", "")
        return found

    async def _write(self, there: dict[str, str]) -> dict[str, str]:
        target = wanted(self._nodes, self._own)
        text = batch(there, target)
        if text:
            await run_async(["ip", "-batch", "-"], input=text)
        return target
