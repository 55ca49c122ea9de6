"""What the operator wants and this node has, asked before a full sync: it decides how rules are written."""

from __future__ import annotations

import logging

from labs.proxy.localdetector import local_detector
from labs.proxy.mode import Setup
from labs.proxy.nftables.options import Options
from labs.proxy.nodeports import local_addresses, node_port_addresses
from labs.proxy.state import Node, ProxyState

log = logging.getLogger(__name__)


class Host:
    """The node's side of the options."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    async def options(self, state: ProxyState) -> Options:
        """How to write the rules; raises MachineError where a command fails."""
        config = self._setup.config
        return Options(
            family=self._setup.family,
            masquerade_bit=config.nftables.masquerade_bit,
            masquerade_all=config.nftables.masquerade_all,
            detector=local_detector(config, self._setup.family, state.node),
            node_port_addresses=await self._node_port_addresses(state.node),
        )

    async def _node_port_addresses(self, node: Node) -> tuple[str, ...] | None:
        wanted = node_port_addresses(self._setup.config.node_port_addresses, self._setup.family)
        if wanted.everywhere:
            return None
        if wanted.on_loopback:
            log.warning("nodePortAddresses names loopback addresses: mode nftables has no NodePorts on them")
        primary = (node.address,) if wanted.primary and node.address else ()
        local = await local_addresses(self._setup.run, self._setup.family) if wanted.networks else ()
        return tuple(dict.fromkeys((*primary, *wanted.of(local, node.address, loopback=False))))
