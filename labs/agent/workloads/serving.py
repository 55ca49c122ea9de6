"""Sockets of a small server, one thread, one selector: what ``echo`` stands on.

A port is one socket a family, as in most servers: each sees its clients' addresses as they are.

asyncio would do the same more comfortably, and its loop alone costs a forked process 1.6 MB of its own;
fifty pods on a laptop are what this lab is about.
"""

from __future__ import annotations

import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import AF_INET, AF_INET6, AddressFamily
from types import FrameType
from typing import Any

BACKLOG = 1024
BLOCK = 65536
LARGEST_DATAGRAM = 65535
ENDS = (signal.SIGTERM, signal.SIGINT)
ADDRESSES6 = Path("/proc/net/if_inet6")
GLOBAL = "00"  # its column for the scope

Address = tuple[Any, ...]


@dataclass(slots=True)
class Connection:
    """One TCP connection; ``received`` is whatever the protocol keeps of what came."""

    socket: socket.socket
    client: Address
    server: Address
    received: bytes = b""
    pending: bytes = b""  # written, and not taken by the kernel yet
    closing: bool = False

    def write(self, data: bytes) -> None:
        """Send soon."""
        self.pending += data

    def close(self) -> None:
        """Close when everything is sent."""
        self.closing = True


def families(table: Path = ADDRESSES6) -> tuple[AddressFamily, ...]:
    """IPv4, and IPv6 where we have an address in it that others can reach."""
    try:
        scopes = {line.split()[3] for line in table.read_text().splitlines()}
    except OSError:  # a kernel without IPv6
        scopes = set()
    return (AF_INET, AF_INET6) if GLOBAL in scopes else (AF_INET,)


def datagram_socket(family: AddressFamily, port: int) -> socket.socket:
    """A UDP socket bound to the port on all addresses of the family; raises OSError."""
    door = socket.socket(family, socket.SOCK_DGRAM)
    if family is AF_INET6:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    door.bind(("", port))
    return door


def shown(address: Address) -> str:
    """``10.244.1.5:3001``, ``[fd00:244:0:1::5]:3001``."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


Opened = Callable[[Connection], None]
Data = Callable[[Connection, bytes], None]
Datagram = Callable[[bytes, Address], bytes | None]  # → the answer


@dataclass(slots=True)
class Ports:
    """What to serve where."""

    streams: list[tuple[int, Opened, Data]] = field(default_factory=list)
    datagrams: list[tuple[int, Datagram]] = field(default_factory=list)


class Server:
    """Listens on all ports until SIGTERM, and ``linger`` seconds longer."""

    def __init__(self, linger: float = 0.0) -> None:
        self._linger = linger
        self._ports = Ports()
        self._selector = selectors.DefaultSelector()
        self._listening: list[socket.socket] = []
        self._again = 0.0  # when to listen again; 0: listens, or never
        self._end = 0.0  # when to end; 0: not yet
        self._obey_signals()

    def listen(self, ports: Ports) -> None:
        """Open all ports in all families; raises OSError."""
        self._ports = ports
        for family in families():
            for port, opened, data in self._ports.streams:
                door = socket.create_server(("", port), family=family, backlog=BACKLOG)
                self._add(door, partial(self._accept, door, opened, data))
            for port, answer in self._ports.datagrams:
                door = datagram_socket(family, port)
                self._add(door, partial(self._datagram, door, answer))

    def refuse(self, seconds: float) -> None:
        """Stop listening for a while; connections that are open stay."""
        self._close()
        self._again = time.monotonic() + seconds

    def serve(self) -> None:
        """Until told to end; call ``listen`` first."""
        while not self._end or time.monotonic() < self._end:
            for key, events in self._selector.select(self._timeout()):
                key.data(events)
            if self._again and time.monotonic() >= self._again:
                self._again = 0.0
                self.listen(self._ports)
        self._close()

    def _obey_signals(self) -> None:
        """From the beginning: whoever is told to end while it starts ends well, too."""
        woken, self._waker = socket.socketpair()
        woken.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for signum in ENDS:
            signal.signal(signum, self._terminate)
        self._selector.register(woken, selectors.EVENT_READ, lambda _: woken.recv(BLOCK))

    def _terminate(self, _signum: int, _frame: FrameType | None) -> None:
        self._end = self._end or time.monotonic() + self._linger

    def _timeout(self) -> float | None:
        moments = [moment for moment in (self._again, self._end) if moment]
        return max(min(moments) - time.monotonic(), 0) if moments else None

    def _add(self, door: socket.socket, ready: Callable[[], None]) -> None:
        door.setblocking(False)
        self._selector.register(door, selectors.EVENT_READ, lambda _: ready())
        self._listening.append(door)

    def _close(self) -> None:
        for door in self._listening:
            self._selector.unregister(door)
            door.close()
        self._listening.clear()

    def _accept(self, door: socket.socket, opened: Opened, data: Data) -> None:
        try:
            accepted, client = door.accept()
        except OSError:  # it went away while it waited
            return
        accepted.setblocking(False)
        connection = Connection(accepted, client, accepted.getsockname())
        self._selector.register(
            accepted, selectors.EVENT_READ, lambda events: self._ready(connection, data, events)
        )
        opened(connection)
        self._flush(connection)

    def _ready(self, connection: Connection, data: Data, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                block = connection.socket.recv(BLOCK)
                if not block:
                    self._drop(connection)
                    return
                data(connection, block)
        except OSError:
            self._drop(connection)
            return
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        """Send what the kernel takes; ask to be woken for the rest."""
        try:
            while connection.pending:
                sent = connection.socket.send(connection.pending)
                connection.pending = connection.pending[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)
            return
        if connection.closing and not connection.pending:
            self._drop(connection)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.pending else 0)
        key = self._selector.get_key(connection.socket)
        if key.events != wanted:
            self._selector.modify(connection.socket, wanted, key.data)

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()

    @staticmethod
    def _datagram(door: socket.socket, answer: Datagram) -> None:
        try:
            data, client = door.recvfrom(LARGEST_DATAGRAM)
            found = answer(data, client)
            if found is not None:
                door.sendto(found, client)
        except OSError:  # an ICMP error of an earlier answer, or an answer too long: the client's loss
            return
