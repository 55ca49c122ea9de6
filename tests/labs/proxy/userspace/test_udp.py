"""The UDP relay on real sockets: clients told apart, forgotten when silent, answered whence they asked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from labs.proxy.state import ServicePortName
from labs.proxy.userspace import udp
from labs.proxy.userspace.balancer import Address
from labs.proxy.userspace.engine import Engine

HOST = "127.0.0.1"
NAME = ServicePortName("kube-system", "kube-dns", "dns", "UDP")
IDLE = 0.25


class Answers(asyncio.DatagramProtocol):
    """Says who it is, whom it sees, and what it heard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clients: list[tuple[str, int]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, client: tuple[str, int]) -> None:
        self.clients.append(client)
        self.transport.sendto(f"{self.name} {len(data)}".encode(), client)


class World:
    """Servers, one proxy, and clients that ask it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.servers: dict[Address, Answers] = {}
        self.proxy: udp.UdpProxy

    async def serve(self, name: str) -> Address:
        loop = asyncio.get_running_loop()
        made, server = await loop.create_datagram_endpoint(lambda: Answers(name), (HOST, 0))
        address = Address(*made.get_extra_info("sockname")[:2])
        self.servers[address] = server
        return address

    def start(self, *endpoints: Address, ip: str = HOST, idle: float = IDLE) -> Address:
        self.engine.balancer.set_endpoints(NAME, endpoints)
        self.proxy = udp.UdpProxy(NAME, udp.bind(ip, 0), self.engine, idle)
        return Address(HOST, self.proxy.port)


@pytest.fixture
async def world(engine: Engine) -> AsyncIterator[World]:
    made = World(engine)
    yield made
    made.proxy.close()
    for server in made.servers.values():
        server.transport.close()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setblocking(False)
        yield made


async def ask(client: socket.socket, address: tuple[str, int], data: bytes = b"?") -> str:
    loop = asyncio.get_running_loop()
    await loop.sock_sendto(client, data, address)
    answer, sender = await asyncio.wait_for(loop.sock_recvfrom(client, 8192), 5)
    assert sender == address  # or the client's kernel would not know it for the answer
    return answer.decode()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_question_is_answered(world: World, client: socket.socket) -> None:
    front = world.start(await world.serve("a"))
    assert await ask(client, front, b"hello") == "a 5"
    assert await ask(client, front, b"") == "a 0"


async def test_a_client_keeps_its_endpoint_and_its_socket(world: World, client: socket.socket) -> None:
    front = world.start(await world.serve("a"), await world.serve("b"))
    assert len({await ask(client, front) for _ in range(5)}) == 1
    assert {len(set(server.clients)) for server in world.servers.values()} == {0, 1}


async def test_clients_take_turns(world: World) -> None:
    front = world.start(await world.serve("a"), await world.serve("b"))
    answers = []
    for _ in range(4):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            answers.append(await ask(one, front))
    assert sorted(answers) == ["a 1", "a 1", "b 1", "b 1"]


async def test_a_silent_client_is_forgotten(world: World, client: socket.socket) -> None:
    front = world.start(await world.serve("a"), idle=0.1)
    for _ in range(3):
        await ask(client, front)
    assert len(world.proxy.clients) == 1
    await until(lambda: not world.proxy.clients)
    assert await ask(client, front) == "a 1"  # and is welcome again
    assert len(set(next(iter(world.servers.values())).clients)) == 2


async def test_a_client_that_speaks_is_not_forgotten(world: World, client: socket.socket) -> None:
    front = world.start(await world.serve("a"), idle=0.2)
    loop = asyncio.get_running_loop()
    end = loop.time() + 0.6
    while loop.time() < end:
        await ask(client, front)
        await asyncio.sleep(0.01)
    assert len(set(next(iter(world.servers.values())).clients)) == 1


async def test_a_dead_endpoint_is_forgotten_at_once(
    world: World, client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((HOST, 0))
        dead = Address(*found.getsockname())
    front = world.start(dead, idle=60)
    client.sendto(b"?", front)
    await until(lambda: 'UDP of service "kube-system/kube-dns:dns"' in caplog.text)
    assert "Connection refused" in caplog.text
    assert not world.proxy.clients


async def test_clients_of_a_removed_endpoint_find_another(world: World, client: socket.socket) -> None:
    first, second = await world.serve("a"), await world.serve("b")
    front = world.start(first, idle=60)
    assert await ask(client, front) == "a 1"
    world.engine.balancer.set_endpoints(NAME, [second])
    world.proxy.keep_clients_of([second])
    assert await ask(client, front) == "b 1"


async def test_without_endpoints_nothing_is_answered(
    world: World, client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    client.sendto(b"?", world.start())
    await until(lambda: "missing endpoints" in caplog.text)
    assert not world.proxy.clients


async def test_an_answer_leaves_from_the_address_that_was_asked(world: World, client: socket.socket) -> None:
    """A socket on 0.0.0.0 would answer from the address that routing likes."""
    _, port = world.start(await world.serve("a"), ip="0.0.0.0")
    for ip in ("127.0.0.1", "127.0.0.2", "127.7.7.7"):
        assert await ask(client, (ip, port)) == "a 1"


async def test_ipv6_answers_leave_from_the_address_that_was_asked(world: World) -> None:
    _, port = world.start(await world.serve("a"), ip="::")
    world.engine.balancer.set_endpoints(NAME, [])
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one, udp.bind("::1", 0) as server:
        one.settimeout(5)
        server.setblocking(True)
        server.settimeout(5)
        world.engine.balancer.set_endpoints(NAME, [Address("::1", server.getsockname()[1])])
        one.sendto(b"?", ("::1", port))
        await until(lambda: bool(world.proxy.clients))
        data, relay = server.recvfrom(10)
        server.sendto(data + b"!", relay)
        loop = asyncio.get_running_loop()
        one.setblocking(False)
        assert await asyncio.wait_for(loop.sock_recvfrom(one, 10), 5) == (b"?!", ("::1", port, 0, 0))


async def test_a_long_datagram_is_cut_as_with_the_real_one(world: World, client: socket.socket) -> None:
    front = world.start(await world.serve("a"))
    assert await ask(client, front, bytes(5000)) == "a 4096"


async def test_a_closed_proxy_forgets_its_clients(world: World, client: socket.socket) -> None:
    front = world.start(await world.serve("a"), idle=60)
    await ask(client, front)
    world.proxy.close()
    assert not world.proxy.clients
    assert not world.engine.open
    world.start()


def test_a_taken_port_is_an_error() -> None:
    with udp.bind(HOST, 0) as bound, pytest.raises(OSError, match="in use"):
        udp.bind(*bound.getsockname())
