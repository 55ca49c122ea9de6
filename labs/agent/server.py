"""The agent's own API on port 10250, with the kubelet's paths: logs, exec, healthz, pods.

The API server passes ``kubectl logs`` and ``kubectl exec`` on to it and shows its token; whoever comes with
none, or with a pod's, is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from labs.agent import logs, terminal
from labs.agent.callers import Callers
from labs.agent.container import Container
from labs.agent.pods import Pods

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KubeletServer:
    """Answers for the pods of one node."""

    def __init__(self, pods: Pods, callers: Callers) -> None:
        self._pods, self._callers = pods, callers

    def application(self) -> web.Application:
        """The paths, and who may ask."""
        application = web.Application(middlewares=[self._authenticated])
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/pods", self._list),
                web.get("/containerLogs/{namespace}/{pod}/{container}", self._logs),
                web.get("/exec/{namespace}/{pod}/{container}", self._exec),
                web.post("/exec/{namespace}/{pod}/{container}", self._exec),
            ]
        )
        return application

    @property
    def _authenticated(self) -> Middleware:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            shown = request.headers.get("Authorization", "")
            if request.path != "/healthz" and not await self._callers.allowed(shown):
                raise web.HTTPUnauthorized(text="Unauthorized")
            return await handler(request)

        return check

    async def _healthz(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    async def _list(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "items": self._pods.objects()})

    def _container(self, request: web.Request) -> Container:
        words = request.match_info
        pod = self._pods.find(words["namespace"], words["pod"])
        if pod is None:
            raise web.HTTPNotFound(text=f'pod "{words["namespace"]}/{words["pod"]}" is not on this node')
        container = self._pods.container(pod, words["container"])
        if container is None:
            text = f"container {words['container']} is not valid for pod {words['pod']}"
            raise web.HTTPBadRequest(text=text)
        return container

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        container = self._container(request)
        wanted = wanted_log(request)
        previous = request.query.get("previous") in ("true", "1")
        attempt = container.state.attempt - 1 if previous else container.state.attempt
        path = existing_log(container, attempt)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        async for piece in logs.read(path, wanted, lambda: self._writes(container, attempt)):
            await response.write(piece)
        await response.write_eof()
        return response

    @staticmethod
    def _writes(container: Container, attempt: int) -> bool:
        """Whether that attempt may still write to its log."""
        return container.state.running and container.state.attempt == attempt

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        container = self._container(request)
        if not container.state.running:
            raise web.HTTPBadRequest(text=f'container "{container.spec["name"]}" is not running')
        argv = request.query.getall("command", [])
        if not argv:
            raise web.HTTPBadRequest(text="you must specify at least one command for the container")
        return await terminal.serve(request, container.inside(), argv)


def existing_log(container: Container, attempt: int) -> Path:
    """The log of that attempt; raises HTTPBadRequest in the kubelet's words when there is none."""
    path = container.log(attempt)
    if path.exists():
        return path
    name, state = container.spec["name"], container.state
    if attempt < state.attempt:
        raise web.HTTPBadRequest(text=f'previous terminated container "{name}" not found')
    reason = f"is waiting to start: {state.waiting[0]}" if state.waiting[0] else "has no log"
    raise web.HTTPBadRequest(text=f'container "{name}" {reason}')


def wanted_log(request: web.Request) -> logs.Wanted:
    """The query words of ``kubectl logs``; raises HTTPBadRequest for a number that is none."""
    words = request.query
    numbers: dict[str, int | None] = {}
    for name in ("tailLines", "sinceSeconds", "limitBytes"):
        text = words.get(name, "")
        if text and not text.isdecimal():
            raise web.HTTPBadRequest(text=f"{name}: {text!r} is not a number of 0 or more")
        numbers[name] = int(text) if text else None
    since = words.get("sinceTime", "")
    seconds = numbers["sinceSeconds"]
    if seconds is not None:
        since = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    flags = {name: words.get(name) in ("true", "1") for name in ("timestamps", "follow")}
    return logs.Wanted(numbers["tailLines"], since, limit=numbers["limitBytes"], **flags)
