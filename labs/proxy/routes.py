"""What the proxy answers over HTTP: health to probes and load balancers, metrics and more to the curious.

healthzBindAddress   :10256   /healthz  /livez
metricsBindAddress   :10249   /metrics  /metrics/slis  /proxyMode  /healthz  /configz  /statusz  /flagz
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from labs.proxy.health import Answer, ProxyHealth
from labs.proxy.metrics import Metrics
from labs.proxy.slis import HealthCheckMetrics
from labs.proxy.zpages import Answer as Page
from labs.proxy.zpages import ZPages

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOSNIFF = {"X-Content-Type-Options": "nosniff"}


def health_answer(answer: Answer) -> web.Response:
    """A health check's answer."""
    code, body, headers = answer
    return web.json_response(body, status=code, headers={**headers, **NOSNIFF})


def health_routes(health: ProxyHealth, metrics: Metrics) -> dict[str, Handler]:
    """/healthz and /livez."""

    def counted(ask: Callable[[], Answer]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            found = ask()
            metrics.answered(request.path, found[0])
            return health_answer(found)

        return answer

    return {"/healthz": counted(health.healthz), "/livez": counted(health.livez)}


def metrics_routes(
    mode: str, config: Mapping[str, object], metrics: Metrics, flags: Mapping[str, str]
) -> dict[str, Handler]:
    """What is served to this node alone, unless metricsBindAddress says otherwise."""
    slis = HealthCheckMetrics()
    configz = json.dumps({"kubeproxy.config.k8s.io": config}).encode()
    routes = {
        "/metrics": text(metrics.text),
        "/metrics/slis": _slis(slis),
        "/proxyMode": text(mode.encode),
        "/healthz": _ping(slis),
        "/configz": text(lambda: configz, "application/json"),
    }
    pages = ZPages(flags, paths=(*routes, "/statusz", "/flagz"))
    return {**routes, "/statusz": _page(pages.statusz), "/flagz": _page(pages.flagz)}


def text(content: Callable[[], bytes], kind: str = "text/plain") -> Handler:
    """A handler that answers with this."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content(), content_type=kind, charset="utf-8", headers=NOSNIFF)

    return answer


def _ping(slis: HealthCheckMetrics) -> Handler:
    """That there is somebody; with ``?verbose`` which check says so."""

    async def answer(request: web.Request) -> web.StreamResponse:
        slis.succeeded("ping", "healthz")
        return web.Response(text="[+]ping ok\nhealthz check passed\n" if "verbose" in request.query else "ok")

    return answer


def _slis(slis: HealthCheckMetrics) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            slis.reset()
            return web.Response(text="metrics reset\n")
        return web.Response(body=slis.text(), content_type="text/plain", charset="utf-8")

    return answer


def _page(page: Callable[[str], Page]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        code, kind, body = page(request.headers.get("Accept", ""))
        return web.Response(status=code, content_type=kind, text=body, headers=NOSNIFF)

    return answer
