"""Connecting to an endpoint, and on to the next if it does not answer.

Four attempts with growing patience; each asks the balancer anew, so a dead endpoint costs a quarter of a
second and the connection still comes about. This is what the modes in the kernel cannot do: they have
chosen before anybody knows whether the endpoint answers.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from labs.proxy.state import ServicePortName
from labs.proxy.userspace.balancer import Address, BalancerError
from labs.proxy.userspace.engine import Engine

log = logging.getLogger(__name__)

TIMEOUTS = (0.25, 0.5, 1.0, 2.0)
"""Seconds for each attempt (endpointDialTimeouts)."""

CONNECTED = (0, errno.EISCONN)
UNDER_WAY = (errno.EINPROGRESS, errno.EALREADY)

KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
)
"""As Go sets it on all connections: one whose other side has vanished must not hold two sockets for ever."""

AT_ONCE = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Bytes were held back by their sender if need be; a second time would only delay them."""


def tcp_socket(family: socket.AddressFamily) -> socket.socket:
    """A non-blocking TCP socket with the options above; raises OSError if there are no descriptors."""
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    for option in (*KEEP_ALIVE, *AT_ONCE):
        made.setsockopt(*option)
    return made


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants an endpoint of what; told the connected socket, or None."""

    name: ServicePortName
    client: Address
    connected: Callable[[socket.socket | None], None]


class Dial:
    """Tries until an endpoint answers."""

    __slots__ = ("_caller", "_endpoint", "_engine", "_socket", "_timeouts", "_timer")

    def __init__(self, caller: Caller, engine: Engine) -> None:
        self._caller = caller
        self._engine = engine
        self._timeouts = iter(TIMEOUTS)
        self._endpoint: Address | None = None
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Make attempts until one succeeds, is under way, or there are none left."""
        for timeout in self._timeouts:
            try:
                made, code = self._attempt()
            except (BalancerError, OSError) as error:  # OSError: no descriptor for a socket
                log.error("Couldn't find an endpoint: %s", error)
                return self._end()
            if code in UNDER_WAY:
                return self._wait(made, timeout)
            if code in CONNECTED:
                return self._end()
            self._failed(code)
        log.error('Failed to connect to an endpoint of service "%s"', self._caller.name)
        return self._end()

    def _attempt(self) -> tuple[socket.socket, int]:
        caller, again = self._caller, self._endpoint is not None
        self._endpoint = self._engine.balancer.next_endpoint(caller.name, caller.client, reset=again)
        self._socket = tcp_socket(socket.AF_INET6 if ":" in self._endpoint.ip else socket.AF_INET)
        return self._socket, self._socket.connect_ex(self._endpoint)

    def _wait(self, made: socket.socket, timeout: float) -> None:
        poller = self._engine.poller
        self._engine.open.add(self)
        self._timer = poller.loop.call_later(timeout, self._settle, errno.ETIMEDOUT)
        poller.watch(made.fileno(), self._look)

    def _look(self, _: int) -> None:
        """Something happened to the socket: a second connect tells what."""
        if self._socket and self._endpoint:
            code = self._socket.connect_ex(self._endpoint)
            if code not in UNDER_WAY:
                self._settle(code)

    def _settle(self, code: int) -> None:
        """The attempt that was waited for has ended."""
        if self._timer:
            self._timer.cancel()
        if code in CONNECTED:
            self._end()
        else:
            self._failed(code)
            self.start()

    def _end(self) -> None:
        """Hand over the socket that there is, if any."""
        made, self._socket = self._socket, None
        self._engine.open.discard(self)
        self._caller.connected(made)

    def _failed(self, code: int) -> None:
        log.error(
            'Dial failed: service "%s", endpoint %s: %s', self._caller.name, self._endpoint, os.strerror(code)
        )
        self._drop()

    def _drop(self) -> None:
        if self._socket:
            self._engine.poller.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Give up."""
        if self._timer:
            self._timer.cancel()
        self._drop()
        self._end()
