"""The API server: sockets, TLS, the store, and the objects every cluster has.

Where a request goes from here is told in README.md.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from labs.errors import LabError
from labs.kube import tls  # noqa: F401  (smaller buffers for every connection)
from labs.kube.allocate import Allocator
from labs.kube.api import Api
from labs.kube.bootstrap import bootstrap
from labs.kube.registry import Registry
from labs.kube.resources import Resources
from labs.kube.status import BODY_LIMIT
from labs.kube.store import Store
from labs.kube.streams import Streams
from labs.kube.subresources import Subresources
from labs.kube.tokens import Keyring, User

log = logging.getLogger(__name__)

STOP_LIMIT = 1.0  # seconds that streams (exec, logs) have to end when the server stops
GOODBYE_LIMIT = 0.1  # seconds to wait for the other side's end of a TLS connection
HEADER_LIMIT = 64 * 1024  # bytes of one line: kubectl's label selectors can be long
API_SERVER = User("system:apiserver", ("system:masters", "system:authenticated"))


class CannotListen(LabError):
    """An address of the API server is taken, or not of this machine."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where everything is; made by ``labs.lab``."""

    database: Path
    certificate: Path
    key: Path
    ca: Path
    signing_key: Path  # of the tokens (``tokens.Keyring``)
    sockets: Sequence[int | tuple[str, int]]  # listening file descriptors, addresses to listen on
    service_cidr: str = "10.96.0.0/16"  # with a comma and a second one for the second family
    node_ports: tuple[int, int] = (30000, 32767)
    address: str = "192.168.56.10"  # endpoint of default/kubernetes
    port: int = 6443


async def serve(config: ServerConfig, ready: Callable[[], None] | None = None) -> None:
    """Serve until cancelled; ``ready`` is called when every socket is listening."""
    store = Store(config.database)
    registry = Registry(store, Allocator(config.service_cidr, config.node_ports))
    bootstrap(registry, config.address, config.port, config.ca.read_text())
    keyring = Keyring.load(config.signing_key)
    streams = Streams(registry, keyring.issue(API_SERVER))
    address = f"{config.address}:{config.port}"
    api = Api(keyring, Resources(registry), Subresources(registry, keyring), streams, address)
    server = _server(api)
    listeners: list[asyncio.Server] = []
    try:
        await _listen(server, config, listeners)
        if ready is not None:
            ready()
        await asyncio.Event().wait()
    finally:
        store.history.end()
        await _stop(server, listeners)
        await streams.close()
        store.close()


async def _stop(server: web.Server, listeners: list[asyncio.Server]) -> None:
    """Take no more connections, let requests end, say goodbye to clients, but not wait for their answer."""
    for listener in listeners:
        listener.close()
    connections = bool(server.connections)
    await server.shutdown(STOP_LIMIT)
    if connections:
        await asyncio.sleep(GOODBYE_LIMIT * 1.5)


def _server(api: Api) -> web.Server:
    """aiohttp without its router and middlewares: they cost more than most of our requests."""

    def make(message, payload, protocol, writer, task):  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT)

    return web.Server(
        api.handle,
        request_factory=make,
        access_log=None,
        handler_cancellation=True,  # a watch or log that nobody reads any more ends at once
        max_line_size=HEADER_LIMIT,
        max_field_size=HEADER_LIMIT,
    )


async def _listen(server: web.Server, config: ServerConfig, listeners: list[asyncio.Server]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(config.certificate, config.key)
    context.set_alpn_protocols(["http/1.1"])
    loop = asyncio.get_running_loop()
    for where in config.sockets:
        try:
            listener = await loop.create_server(
                server, sock=_socket(where), ssl=context, ssl_shutdown_timeout=GOODBYE_LIMIT
            )
            listeners.append(listener)
        except OSError as error:
            name = f"file descriptor {where}" if isinstance(where, int) else f"{where[0]}:{where[1]}"
            raise CannotListen(
                f"the API server cannot listen on {name}: {error.strerror or error}",
                "see with `ss -ltnp` who has the port",
            ) from error


def _socket(where: int | tuple[str, int]) -> socket.socket:
    return socket.socket(fileno=where) if isinstance(where, int) else socket.create_server(where)
