"""The door to IPVS: a few verbs, by netlink to the kernel's table, or to a table of text in tests.

``ipvsadm`` is for people: one process a change would be 10,000 processes, and its ``--restore`` cannot
say which line failed. pyroute2 knows IPVS too, but waits for an answer to each message and does not know
the time-outs; what is needed of netlink are 150 lines (``genetlink``, ``wire``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from labs.proxy.ipvs import wire
from labs.proxy.ipvs.genetlink import GenericNetlink, Message
from labs.proxy.ipvs.servers import Load, RealKey, ServerKey, Step, VirtualServer
from labs.proxy.state import Family
from vm.errors import MachineError

LOADED = Path("/proc/net/ip_vs")
"""There in each network namespace as soon as the module is in the kernel."""

Reals = Mapping[RealKey, Load]


class IpvsRefused(MachineError):
    """The kernel's IPVS did not do what was asked."""


class Ipvs(Protocol):
    """IPVS of one network namespace, one IP family. All raise IpvsRefused."""

    def servers(self) -> Mapping[ServerKey, VirtualServer]:
        """All virtual servers."""

    def reals(self, key: ServerKey) -> Reals:
        """The real servers of one, with the connections they have; none if it does not exist."""

    def do(self, steps: Sequence[Step]) -> None:
        """Do all of them in order; one that fails does not keep the others from being done."""

    def timeouts(self, tcp: int, tcp_fin: int, udp: int) -> None:
        """Set the time-outs of connections, in seconds; those that are 0 stay as they are."""


class KernelIpvs:
    """The kernel's table in the network namespace of this process. It is opened when first used."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._open: GenericNetlink | None = None

    def servers(self) -> Mapping[ServerKey, VirtualServer]:
        """See ``Ipvs``; a kernel without IPVS has none."""
        if not LOADED.exists():
            return {}
        with self._netlink() as netlink:
            bodies = list(netlink.ask(wire.every_service(), every=True))
        found = (wire.read_service(body, self._family) for body in bodies)
        return {server.key: server for server in found if server}

    def reals(self, key: ServerKey) -> Reals:
        """See ``Ipvs``."""
        with self._netlink() as netlink:
            bodies = list(netlink.ask(wire.reals_of(key), every=True))
        return dict(wire.read_real(body, self._family) for body in bodies)

    def do(self, steps: Sequence[Step]) -> None:
        """See ``Ipvs``."""
        if not steps:
            return
        with self._netlink() as netlink:
            failed = netlink.send([wire.message(step) for step in steps])
        if failed:
            first, error = min(failed.items())
            more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            raise IpvsRefused(f"IPVS refused `{steps[first]}`: {error.strerror}{more}")

    def timeouts(self, tcp: int, tcp_fin: int, udp: int) -> None:
        """See ``Ipvs``."""
        with self._netlink() as netlink:
            failed = netlink.send([wire.timeouts(tcp, tcp_fin, udp)])
        if failed:
            raise IpvsRefused(f"IPVS refused the time-outs {tcp}, {tcp_fin}, {udp} s: {failed[0].strerror}")

    def current_timeouts(self) -> tuple[int, ...]:
        """TCP, TCP after FIN, UDP, in seconds."""
        with self._netlink() as netlink:
            return wire.read_timeouts(next(netlink.ask(Message(wire.GET_CONFIG))))

    def close(self) -> None:
        """Hang up; the next use opens it again."""
        if self._open:
            self._open.close()
            self._open = None

    @contextmanager
    def _netlink(self) -> Iterator[GenericNetlink]:
        """The connection; after a failure nobody knows what is still on its way, so it is opened anew."""
        try:
            self._open = self._open or _opened()
            yield self._open
        except OSError as error:
            self.close()
            raise IpvsRefused(f"IPVS does not answer: {error.strerror or error}") from error


def _opened() -> GenericNetlink:
    """Asking for IPVS where it is not would load its module, which is not ours to do."""
    if not LOADED.exists():
        raise IpvsRefused(f"IPVS is not in this kernel: there is no {LOADED}", "sudo modprobe ip_vs")
    return GenericNetlink(wire.NAME, wire.VERSION)
