"""The TCP relay on real sockets: bytes both ways, ends, breaks, slow readers, many connections, no leaks."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import random
import resource
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.proxy.state import ServicePortName
from labs.proxy.userspace import tcp
from labs.proxy.userspace.balancer import Address, LoadBalancerRR
from labs.proxy.userspace.engine import Engine
from labs.proxy.userspace.pump import COPIED

Relay = Callable[..., Address]
NAME = ServicePortName("default", "web", "http")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


def says(name: bytes) -> Any:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)
        await writer.drain()

    return serve


async def ask(address: Address, data: bytes = b"") -> bytes:
    """Everything that comes back when this is sent and ended."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(data)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_bytes_go_there_and_back(serve: Any, relay: Relay) -> None:
    assert await ask(relay(await serve(echo)), b"hello") == b"hello"


@pytest.mark.parametrize("size", [1, COPIED - 1, COPIED, COPIED + 1, 300_000, 5_000_000])
async def test_any_amount_arrives_whole(serve: Any, relay: Relay, size: int) -> None:
    """By copying, by splice, and where one turns into the other."""
    data = random.Random(size).randbytes(size)
    assert await ask(relay(await serve(echo)), data) == data


async def test_without_splice_bytes_are_copied(serve: Any, relay: Relay, engine: Engine) -> None:
    engine.pipes.forbid()
    data = random.Random(1).randbytes(2_000_000)
    assert await ask(relay(await serve(echo)), data) == data
    assert engine.pipes.open == 0


async def test_a_server_may_speak_first(serve: Any, relay: Relay) -> None:
    assert await ask(relay(await serve(says(b"220 hello")))) == b"220 hello"


async def test_endpoints_take_turns(serve: Any, relay: Relay) -> None:
    names = [b"a", b"b", b"c"]
    by_address = {await serve(says(name)): name for name in names}
    front = relay(*by_address)
    order = [by_address[address] for address in sorted(by_address)]
    assert [await ask(front) for _ in range(5)] == [*order, *order[:2]]


async def test_the_client_may_end_while_the_server_still_speaks(serve: Any, relay: Relay) -> None:
    async def digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hashlib.sha256(await reader.read()).digest())  # only at the end of what it reads
        await writer.drain()

    data = bytes(1_000_000)
    assert await ask(relay(await serve(digest)), data) == hashlib.sha256(data).digest()


async def test_the_server_may_end_while_the_client_still_speaks(serve: Any, relay: Relay) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def ends_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        heard.set_result(await reader.read())

    reader, writer = await asyncio.open_connection(*relay(await serve(ends_first)))
    assert await reader.read() == b""
    writer.write(b"still here")
    writer.write_eof()
    assert await heard == b"still here"
    writer.close()
    await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def test_a_server_s_reset_reaches_the_client(serve: Any, relay: Relay) -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reset(writer)

    reader, writer = await asyncio.open_connection(*relay(await serve(breaks)))
    writer.write(b"x")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_client_s_reset_reaches_the_server(serve: Any, relay: Relay) -> None:
    seen = asyncio.get_running_loop().create_future()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        try:
            seen.set_result(await reader.read())
        except ConnectionResetError as error:
            seen.set_result(error.errno)

    reader, writer = await asyncio.open_connection(*relay(await serve(waits)))
    await reader.read(1)
    reset(writer)
    assert await seen == errno.ECONNRESET


async def test_a_slow_reader_slows_the_writer_down(serve: Any, relay: Relay, engine: Engine) -> None:
    """What is not read stays with its sender: the relay holds one pipe of it, whatever is sent."""
    sent = 0

    async def pours(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    reader, writer = await asyncio.open_connection(*relay(await serve(pours)), limit=1 << 12)
    before = -1
    async with asyncio.timeout(20):
        while before != sent or not sent:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.1)
    assert sent < 64 << 20
    assert engine.pipes.open <= 1
    taken, goal = 0, sent + (1 << 20)
    while taken < goal:  # it goes on where it stood
        taken += len(await reader.read(1 << 16))
    writer.close()


async def test_one_stream_does_not_starve_others(serve: Any, relay: Relay) -> None:
    async def pours(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) == b"p":
            while True:
                writer.write(bytes(1 << 18))
                await writer.drain()
        writer.write(b"!")

    front = relay(await serve(pours))
    reader, writer = await asyncio.open_connection(*front)
    writer.write(b"p")

    async def drink() -> None:
        while await reader.read(1 << 18):
            pass

    drinking = asyncio.create_task(drink())
    async with asyncio.timeout(10):
        assert [await ask(front, b"q") for _ in range(20)] == [b"!"] * 20
    drinking.cancel()
    writer.close()


async def test_without_endpoints_a_connection_is_closed_without_a_word(
    relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    assert await ask(relay()) == b""
    assert 'Couldn\'t find an endpoint: service "default/web:http": missing endpoints' in caplog.text


async def test_a_dead_endpoint_is_passed_over(
    serve: Any, relay: Relay, dead: Address, caplog: pytest.LogCaptureFixture
) -> None:
    alive = await serve(says(b"alive"))
    front = relay(alive, dead)
    assert [await ask(front) for _ in range(4)] == [b"alive"] * 4
    assert f'Dial failed: service "default/web:http", endpoint {dead}: Connection refused' in caplog.text


async def test_all_dead_is_the_end(relay: Relay, dead: Address, caplog: pytest.LogCaptureFixture) -> None:
    assert await ask(relay(dead)) == b""
    assert caplog.text.count("Dial failed") == 4
    assert 'Failed to connect to an endpoint of service "default/web:http"' in caplog.text


async def test_an_endpoint_that_does_not_answer_costs_a_quarter_of_a_second(
    serve: Any, relay: Relay, silent: Address
) -> None:
    loop = asyncio.get_running_loop()
    front, times = relay(silent, await serve(says(b"alive"))), []
    for _ in range(2):  # one of the two is the silent one's turn
        began = loop.time()
        assert await ask(front) == b"alive"
        times.append(loop.time() - began)
    assert 0.24 <= max(times) < 2


async def test_affinity_ends_with_its_endpoint(serve: Any, relay: Relay, dead: Address) -> None:
    """TestStickyLoadBalanceEndpointFails: the client stays with the one that answered."""
    names = {await serve(says(name)): name for name in (b"a", b"b")}
    front = relay(dead, *names, affinity=100)
    answers = {await ask(front) for _ in range(5)}
    assert len(answers) == 1


async def test_a_closed_proxy_takes_none_and_what_is_open_goes_on(
    serve: Any, engine: Engine, relay: Relay
) -> None:
    front = relay(await serve(echo))
    reader, writer = await asyncio.open_connection(*front)
    writer.write(b"1")
    assert await reader.read(1) == b"1"
    proxy = tcp.TcpProxy(NAME, tcp.listen("127.0.0.1", 0), engine)
    proxy.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(Address("127.0.0.1", proxy.port))
    writer.write(b"2")
    assert await reader.read(1) == b"2"
    writer.close()
    await writer.wait_closed()


async def test_out_of_descriptors_it_pauses_and_comes_back(
    serve: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The real one ends there, and with it every connection that is open."""
    monkeypatch.setattr(tcp, "PAUSE", 0.05)
    front = relay(await serve(says(b"again")))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.create_connection(front)  # made before there are none left
    lowest = socket.socket().detach()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        async with asyncio.timeout(5):
            while "pausing: Too many open files" not in caplog.text:
                await asyncio.sleep(0.01)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        socket.close(lowest)
    client.setblocking(False)
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 5), 5) == b"again"
    client.close()


async def test_five_thousand_connections_are_open_at_once_within_the_descriptors_there_are(
    relay: Relay, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The servers' ends wait in their kernel's queue until they are accepted, so that they cost none here."""
    caplog.set_level(logging.WARNING)
    count, (_, hard) = 5000, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * count + 500:
        pytest.skip(f"the hard limit of open files is {hard}, this needs {3 * count + 500}")
    servers = [socket.create_server(("127.0.0.1", 0), backlog=count) for _ in range(2)]
    front = relay(*(Address(*server.getsockname()) for server in servers))
    clients = [await connected(front) for _ in range(count)]
    await until(lambda: len(engine.open) == count)
    assert engine.pipes.open == 0
    for server in servers:
        for _ in range(count // 2):
            made, _ = server.accept()
            made.sendall(b"x")
            made.close()
        server.close()
    for client in clients:
        assert await asyncio.get_running_loop().sock_recv(client, 1) == b"x"
        client.close()
    await until(lambda: not engine.open)


async def connected(address: Address) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, address)
    return made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def test_addresses_of_both_families_are_listened_on() -> None:
    for ip, other in (("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("::", "127.0.0.1")):
        with tcp.listen(ip, 0) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((other, port))


def test_a_taken_port_is_an_error() -> None:
    with tcp.listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        tcp.listen(*listener.getsockname())


chunks = st.lists(st.tuples(st.booleans(), st.integers(1, 200_000)), max_size=8)


@settings(max_examples=15, deadline=None)
@given(chunks)
def test_whatever_is_said_in_whatever_order_arrives(chunks: list[tuple[bool, int]]) -> None:
    """Both sides talk at once, in pieces of any size: each hears exactly what the other said."""
    asyncio.run(_talk([size for up, size in chunks if up], [size for up, size in chunks if not up]))


async def _talk(up: list[int], down: list[int]) -> None:
    heard = asyncio.get_running_loop().create_future()

    async def speak(writer: asyncio.StreamWriter, sizes: list[int]) -> None:
        for at, size in enumerate(sizes):
            writer.write(bytes([at]) * size)
            await writer.drain()
        writer.write_eof()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        speaking = asyncio.create_task(speak(writer, down))
        heard.set_result(await reader.read())
        await speaking
        writer.close()

    name, engine = NAME, Engine.start(LoadBalancerRR())
    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        engine.balancer.set_endpoints(name, [Address(*listening.sockets[0].getsockname())])
        proxy = tcp.TcpProxy(name, tcp.listen("127.0.0.1", 0), engine)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        speaking = asyncio.create_task(speak(writer, up))
        got = await reader.read()
        await speaking
        writer.close()
    assert got == b"".join(bytes([at]) * size for at, size in enumerate(down))
    assert await heard == b"".join(bytes([at]) * size for at, size in enumerate(up))
    proxy.close()
    engine.close()
