"""What the proxy answers over HTTP: health to probes and load balancers, metrics to the curious.

The healthCheckNodePorts come and go with Services, so these servers are opened and closed after each
sync. A port that is taken is logged and tried again; the rules matter more than who asks about them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from labs.errors import LabError
from labs.proxy.health import Answer, ProxyHealth
from labs.proxy.metrics import Metrics

log = logging.getLogger(__name__)

RETRY = 5.0
"""Seconds until a port that could not be opened is tried again."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Address = tuple[str | None, int]


class CannotListen(LabError):
    """A port is taken, and bindAddressHardFail says that this is the end."""

    def __init__(self, host: str | None, port: int, error: OSError) -> None:
        cure = "free the port, or change the bind address in the configuration"
        super().__init__(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}", cure)


def _json(answer: Answer) -> web.Response:
    code, body, headers = answer
    return web.json_response(body, status=code, headers={**headers, "X-Content-Type-Options": "nosniff"})


def health_routes(health: ProxyHealth, metrics: Metrics) -> dict[str, Handler]:
    """/healthz and /livez."""

    def counted(ask: Callable[[], Answer]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            found = ask()
            metrics.answered(request.path, found[0])
            return _json(found)

        return answer

    return {"/healthz": counted(health.healthz), "/livez": counted(health.livez)}


def metrics_routes(mode: str, config: Mapping[str, object], metrics: Metrics) -> dict[str, Handler]:
    """/metrics, /proxyMode, /configz, and a /healthz that says that there is somebody."""

    def text(content: Callable[[], bytes], kind: str = "text/plain") -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(body=content(), content_type=kind, charset="utf-8")

        return answer

    return {
        "/metrics": text(metrics.text),
        "/proxyMode": text(mode.encode),
        "/healthz": text(b"ok".__bytes__),
        "/configz": text(
            lambda: json.dumps({"kubeproxy.config.k8s.io": config}).encode(), "application/json"
        ),
    }


async def open_server(routes: Mapping[str, Handler], address: Address) -> web.AppRunner:
    """Serve until the runner is cleaned up; raises OSError if the port is taken."""
    app = web.Application()
    app.add_routes([web.get(path, handler) for path, handler in routes.items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
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
    """One server a healthCheckNodePort."""

    def __init__(self, health: ProxyHealth) -> None:
        self._health = health
        self._runners: dict[int, web.AppRunner] = {}

    async def update(self) -> None:
        """Open the ports that are wanted and not open, close those that are not wanted any more."""
        wanted = self._health.checks.keys()
        for port in self._runners.keys() - wanted:
            await self._runners.pop(port).cleanup()
        for port in wanted - self._runners.keys():
            try:
                self._runners[port] = await open_server({"/": self._handler(port)}, (None, port))
            except OSError as error:
                log.error("cannot listen on healthCheckNodePort %d: %s", port, error.strerror)

    def _handler(self, port: int) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            return _json(self._health.service(port))

        return answer

    async def close(self) -> None:
        """Close all."""
        for port in tuple(self._runners):
            await self._runners.pop(port).cleanup()
