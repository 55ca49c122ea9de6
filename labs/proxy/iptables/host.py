"""What this host can do and is set to, asked before a full sync: it decides how the rules are written."""

from __future__ import annotations

import logging
from pathlib import Path

from labs.proxy.counters import INVALID_DROPPED, LOCALHOST_ACCEPTED
from labs.proxy.iptables.counting import Counting
from labs.proxy.iptables.options import Options
from labs.proxy.localdetector import local_detector
from labs.proxy.mode import Setup
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.nodeports import NodePortAddresses, local_addresses, node_port_addresses
from labs.proxy.state import Family, ProxyState

log = logging.getLogger(__name__)

ROUTE_LOCALNET = "net/ipv4/conf/all/route_localnet"
BE_LIBERAL = "net/netfilter/nf_conntrack_tcp_be_liberal"


class Host:
    """The host's side of the options."""

    def __init__(self, setup: Setup, kernel: Kernel, sysctls: Path = Path("/proc/sys")) -> None:
        self._setup = setup
        self._kernel = kernel
        self._counting = Counting(setup.counters, kernel)
        self._sysctls = sysctls

    async def prepare(self, state: ProxyState) -> Options:
        """Set what the rules need and return how to write them; raises MachineError where a command fails."""
        config = self._setup.config
        wanted = node_port_addresses(config.node_port_addresses, self._setup.family)
        localhost, drops = self.serve_localhost(), self._sysctl(BE_LIBERAL) in ("", "0")
        counting = {INVALID_DROPPED: drops, LOCALHOST_ACCEPTED: localhost}
        return Options(
            family=self._setup.family,
            masquerade_bit=config.iptables.masquerade_bit,
            masquerade_all=config.iptables.masquerade_all,
            detector=local_detector(config, self._setup.family, state.node),
            localhost_node_ports=localhost,
            node_port_addresses=await self._addresses(wanted, state.node.address, loopback=localhost),
            random_fully=(await self._kernel.variant()).random_fully,
            drop_invalid=drops,
            counters=await self._counting.usable(*(name for name, used in counting.items() if used)),
        )

    async def _addresses(
        self, wanted: NodePortAddresses, primary: str, *, loopback: bool
    ) -> tuple[str, ...] | None:
        if wanted.everywhere:
            return None
        return wanted.of(
            await local_addresses(self._setup.run, self._setup.family), primary, loopback=loopback
        )

    def serve_localhost(self) -> bool:
        """Let 127.0.0.1 be routed, as NodePorts on localhost need; False where they are not to be served.

        No kernel routes ::1, whatever is asked for.
        """
        wanted = node_port_addresses(self._setup.config.node_port_addresses, self._setup.family)
        asked = self._setup.config.iptables.localhost_node_ports and wanted.on_loopback
        if self._setup.family is Family.IPV6 or not asked:
            return False
        if self._sysctl(ROUTE_LOCALNET) != "1":
            try:
                (self._sysctls / ROUTE_LOCALNET).write_text("1", encoding="ascii")
            except OSError as error:
                log.warning(
                    "NodePorts do not answer on 127.0.0.1: %s cannot be set to 1: %s",
                    ROUTE_LOCALNET,
                    error.strerror,
                )
                return False
        return True

    def _sysctl(self, name: str) -> str:
        """The value, or empty if this kernel has no such setting."""
        try:
            return (self._sysctls / name).read_text(encoding="ascii").strip()
        except OSError:
            return ""
