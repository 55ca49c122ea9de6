"""``image: echo``: answers over HTTP, TCP and UDP with its pod's name and the client's address.

    args: [--http, "3001", --tcp, "7000", --udp, "7000"]

    GET /          appname-backend-6d4b9c7f5-x2x9k client=192.168.56.200
    GET /json      the same with all it knows
    GET /ready /live              for probes
    POST /control/ready?value=false  /control/hang?value=true  /control/refuse?seconds=10

One line an answer, so that ``curl … | sort | uniq -c`` counts pods.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from labs.agent.workloads.behaviour import Behaviour, ControlInvalid
from labs.agent.workloads.requests import Request, RequestInvalid, answer, take

BACKLOG = 1024
Answer = tuple[int, str]


def pod_name() -> str:
    """Who answers."""
    return os.environ.get("POD_NAME") or socket.gethostname()


class Echo:
    """What all of a pod's listeners share."""

    def __init__(self, name: str, behaviour: Behaviour, refuse: Callable[[float], None]) -> None:
        self.name, self.behaviour, self._refuse = name, behaviour, refuse
        self._paths: dict[str, Callable[[], Answer]] = {
            "/ready": lambda: self._probe(self.behaviour.ready, "ready"),
            "/live": lambda: self._probe(self.behaviour.live, "live"),
        }

    def line(self, client: tuple[Any, ...]) -> str:
        """The answer in one line."""
        return f"{self.name} client={client[0]}\n"

    def http(self, request: Request, client: tuple[Any, ...], server: tuple[Any, ...]) -> Answer:
        """Status and body; JSON for /json."""
        path = request.path
        if path in self._paths:
            return self._paths[path]()
        if path.startswith("/control/"):
            return self._control(request)
        if path == "/json":
            return 200, json.dumps(self._facts(request, client, server), indent=1) + "\n"
        return 200, self.line(client)

    @staticmethod
    def _probe(good: bool, word: str) -> Answer:
        return (200, f"{word}\n") if good else (503, f"not {word}\n")

    def _facts(self, request: Request, client: tuple[Any, ...], server: tuple[Any, ...]) -> dict[str, Any]:
        return {
            "pod": self.name,
            "namespace": os.environ.get("POD_NAMESPACE", ""),
            "node": os.environ.get("NODE_NAME", ""),
            "client": f"{client[0]}:{client[1]}",
            "server": f"{server[0]}:{server[1]}",
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
        }

    def _control(self, request: Request) -> Answer:
        if request.method != "POST":
            return 405, "use POST, as curl -X POST does\n"
        try:
            self.behaviour.control(request.path.removeprefix("/control/"), request.query)
        except ControlInvalid as error:
            return 400, f"{error}\n"
        if self.behaviour.refuse:
            self._refuse(self.behaviour.refuse)
            self.behaviour.refuse = 0.0
        return 200, f"{self.behaviour}\n"


class Connection(asyncio.Protocol):
    """One connection: its transport and whose it is."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.transport: asyncio.Transport
        self.client: tuple[Any, ...] = ("", 0)
        self.server: tuple[Any, ...] = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep both addresses."""
        self.transport = transport  # type: ignore[assignment]  # asyncio's own signature is the base class
        self.client = transport.get_extra_info("peername") or self.client
        self.server = transport.get_extra_info("sockname") or self.server


class Http(Connection):
    """Requests one after another, as long as the client keeps the connection."""

    def __init__(self, echo: Echo) -> None:
        super().__init__(echo)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are complete."""
        self._buffer += data
        try:
            while (taken := take(self._buffer)) is not None:
                request, self._buffer = taken
                self._answer(request)
        except RequestInvalid as error:
            self.transport.write(answer(400, f"{error}\n", kept=False))
            self.transport.close()

    def _answer(self, request: Request) -> None:
        if self.echo.behaviour.hang and not request.path.startswith("/control/"):
            return
        status, body = self.echo.http(request, self.client, self.server)
        kind = "application/json" if request.path == "/json" else "text/plain"
        head = request.method == "HEAD"
        self.transport.write(answer(status, body, kept=request.kept, kind=kind, head=head))
        if not request.headers.get("user-agent", "").startswith("kube-probe"):
            say(f'{self.client[0]}:{self.client[1]} "{request.method} {request.target}" {status}')
        if not request.kept:
            self.transport.close()


class Tcp(Connection):
    """Says its name at once, then gives back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        super().connection_made(transport)
        say(f"{self.client[0]}:{self.client[1]} tcp")
        if not self.echo.behaviour.hang:
            self.transport.write(self.echo.line(self.client).encode())

    def data_received(self, data: bytes) -> None:
        """Echo."""
        if not self.echo.behaviour.hang:
            self.transport.write(data)


class Udp(asyncio.DatagramProtocol):
    """One datagram back for each: name and client, then what came."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # asyncio's own signature is the base class

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer."""
        say(f"{addr[0]}:{addr[1]} udp {len(data)} bytes")
        if not self._echo.behaviour.hang:
            self._transport.sendto(self._echo.line(addr).encode() + data, addr)


class Listeners:
    """The sockets of the pod; ``refuse`` closes them for a while."""

    def __init__(self, ports: argparse.Namespace, behaviour: Behaviour) -> None:
        self._ports = ports
        self._echo = Echo(pod_name(), behaviour, self.refuse)
        self._open: list[asyncio.Server | asyncio.DatagramTransport] = []

    async def listen(self) -> None:
        """Open all of them; raises OSError."""
        loop = asyncio.get_running_loop()
        rows: tuple[tuple[type[Connection], list[int]], ...] = (
            (Http, self._ports.http),
            (Tcp, self._ports.tcp),
        )
        for kind, ports in rows:
            for port in ports:
                listening = socket.create_server(("", port), backlog=BACKLOG)
                self._open.append(await loop.create_server(partial(kind, self._echo), sock=listening))
        for port in self._ports.udp:
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            bound.bind(("", port))
            transport, _ = await loop.create_datagram_endpoint(lambda: Udp(self._echo), sock=bound)
            self._open.append(transport)

    def close(self) -> None:
        """Nothing listens any more; connections that are open stay."""
        for listener in self._open:
            listener.close()
        self._open.clear()

    def refuse(self, seconds: float) -> None:
        """Close, and listen again later."""
        self.close()
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: loop.create_task(self.listen()))


def say(text: str) -> None:
    """One line in the pod's log."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def serve(arguments: argparse.Namespace) -> None:
    """Until SIGTERM, and then ``--linger`` seconds longer."""
    loop = asyncio.get_running_loop()
    terminated = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, terminated.set)
    listeners = Listeners(arguments, Behaviour(ready=not arguments.not_ready))
    await listeners.listen()
    say(f"{pod_name()} listens: http {arguments.http}, tcp {arguments.tcp}, udp {arguments.udp}")
    await terminated.wait()
    await asyncio.sleep(arguments.linger)
    listeners.close()
    say("terminated")


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser("echo", description="answers with the pod's name")
    for name in ("http", "tcp", "udp"):
        flags.add_argument(f"--{name}", metavar="PORT", type=int, action="append", default=[])
    flags.add_argument("--linger", metavar="SECONDS", type=float, default=0.0, help="serve on after SIGTERM")
    flags.add_argument("--not-ready", action="store_true", help="fail readiness until told otherwise")
    return flags


def main(argv: Sequence[str]) -> int:
    """Serve; without any port, HTTP on 8080."""
    arguments = parser().parse_args(argv)
    if not (arguments.http or arguments.tcp or arguments.udp):
        arguments.http = [8080]
    try:
        asyncio.run(serve(arguments))
    except OSError as error:
        sys.stderr.write(f"echo: cannot listen: {error}\n")
        return 1
    return 0
