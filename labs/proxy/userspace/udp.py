"""The socket of a UDP Service port.

UDP has no connections, so a client's are made up: the first datagram from an address and port chooses an
endpoint and opens a socket connected to it; what comes back there goes to the client; when nothing has
passed for a while it is over. Answers leave by the socket and from the address that the client's datagram
came to, or its kernel would not know them for answers.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Container
from typing import Any

from labs.proxy.state import ServicePortName
from labs.proxy.userspace.balancer import Address, BalancerError
from labs.proxy.userspace.engine import Engine

log = logging.getLogger(__name__)

LONGEST = 4096
"""Bytes; the rest of a longer datagram is lost, as with the real one."""

AT_ONCE = 64
"""Datagrams taken before others of the event loop have their turn."""

IP_PKTINFO = 8
"""From linux/in.h; Python's socket module has no name for it before 3.14."""

FOUR, SIX = struct.Struct("=I4s4s"), struct.Struct("=16sI")
ROOM = socket.CMSG_SPACE(max(FOUR.size, SIX.size))

Sender = tuple[Any, ...]
"""An address as the socket module has it."""

Ancillary = tuple[tuple[int, int, bytes], ...]


def bind(ip: str, port: int) -> socket.socket:
    """A bound socket of one IP family that tells where datagrams came to; raises OSError."""
    six = ":" in ip
    made = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if six:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        made.bind((ip, port))
    except OSError:
        made.close()
        raise
    return made


def reply_from(ancillary: list[tuple[int, int, bytes]]) -> Ancillary:
    """What to send an answer with, so that it leaves from the address that was asked."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            _, local, _ = FOUR.unpack(data)
            return ((level, kind, FOUR.pack(0, local, bytes(4))),)
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return ((level, kind, data),)
    return ()


class UdpClient:
    """One client's socket to its endpoint; ends when idle for too long or when the endpoint refuses."""

    def __init__(self, proxy: UdpProxy, key: tuple[Sender, Ancillary], server: socket.socket) -> None:
        self._proxy = proxy
        self._key = key
        self._server = server
        self.endpoint = Address(*server.getpeername()[:2])
        self._loop = proxy.engine.poller.loop
        self._loop.add_reader(server, self._answered)
        self._used = self._loop.time()
        self._timer = self._loop.call_later(proxy.idle, self._look)
        proxy.engine.open.add(self)

    def send(self, data: bytes) -> None:
        """To the endpoint."""
        self._used = self._loop.time()
        try:
            self._server.send(data)
        except BlockingIOError:
            return  # lost, as datagrams may be
        except OSError as error:
            self._broken(error)

    def _answered(self) -> None:
        try:
            data = self._server.recv(LONGEST)
        except BlockingIOError:
            return
        except OSError as error:
            return self._broken(error)
        self._used = self._loop.time()
        self._proxy.answer(data, *self._key)

    def _broken(self, error: OSError) -> None:
        log.error('UDP of service "%s" for %s: %s', self._proxy.name, self._key[0][0], error.strerror)
        self.close()

    def _look(self) -> None:
        left = self._used + self._proxy.idle - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self.close()

    def close(self) -> None:
        """Forget the client."""
        self._timer.cancel()
        self._loop.remove_reader(self._server)
        self._server.close()
        self._proxy.engine.open.discard(self)
        self._proxy.clients.pop(self._key, None)


class UdpProxy:
    """Serves one Service port until closed, its clients with it. ``idle`` is in seconds."""

    def __init__(self, name: ServicePortName, bound: socket.socket, engine: Engine, idle: float) -> None:
        self.name = name
        self.port: int = bound.getsockname()[1]
        self.engine = engine
        self.idle = idle
        self.clients: dict[tuple[Sender, Ancillary], UdpClient] = {}
        self._socket = bound
        engine.poller.loop.add_reader(bound, self._receive)

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data, ancillary, _, sender = self._socket.recvmsg(LONGEST, ROOM)
            except OSError:  # nothing more, or somebody's ICMP error, which names no client
                return
            key = (sender, reply_from(ancillary))
            client = self.clients.get(key) or self._open(key)
            if client:
                client.send(data)

    def _open(self, key: tuple[Sender, Ancillary]) -> UdpClient | None:
        """A socket to the next endpoint for a client not seen before, or not lately."""
        try:
            endpoint = self.engine.balancer.next_endpoint(self.name, Address(*key[0][:2]))
            server = socket.socket(self._socket.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except (BalancerError, OSError) as error:
            log.error("Couldn't find an endpoint: %s", error)
            return None
        try:
            server.connect(endpoint)
        except OSError as error:
            log.error('Dial failed: service "%s", endpoint %s: %s', self.name, endpoint, error.strerror)
            server.close()
            return None
        self.clients[key] = client = UdpClient(self, key, server)
        return client

    def keep_clients_of(self, endpoints: Container[Address]) -> None:
        """Forget the clients of all other endpoints; their next datagram finds another."""
        for client in tuple(self.clients.values()):
            if client.endpoint not in endpoints:
                client.close()

    def answer(self, data: bytes, client: Sender, local: Ancillary) -> None:
        """To the client."""
        try:
            self._socket.sendmsg([data], local, 0, client)
        except OSError as error:
            log.error('UDP of service "%s" to %s: %s', self.name, client[0], error.strerror)

    def close(self) -> None:
        """Serve no more."""
        for client in tuple(self.clients.values()):
            client.close()
        self.engine.poller.loop.remove_reader(self._socket)
        self._socket.close()
