"""``image: echo``: answers over HTTP, TCP and UDP with its pod's name and the client's address.

    args: [--http, "3001", --tcp, "7000", --udp, "7000"]

    GET /          appname-backend-6d4b9c7f5-x2x9k client=192.168.56.200
    GET /json      the same with all it knows
    GET /ready /live              for probes
    POST /control/ready?value=false  /control/hang?value=true  /control/refuse?seconds=10

One line an answer, so that ``curl … | sort | uniq -c`` counts pods.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from labs.agent.workloads.behaviour import Behaviour, ControlInvalid
from labs.agent.workloads.flags import FlagInvalid, Flags
from labs.agent.workloads.requests import Request, RequestInvalid, answer, take
from labs.agent.workloads.serving import Address, Connection, Ports, Server, shown

Answer = tuple[int, str]


def pod_name() -> str:
    """Who answers."""
    return os.environ.get("POD_NAME") or socket.gethostname()


class Echo:
    """What is answered, on all ports; ``refuse`` closes them for some seconds."""

    def __init__(self, name: str, behaviour: Behaviour, refuse: Callable[[float], None]) -> None:
        self.name, self.behaviour, self._refuse = name, behaviour, refuse

    def line(self, client: Address) -> str:
        """The answer in one line."""
        return f"{self.name} client={client[0]}\n"

    def http(self, connection: Connection, data: bytes) -> None:
        """Answer all requests that are complete."""
        connection.received += data
        try:
            while not connection.closing and (taken := take(connection.received)) is not None:
                request, connection.received = taken
                self._request(connection, request)
        except RequestInvalid as error:
            connection.write(answer(400, f"{error}\n", kept=False))
            connection.close()

    def greet(self, connection: Connection) -> None:
        """TCP: say the name at once."""
        say(f"{shown(connection.client)} tcp")
        if not self.behaviour.hang:
            connection.write(self.line(connection.client).encode())

    def tcp(self, connection: Connection, data: bytes) -> None:
        """TCP: give back what came."""
        if not self.behaviour.hang:
            connection.write(data)

    def udp(self, data: bytes, client: Address) -> bytes | None:
        """UDP: the line, then what came."""
        say(f"{shown(client)} udp {len(data)} bytes")
        return None if self.behaviour.hang else self.line(client).encode() + data

    def _request(self, connection: Connection, request: Request) -> None:
        if self.behaviour.hang and not request.path.startswith("/control/"):
            return
        status, body = self._answer(connection, request)
        kind = "application/json" if request.path == "/json" else "text/plain"
        head = request.method == "HEAD"
        connection.write(answer(status, body, kept=request.kept, kind=kind, head=head))
        if not request.headers.get("user-agent", "").startswith("kube-probe"):
            say(f'{shown(connection.client)} "{request.method} {request.target}" {status}')
        if not request.kept:
            connection.close()

    def _answer(self, connection: Connection, request: Request) -> Answer:
        path = request.path
        if path in ("/ready", "/live"):
            good = self.behaviour.ready if path == "/ready" else self.behaviour.live
            return (200, f"{path[1:]}\n") if good else (503, f"not {path[1:]}\n")
        if path.startswith("/control/"):
            return self._control(request)
        if path == "/json":
            return 200, json.dumps(self._facts(connection, request), indent=1) + "\n"
        return 200, self.line(connection.client)

    def _facts(self, connection: Connection, request: Request) -> dict[str, Any]:
        return {
            "pod": self.name,
            "namespace": os.environ.get("POD_NAMESPACE", ""),
            "node": os.environ.get("NODE_NAME", ""),
            "client": shown(connection.client),
            "server": shown(connection.server),
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
        }

    def _control(self, request: Request) -> Answer:
        if request.method != "POST":
            return 405, "use POST, as curl -X POST does\n"
        try:
            seconds = self.behaviour.control(request.path.removeprefix("/control/"), request.query)
        except ControlInvalid as error:
            return 400, f"{error}\n"
        if seconds:
            self._refuse(seconds)
            return 200, f"refuses connections for {seconds:g} s\n"
        return 200, f"{self.behaviour}\n"


def ports(echo: Echo, flags: Flags) -> Ports:
    """Which part of ``echo`` answers where."""
    found = Ports()
    found.streams += [(port, lambda _: None, echo.http) for port in flags.http]
    found.streams += [(port, echo.greet, echo.tcp) for port in flags.tcp]
    found.datagrams += [(port, echo.udp) for port in flags.udp]
    return found


def say(text: str) -> None:
    """One line in the pod's log."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Serve until SIGTERM."""
    try:
        flags = Flags.parse(argv)
        server = Server(flags.linger)
        echo = Echo(pod_name(), Behaviour(ready=not flags.not_ready), server.refuse)
        server.listen(ports(echo, flags))
    except (FlagInvalid, OSError) as error:
        sys.stderr.write(f"echo: {error}\n")
        return 1
    say(f"{echo.name} listens: http {flags.http}, tcp {flags.tcp}, udp {flags.udp}")
    server.serve()
    say("terminated")
    return 0
