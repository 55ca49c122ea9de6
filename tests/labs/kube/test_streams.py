"""Logs and exec through the API server, with real kubectl and an agent that plays its part."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

STDIN, STDOUT, ERROR, CLOSE = 0, 1, 3, 255  # channels of v5.channel.k8s.io


class Agent:
    """A kubelet's API of one pod: says what it is asked, echoes stdin, ends with an exit code."""

    def __init__(self) -> None:
        self.port = 0
        self.tokens: list[str] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Agent:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.add_routes(
            [
                web.get("/containerLogs/default/talker/app", self._logs),
                web.get("/exec/default/talker/app", self._exec),
            ]
        )
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _logs(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"])
        if request.query.get("previous"):
            return web.Response(status=400, text='previous terminated container "app" not found')
        return web.Response(text=f"tail {request.query.get('tailLines', 'all')}\n")

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        argv = request.query.getall("command")
        if argv == ["refuse"]:
            raise web.HTTPBadRequest(text='container "app" is not running')
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        await socket.send_bytes(bytes([STDOUT]) + f"{argv}\n".encode())
        if request.query.get("stdin") == "true":
            await self._echo(socket)
        status: dict[str, Any] = {"metadata": {}, "status": "Success"}
        if argv[0] == "false":
            cause = {"reason": "ExitCode", "message": "3"}
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}
        await socket.send_bytes(bytes([ERROR]) + json.dumps(status).encode())
        await socket.close()
        return socket

    async def _echo(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.data[0] == CLOSE:
                return
            if message.data[0] == STDIN and len(message.data) > 1:
                await socket.send_bytes(bytes([STDOUT]) + message.data[1:])


@pytest.fixture(scope="module")
def agent(api: Any) -> Iterator[Agent]:
    with Agent() as made:
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": made.port}},
        }
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}, "status": status}
        spec = {"nodeName": "here", "containers": [{"name": "app", "image": "echo"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talker"}, "spec": spec}
        assert api.ask("POST", "/api/v1/nodes", node)[0] == 201
        assert api.ask("POST", "/api/v1/namespaces/default/pods", pod)[0] == 201
        body = {"status": {"phase": "Running", "containerStatuses": []}}
        headers = {"Content_Type": "application/merge-patch+json"}
        assert api.ask("PATCH", "/api/v1/namespaces/default/pods/talker/status", body, **headers)[0] == 200
        yield made


def test_logs_are_the_agents_with_the_words_of_the_query(api: Any, agent: Agent) -> None:
    assert api.kubectl("logs", "talker").stdout == "tail all\n"
    assert api.kubectl("logs", "talker", "--tail=5").stdout == "tail 5\n"
    assert agent.tokens[0].startswith("Bearer ey")


def test_the_agents_refusal_is_shown(api: Any, agent: Agent) -> None:
    logs = api.kubectl("logs", "talker", "--previous", check=False)
    command = api.kubectl("exec", "talker", "--", "refuse", check=False)

    assert 'previous terminated container "app" not found' in logs.stderr
    assert command.returncode != 0


def test_a_command_runs_with_its_arguments_unchanged(api: Any, agent: Agent) -> None:
    done = api.kubectl("exec", "talker", "--", "say", "a b", "c+d", "e&f=g", "%2B")

    assert done.stdout == "['say', 'a b', 'c+d', 'e&f=g', '%2B']\n"


def test_an_exit_code_comes_back(api: Any, agent: Agent) -> None:
    assert api.kubectl("exec", "talker", "--", "false", check=False).returncode == 3


def test_standard_input_reaches_the_command_to_its_end(api: Any, agent: Agent) -> None:
    done = api.kubectl("exec", "-i", "talker", "--", "cat", input="first\nlast\n")

    assert done.stdout == "['cat']\nfirst\nlast\n"


def test_port_forward_is_refused_with_the_way_to_do_it_here(api: Any, agent: Agent) -> None:
    refused = api.kubectl("port-forward", "pod/talker", "0:80", check=False)

    assert refused.returncode != 0
    assert "lab shell MACHINE" in refused.stderr


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("pods/talker/portforward", "lab shell MACHINE"),
        ("pods/talker/attach", "lab shell POD"),
        ("pods/talker/proxy/metrics", "lab shell MACHINE"),
        ("pods/talker/log?container=other", "container other is not valid for pod talker"),
        ("pods/nobody/log", 'pods "nobody" not found'),
        ("pods/talker/exec?command=ls", "exec needs a WebSocket here"),
    ],
)
def test_what_cannot_be_streamed_is_said(api: Any, agent: Agent, path: str, said: str) -> None:
    code, status = api.ask("GET", f"/api/v1/namespaces/default/{path}")

    assert code >= 400
    assert said in status["message"]


def test_an_agent_that_is_not_there_is_named(api: Any) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "silent"}}
    spec = {"nodeName": "silent", "containers": [{"name": "app", "image": "echo"}]}
    api.ask("POST", "/api/v1/nodes", node)
    api.ask("POST", "/api/v1/namespaces/default/pods", {"metadata": {"name": "lost"}, "spec": spec})
    path = "/api/v1/namespaces/default/pods/lost/log"

    assert 'node "silent" has no InternalIP' in api.ask("GET", path)[1]["message"]

    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}},
    }
    headers = {"Content_Type": "application/merge-patch+json"}
    api.ask("PATCH", "/api/v1/nodes/silent/status", {"status": status}, **headers)
    code, answer = api.ask("GET", path)

    assert code == 502
    assert "error dialing the node's agent at http://127.0.0.1:1/containerLogs/" in answer["message"]
