"""A socket for each Service port, on a port of its own.

A socket lives as long as its Service port's name: whatever else of the Service changes, its address, its
NodePort, its endpoints, the port that the proxy listens on stays and only the rules that lead there follow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable
from socket import socket

from labs.errors import LabError
from labs.proxy.state import ServicePortName
from labs.proxy.userspace import tcp, udp
from labs.proxy.userspace.balancer import Address
from labs.proxy.userspace.engine import Engine
from labs.proxy.userspace.ports import PortAllocator

log = logging.getLogger(__name__)

Relay = tcp.TcpProxy | udp.UdpProxy


class Relays:
    """The sockets of one IP family. ``idle`` is how many seconds a UDP client may be silent."""

    def __init__(self, ip: str, allocator: PortAllocator, engine: Engine, idle: float) -> None:
        self._ip = ip
        self._allocator = allocator
        self._engine = engine
        self._idle = idle
        self._open: dict[ServicePortName, Relay] = {}

    @property
    def ports(self) -> dict[ServicePortName, int]:
        """Where the proxy listens for whom."""
        return {name: relay.port for name, relay in self._open.items()}

    def open(self, names: Iterable[ServicePortName]) -> bool:
        """Listen for these too; whether it succeeded for all of them."""
        started = [self._started(name) for name in sorted(names) if name not in self._open]
        return all(started)

    def _started(self, name: ServicePortName) -> bool:
        start = {"TCP": self._tcp, "UDP": self._udp}.get(name.protocol)
        if start is None:
            log.error('Failed to start proxy for service "%s": no relay knows %s', name, name.protocol)
            return True  # nor will one later
        try:
            self._open[name] = start(name)
        except (OSError, LabError) as error:
            log.error('Failed to start proxy for service "%s": %s', name, error)
            return False
        log.info('Proxying for service "%s" on %s port %d', name, name.protocol, self._open[name].port)
        return True

    def _tcp(self, name: ServicePortName) -> Relay:
        return tcp.TcpProxy(name, self._bound(tcp.listen), self._engine)

    def _udp(self, name: ServicePortName) -> Relay:
        return udp.UdpProxy(name, self._bound(udp.bind), self._engine, self._idle)

    def _bound(self, bind: Callable[[str, int], socket]) -> socket:
        port = self._allocator.allocate()
        try:
            return bind(self._ip, port)
        except OSError:
            self._allocator.release(port)
            raise

    def keep_clients_of(self, name: ServicePortName, endpoints: Container[Address]) -> None:
        """Clients of other endpoints have lost theirs: UDP tells nobody, so they are forgotten."""
        relay = self._open.get(name)
        if isinstance(relay, udp.UdpProxy):
            relay.keep_clients_of(endpoints)

    def close(self, names: Iterable[ServicePortName]) -> None:
        """Listen for these no more; TCP connections that are open go on to their end."""
        for name in tuple(names):
            relay = self._open.pop(name)
            relay.close()
            self._allocator.release(relay.port)
            log.info('Stopped proxying for service "%s" on port %d', name, relay.port)
