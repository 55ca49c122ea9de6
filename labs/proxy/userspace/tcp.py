"""The listening socket of a TCP Service port."""

from __future__ import annotations

import errno
import logging
import socket
from functools import partial

from labs.proxy.state import ServicePortName
from labs.proxy.userspace.balancer import Address
from labs.proxy.userspace.connection import Connection
from labs.proxy.userspace.dial import Caller, Dial, tcp_socket
from labs.proxy.userspace.engine import Engine

log = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that may wait to be accepted."""

AT_ONCE = 64
"""Connections accepted before others of the event loop have their turn."""

PAUSE = 0.5
"""Seconds without accepting when there are no descriptors left: those that wait are not lost by it."""

GONE = (errno.ECONNABORTED, errno.EPROTO)
"""The client has given up before it was accepted."""


def listen(ip: str, port: int) -> socket.socket:
    """A listening socket of one IP family; raises OSError."""
    made = tcp_socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
    try:
        if made.family is socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((ip, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


class TcpProxy:
    """Accepts for one Service port until closed; connections that are open by then live on."""

    def __init__(self, name: ServicePortName, listener: socket.socket, engine: Engine) -> None:
        self.name = name
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._engine = engine
        self._resume()

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._engine.poller.loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in GONE:
                    return self._pause(error)
            else:
                self._serve(client, Address(*address[:2]))

    def _pause(self, error: OSError) -> None:
        log.error('Accept failed for service "%s", pausing: %s', self.name, error.strerror)
        loop = self._engine.poller.loop
        loop.remove_reader(self._listener)
        loop.call_later(PAUSE, self._resume)

    def _serve(self, client: socket.socket, address: Address) -> None:
        client.setblocking(False)
        Dial(Caller(self.name, address, partial(self._connected, client)), self._engine).start()

    def _connected(self, client: socket.socket, server: socket.socket | None) -> None:
        if server:
            Connection(client, server, self._engine).start()
        else:
            client.close()

    def close(self) -> None:
        """Accept no more."""
        self._engine.poller.loop.remove_reader(self._listener)
        self._listener.close()
