"""Logs and exec: the API server's part is to find the node and to pass the bytes through.

The node's agent serves the kubelet's own paths on port 10250 and knows the API server by its token.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from yarl import URL

from labs.kube.objects import Object, dig
from labs.kube.registry import Registry
from labs.kube.status import StatusError, bad_request, method_not_allowed
from labs.kube.target import Target

KUBELET_PORT = 10250
EXEC_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
NO_SPDY = "exec needs a WebSocket here (kubectl 1.30 or newer has it); SPDY is not spoken"
Handler = Callable[[web.BaseRequest, Target], Awaitable[web.StreamResponse]]


class Streams:
    """Passes pods/log and pods/exec to the agent of the pod's node."""

    def __init__(self, registry: Registry, token: str) -> None:
        self._registry = registry
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    def find(self, name: str) -> Handler | None:
        """The handler of a subresource, if it is one of ours."""
        return {"log": self._log, "exec": self._exec}.get(name)

    async def close(self) -> None:
        """Close the connections to the agents."""
        if self._session is not None:
            await self._session.close()

    def _agents(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self._session

    async def _log(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        if request.method != "GET":
            raise method_not_allowed()
        url = self._url(request, target, "containerLogs")
        try:
            async with self._agents().get(url) as source:
                if source.status != 200:
                    raise _refused(source.status, await source.text())
                return await _copy(request, source)
        except aiohttp.ClientError as error:
            raise _unreachable(url, error) from error

    async def _exec(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        # The pod comes first, because kubectl shows what its second try, with SPDY, was told.
        url = self._url(request, target, "exec")
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise bad_request(NO_SPDY)
        try:
            async with self._agents().ws_connect(url, protocols=EXEC_PROTOCOLS, max_msg_size=0) as agent:
                spoken = (agent.protocol or EXEC_PROTOCOLS[0],)
                client = web.WebSocketResponse(protocols=spoken, max_msg_size=0)
                await client.prepare(request)
                await _join(client, agent)
                return client
        except aiohttp.WSServerHandshakeError as error:
            raise await self._refusal(url, error) from error
        except aiohttp.ClientError as error:
            raise _unreachable(url, error) from error

    async def _refusal(self, url: URL, error: aiohttp.WSServerHandshakeError) -> StatusError:
        """The agent's words: a refused handshake loses them, so they are asked for without one."""
        async with self._agents().get(url) as answer:
            text = await answer.text()
        return _refused(error.status, text or error.message)

    def _url(self, request: web.BaseRequest, target: Target, path: str) -> URL:
        pod = self._registry.get(target).obj
        container = _container(pod, request.query.get("container", ""))
        node = dig(pod, "spec", "nodeName")
        if not node:
            raise bad_request(f"pod {target.name} does not have a host assigned")
        query = urlencode([(word, value) for word, value in request.query.items() if word != "container"])
        place = f"/{path}/{target.namespace}/{target.name}/{container}"
        return URL(f"http://{self._agent(node)}{place}?{query}", encoded=True)

    def _agent(self, name: str) -> str:
        """Address and port of a node's agent, as its Node object tells."""
        node = self._registry.store.get("Node", ("", name))
        status = (node.obj.get("status") or {}) if node else {}
        addresses = status.get("addresses") or ()
        found = next((one["address"] for one in addresses if one["type"] == "InternalIP"), None)
        if found is None:
            message = f'node "{name}" has no InternalIP: its agent has not reported'
            raise StatusError(503, "ServiceUnavailable", message)
        return f"{found}:{dig(status, 'daemonEndpoints', 'kubeletEndpoint', 'Port') or KUBELET_PORT}"


def _container(pod: Object, asked: str) -> str:
    spec = pod["spec"]
    names = [one["name"] for one in (*(spec.get("initContainers") or ()), *spec["containers"])]
    name = pod["metadata"]["name"]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(names) > 1:
        listed = " ".join(names)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
    return str(names[0])


async def _copy(request: web.BaseRequest, source: aiohttp.ClientResponse) -> web.StreamResponse:
    """From here on the answer has begun: whichever side breaks off, the log just ends."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(aiohttp.ClientError, ConnectionError):
        async for chunk in source.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
    return response


async def _join(client: web.WebSocketResponse, agent: aiohttp.ClientWebSocketResponse) -> None:
    """Both directions until one side is done; the agent's end is the command's end."""
    upward = asyncio.ensure_future(_pass(client, agent))
    try:
        await _pass(agent, client)
    finally:
        upward.cancel()
        await asyncio.gather(upward, return_exceptions=True)
        await client.close()


WebSocket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pass(source: WebSocket, sink: WebSocket) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type == aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
    await sink.close()


def _refused(code: int, text: str) -> StatusError:
    """The agent's own Status where it gave one, else its words."""
    try:
        status = json.loads(text)
        return StatusError(status["code"], status["reason"], status["message"])
    except (ValueError, KeyError, TypeError):
        return StatusError(
            code if code >= 400 else 500, "BadRequest" if code == 400 else "InternalError", text
        )


def _unreachable(url: URL, error: Exception) -> StatusError:
    message = f"error dialing the node's agent at {url.with_query(None)}: {error}"
    return StatusError(502, "InternalError", message)
