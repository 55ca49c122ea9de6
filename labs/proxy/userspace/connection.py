"""A client and an endpoint, connected: bytes go both ways until both ends have been seen.

Each side may end while the other still speaks (half-close). Where one side breaks, the other is reset:
it must not take the break for a proper end.
"""

from __future__ import annotations

import logging
import socket
import struct

from labs.proxy.userspace.engine import Engine
from labs.proxy.userspace.poller import READ, WRITE
from labs.proxy.userspace.pump import Pump

log = logging.getLogger(__name__)

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER, on, no time: closing sends a reset."""


class Connection:
    """Two sockets and the pumps between them."""

    __slots__ = ("_client", "_closed", "_down", "_engine", "_server", "_up")

    def __init__(self, client: socket.socket, server: socket.socket, engine: Engine) -> None:
        self._client = client
        self._server = server
        self._engine = engine
        self._up = Pump(client, server, engine.pipes)
        self._down = Pump(server, client, engine.pipes)
        self._closed = False

    def start(self) -> None:
        """Begin to move bytes; the connection ends by itself."""
        self._engine.open.add(self)
        watch = self._engine.poller.watch
        watch(self._client.fileno(), self._client_event)
        watch(self._server.fileno(), self._server_event)
        for pump in (self._up, self._down):  # what the dial was told of the server is not told again
            self._move(pump)

    def _client_event(self, events: int) -> None:
        if events & READ:
            self._move(self._up)
        if events & WRITE and self._down.waits:
            self._move(self._down)

    def _server_event(self, events: int) -> None:
        if events & READ:
            self._move(self._down)
        if events & WRITE and self._up.waits:
            self._move(self._up)

    def _move(self, pump: Pump) -> None:
        if self._closed:
            return
        try:
            more = pump.run()
        except OSError as error:
            log.debug("connection broken: %s", error.strerror)
            return self.abort()
        if more:
            self._engine.poller.loop.call_soon(self._move, pump)
        elif self._up.done and self._down.done:
            self.close()

    def abort(self) -> None:
        """Reset both sides."""
        for side in (self._client, self._server):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def close(self) -> None:
        """Close both sockets; what was not delivered yet is lost."""
        self._closed = True
        self._engine.open.discard(self)
        for pump in (self._up, self._down):
            pump.close()
        for side in (self._client, self._server):
            self._engine.poller.forget(side.fileno())
            side.close()
