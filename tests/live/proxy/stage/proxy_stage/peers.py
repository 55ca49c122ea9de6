# ruff: noqa: T201
"""All servers and askers of the network, in one process: a socket stays in the namespace it was made in.

Reads a line of JSON a batch of questions, [{"at", "protocol", "address", "port", "times", "patience", …}],
asks all of them at once, and answers a line: a list of answers for each. An answer is «PLACE PORT SOURCE» as
the server says it, or what was seen instead: refused, silence, closed, or the error's name.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from vm import syscalls

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
AT_ONCE = 40
"""Connections of one question that are open at the same time."""

Question = dict[str, Any]


class Namespaces:
    """The network namespaces by name; the empty name is the one that the process began in."""

    def __init__(self) -> None:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._known: dict[str, int] = {"": self._home}

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Make sockets in there."""
        if name not in self._known:
            self._known[name] = os.open(f"/run/netns/{name}", os.O_RDONLY)
        syscalls.setns(self._known[name], syscalls.CLONE_NEWNET)
        try:
            yield
        finally:
            syscalls.setns(self._home, syscalls.CLONE_NEWNET)

    def socket(self, name: str, kind: str, family: int = socket.AF_INET6) -> socket.socket:
        """A socket that does not block."""
        with self.inside(name):
            made = socket.socket(family, KINDS[kind])
        made.setblocking(False)
        return made


class Server:
    """A place's server on one port: says who it is and whom it sees, over TCP and UDP, over both families."""

    def __init__(self, namespaces: Namespaces, at: str, name: str, port: int) -> None:
        self.name, self.port = name, port
        self._sockets = {kind: namespaces.socket(at, kind) for kind in KINDS}
        for made in self._sockets.values():
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.bind(("::", port))
        self._sockets["tcp"].listen(4096)

    def start(self) -> None:
        """Answer from now on."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sockets["tcp"], self._tcp)
        loop.add_reader(self._sockets["udp"], self._udp)

    def _answer(self, source: str) -> bytes:
        return f"{self.name} {self.port} {source.removeprefix('::ffff:')}".encode()

    def _tcp(self) -> None:
        try:
            connection, address = self._sockets["tcp"].accept()
        except (BlockingIOError, ConnectionError):
            return
        with connection:
            connection.send(self._answer(address[0]))

    def _udp(self) -> None:
        try:
            _, address = self._sockets["udp"].recvfrom(64)
            self._sockets["udp"].sendto(self._answer(address[0]), address)
        except OSError:  # an error of an earlier answer: its asker has gone
            return


async def ask(namespaces: Namespaces, question: Question) -> str:
    """One question by a socket of its own."""
    family = socket.AF_INET6 if ":" in question["address"] else socket.AF_INET
    loop = asyncio.get_running_loop()
    with namespaces.socket(question["at"], question["protocol"], family) as made:
        try:
            async with asyncio.timeout(question["patience"]):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if question.get("source") or question.get("local"):
                    made.bind((question.get("source", ""), question.get("local", 0)))
                await loop.sock_connect(made, (question["address"], question["port"]))
                receive = said if question["protocol"] == "tcp" else asked_again
                return (await receive(made)).decode() or "closed"
        except TimeoutError:
            return "silence"
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "closed"
        except OSError as error:
            return type(error).__name__


async def said(made: socket.socket) -> bytes:
    """What a server says when it is connected to."""
    return await asyncio.get_running_loop().sock_recv(made, 64)


async def asked_again(made: socket.socket) -> bytes:
    """The answer to a datagram, sent anew every second: two new flows at once may lose one in conntrack."""
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(made, b"?")
        with suppress(TimeoutError):
            return await asyncio.wait_for(loop.sock_recv(made, 64), 1)


async def answers(namespaces: Namespaces, question: Question) -> list[str]:
    """As many answers as are asked for."""
    limit = asyncio.Semaphore(1 if question.get("sequential") else AT_ONCE)

    async def limited() -> str:
        async with limit:
            return await ask(namespaces, question)

    return await asyncio.gather(*(limited() for _ in range(question["times"])))


async def main() -> None:
    namespaces = Namespaces()
    for at, name, port in json.loads(sys.stdin.readline()):
        Server(namespaces, at, name, port).start()
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        found = await asyncio.gather(*(answers(namespaces, question) for question in json.loads(line)))
        print(json.dumps(found), flush=True)


asyncio.run(main())
