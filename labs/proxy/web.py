"""The proxy's HTTP servers, for the answers of ``routes.py``.

The healthCheckNodePorts come and go with Services, so these servers are opened and closed after each
sync. A port that is taken is logged and tried again; the rules matter more than who asks about them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web

from labs.errors import LabError
from labs.proxy.health import ProxyHealth
from labs.proxy.routes import Handler, health_answer

log = logging.getLogger(__name__)

RETRY = 5.0
"""Seconds until a port that could not be opened is tried again."""

Hosts = tuple[str | None, ...]
"""Where to listen; None is everywhere."""
Address = tuple[str | None, int]


class CannotListen(LabError):
    """A port is taken, and bindAddressHardFail says that this is the end."""

    def __init__(self, host: str | None, port: int, error: OSError) -> None:
        cure = "free the port, or change the bind address in the configuration"
        super().__init__(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}", cure)


async def open_server(routes: Mapping[str, Handler], *addresses: Address) -> web.AppRunner:
    """Serve until the runner is cleaned up; raises OSError if a port is taken."""
    app = web.Application()
    app.add_routes([web.route("*", path, handler) for path, handler in routes.items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        for address in addresses:
            await web.TCPSite(runner, *address).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


async def serve(routes: Mapping[str, Handler], address: Address | None, *, hard_fail: bool = False) -> None:
    """Serve until cancelled; a taken port is tried again, or with ``hard_fail`` raises CannotListen."""
    while address:
        try:
            runner = await open_server(routes, address)
        except OSError as error:
            if hard_fail:
                raise CannotListen(*address, error) from error
            log.error(
                "cannot listen on %s:%d, trying again in %g s: %s",
                *address,
                RETRY,
                os.strerror(error.errno or 0),
            )
            await asyncio.sleep(RETRY)
        else:
            await _until_cancelled(runner)


async def _until_cancelled(runner: web.AppRunner) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


class ServiceHealthServers:
    """One server a healthCheckNodePort, on the addresses that serve NodePorts."""

    def __init__(self, health: ProxyHealth, hosts: Callable[[], Awaitable[Hosts]]) -> None:
        self._health, self._hosts = health, hosts
        self._open: dict[int, tuple[Hosts, web.AppRunner]] = {}

    async def update(self) -> None:
        """Open the ports that are wanted and not open there, close those that are not wanted any more."""
        wanted = self._health.checks.keys()
        hosts = await self._hosts() if wanted else ()
        await self._close([port for port, (at, _) in self._open.items() if at != hosts or port not in wanted])
        for port in wanted - self._open.keys():
            try:
                runner = await open_server({"/": self._handler(port)}, *((host, port) for host in hosts))
            except OSError as error:
                log.error("cannot listen on healthCheckNodePort %d: %s", port, error.strerror)
            else:
                self._open[port] = hosts, runner

    def _handler(self, port: int) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            return health_answer(self._health.service(port))

        return answer

    async def _close(self, ports: Sequence[int]) -> None:
        for port in ports:
            await self._open.pop(port)[1].cleanup()

    async def close(self) -> None:
        """Close all."""
        await self._close(tuple(self._open))
