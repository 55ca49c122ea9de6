"""What this host is set to for IPVS, done and asked before a full sync."""

from __future__ import annotations

import os
import re
from pathlib import Path

from labs.proxy.ipvs.door import Ipvs, IpvsRefused
from labs.proxy.ipvs.link import Addresses
from labs.proxy.ipvs.options import DEFAULT_SCHEDULER, Options
from labs.proxy.ipvs.servers import ServerKey, Step, virtual_server
from labs.proxy.localdetector import local_detector
from labs.proxy.mode import Setup
from labs.proxy.nodeports import node_port_addresses
from labs.proxy.state import Family, ProxyState
from vm.errors import HostCannot

SYSCTLS = {
    "net/ipv4/vs/conntrack": "1",  # or masquerading, which conntrack does, would not see IPVS's packets
    "net/ipv4/vs/expire_nodest_conn": "1",  # a connection to a real server that is gone ends at once
    "net/ipv4/vs/expire_quiescent_template": "1",  # affinity does not hold a client to weight 0
    "net/ipv4/ip_forward": "1",
}
REUSE = "net/ipv4/vs/conn_reuse_mode"
"""Before 5.9 a new connection from a port just used was scheduled anew, after a second's delay: off."""
REUSE_MENDED = (5, 9)
STRICT_ARP = {"net/ipv4/conf/all/arp_ignore": "1", "net/ipv4/conf/all/arp_announce": "2"}
"""Answer ARP only on the link that has the address: some load balancers announce those of kube-ipvs0."""

PROBE = {Family.IPV4: "198.51.100.0", Family.IPV6: "2001:db8::"}
PROBE_PORT = 20000
"""An address of the documentation's, which no Service has: to try whether the kernel has the scheduler."""


class Host:
    """The host's side of the options."""

    def __init__(self, setup: Setup, ipvs: Ipvs, proc: Path = Path("/proc")) -> None:
        self._setup, self._ipvs = setup, ipvs
        self._sysctls = proc / "sys"
        self._tried = False

    @property
    def scheduler(self) -> str:
        """The one asked for, or the default."""
        return self._setup.config.ipvs.scheduler or DEFAULT_SCHEDULER

    def prepare(self) -> None:
        """Set what IPVS needs; raises HostCannot, IpvsRefused."""
        self._set_sysctls()
        if not self._tried:
            self._try_scheduler()
            self._set_timeouts()
            self._tried = True

    def options(self, state: ProxyState, addresses: Addresses, *, random_fully: bool) -> Options:
        """How this host's rules, sets and servers are."""
        config, family = self._setup.config, self._setup.family
        wanted = node_port_addresses(config.node_port_addresses, family)
        return Options(
            family=family,
            masquerade_bit=config.iptables.masquerade_bit,
            masquerade_all=config.iptables.masquerade_all,
            detector=local_detector(config, family, state.node),
            random_fully=random_fully,
            scheduler=self.scheduler,
            node_port_addresses=wanted.of(addresses.own, state.node.address, loopback=False),
            local_addresses=frozenset(addresses.own),
        )

    def _set_sysctls(self) -> None:
        wanted = dict(SYSCTLS)
        if kernel_version(os.uname().release) < REUSE_MENDED:
            wanted[REUSE] = "0"
        if self._setup.config.ipvs.strict_arp:
            wanted |= STRICT_ARP
        for name, value in wanted.items():
            self._set(name, value)

    def _set(self, name: str, value: str) -> None:
        path = self._sysctls / name
        try:
            if path.read_text(encoding="ascii").strip() != value:
                path.write_text(value, encoding="ascii")
        except OSError as error:
            raise HostCannot(
                f"mode ipvs needs the sysctl {name} to be {value}, and it cannot be set: {error.strerror}",
                "run kube-proxy as root of this network namespace",
            ) from error

    def _try_scheduler(self) -> None:
        """A virtual server with it, for a moment: the kernel loads the scheduler's module, or refuses."""
        key = ServerKey("tcp", PROBE[self._setup.family], PROBE_PORT)
        server = virtual_server(key, self.scheduler, 0)
        try:
            self._ipvs.do([Step("add", server)])
        except IpvsRefused as error:
            raise HostCannot(
                f"ipvs.scheduler: this kernel does not take {self.scheduler!r}: {error}",
                "set it to one that the kernel has, such as rr",
            ) from error
        self._ipvs.do([Step("del", server)])

    def _set_timeouts(self) -> None:
        ipvs = self._setup.config.ipvs
        seconds = [round(value) for value in (ipvs.tcp_timeout, ipvs.tcp_fin_timeout, ipvs.udp_timeout)]
        if any(seconds):
            self._ipvs.timeouts(*seconds)


def kernel_version(release: str) -> tuple[int, ...]:
    """(6, 1) of 6.1.0-50-amd64."""
    return tuple(map(int, re.findall(r"\d+", release)[:2]))
