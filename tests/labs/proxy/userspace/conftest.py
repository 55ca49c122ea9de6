"""An engine in the test's event loop, and servers on loopback."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from labs.proxy.state import ServicePortName
from labs.proxy.userspace.balancer import Address, LoadBalancerRR
from labs.proxy.userspace.engine import Engine
from labs.proxy.userspace.tcp import TcpProxy, listen

HOST = "127.0.0.1"
NAME = ServicePortName("default", "web", "http")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], bool], deadline: float = 10) -> None:
    """Wait for it, or fail."""
    async with asyncio.timeout(deadline):
        while not condition():
            await asyncio.sleep(0.005)


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """Checks afterwards that nothing is left: no descriptor, no pipe, no connection."""
    before = descriptors()
    made = Engine.start(LoadBalancerRR(shuffle=lambda _: None))
    yield made
    made.close()
    assert not made.open
    assert made.pipes.open == 0
    await until(lambda: descriptors() <= before)


class Servers:
    """Servers of the test's own; their connections are closed with them."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def __call__(self, serve: Serve) -> Address:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except OSError:
                return
            finally:
                writer.close()

        server = await asyncio.start_server(served, HOST, 0)
        self._servers.append(server)
        return Address(*server.sockets[0].getsockname())

    async def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture
async def serve(engine: Engine) -> AsyncIterator[Servers]:
    made = Servers()
    yield made
    await made.close()


@pytest.fixture
async def relay(engine: Engine) -> AsyncIterator[Callable[..., Address]]:
    """``relay(endpoint, …)``: a TCP Service port with these endpoints, listening."""
    proxies = []

    def start(*endpoints: Address, affinity: int = 0) -> Address:
        engine.balancer.set_service(NAME, affinity)
        engine.balancer.set_endpoints(NAME, endpoints)
        proxies.append(TcpProxy(NAME, listen(HOST, 0), engine))
        return Address(HOST, proxies[-1].port)

    yield start
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def dead() -> Address:
    """An address at which nobody listens."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return Address(*found.getsockname())


@pytest.fixture
async def silent() -> AsyncIterator[Address]:
    """An address that does not answer: its queue of connections is full."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            made = socket.socket()
            made.setblocking(False)
            made.connect_ex(listener.getsockname())
            waiting.append(made)
        yield Address(*listener.getsockname())
        for made in waiting:
            made.close()
