"""Connections through the kernel's balancer: who gets which, who keeps it, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest

from labs.proxy.ipvs.door import KernelIpvs
from labs.proxy.ipvs.servers import RealKey, ServerKey, Step, virtual_server
from labs.proxy.state import Family
from vm.command import run_async

VIP = "10.96.0.10"
NEAR = f"{VIP}:80 -r 10.244.1.5:8080"
SCHEDULERS = {
    "evenly": ("rr", "wrr", "lc", "wlc", "sed", "nq"),
    "always the same": ("sh", "dh"),  # by source, by destination
    "any": ("mh", "lblc", "lblcr"),  # by source and port; by destination until one has too many
}
CASES = [(name, how) for how, names in SCHEDULERS.items() for name in names]
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close by a reset, after which the kernel forgets the connection within 10 s instead of 120."""

Balanced = Callable[..., Any]
Connection = tuple[str, asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(times: int = 1) -> AsyncIterator[list[Connection]]:
    """Connections that stay open, each with the name of who answered."""
    made: list[Connection] = []
    try:
        for _ in range(times):
            reader, writer = await asyncio.open_connection(VIP, 80)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            made.append(((await reader.readline()).decode().strip(), reader, writer))
        yield made
    finally:
        for _, _, writer in made:
            writer.close()


async def names(times: int) -> list[str]:
    async with connected(times) as made:
        return [name for name, _, _ in made]


async def datagram() -> str:
    """Who answers a datagram from a port of its own."""

    def ask() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.settimeout(20)
            made.connect((VIP, 80))
            made.send(b"?")
            return made.recv(64).decode()

    return await asyncio.to_thread(ask)


async def until(true: Callable[[], Awaitable[bool]], why: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {why}"
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(("scheduler", "how"), CASES)
async def test_each_scheduler_shares_open_connections_as_its_name_says(
    pods: None, scheduler: str, how: str
) -> None:
    """By the door alone: a whole sync is two dozen processes, which takes an emulated machine seconds."""
    await run_async(("ip", "addr", "add", f"{VIP}/32", "dev", "lo"))
    server = virtual_server(ServerKey("tcp", VIP, 80), scheduler, 0)
    reals = [RealKey(ip, 8080) for ip in ("10.244.1.5", "10.244.1.6")]
    with closing(KernelIpvs(Family.IPV4)) as door:
        door.do([Step("add", server), *(Step("add", server, real) for real in reals)])
    found = Counter(await names(4))
    if how == "evenly":
        assert found == {"near": 2, "far": 2}
    elif how == "always the same":
        assert list(found.values()) == [4]
    else:
        assert found.keys() <= {"near", "far"}


async def test_persistence_keeps_a_client_until_its_time_is_over(balanced: Balanced) -> None:
    """By datagrams: a client's record outlives its connections, and TCP's are in TIME_WAIT for 120 s."""
    node = balanced(ipvs={"udpTimeout": "1s"})
    await node.serve("near", "far", protocol="UDP", affinity=2)
    first = await datagram()
    assert {await datagram() for _ in range(4)} == {first}

    async def moved() -> bool:
        await asyncio.sleep(4)  # to ask more often would be to stay
        return await datagram() != first

    await until(moved, "the client's time is over and it stays")


async def test_an_endpoint_that_goes_keeps_its_connections_until_they_end(
    balanced: Balanced, ipvsadm: Callable[[], list[str]]
) -> None:
    node = balanced()
    await node.serve("near", "far")
    async with connected(2) as made:
        result = await node.serve("far")
        assert result.again > 0
        assert f"-a -t {NEAR} -m -w 0" in ipvsadm()
        assert set(await names(4)) == {"far"}
        _, reader, writer = next(each for each in made if each[0] == "near")
        writer.write(b"still there?\n")
        assert await reader.readline() == b"near\n"

    async def gone() -> bool:
        await node.serve("far")
        return not any(NEAR in line for line in ipvsadm())

    await until(gone, "the last connection has ended and the real server stays")


async def test_an_endpoint_that_is_back_before_it_has_gone_serves_again(
    balanced: Balanced, ipvsadm: Callable[[], list[str]]
) -> None:
    node = balanced()
    await node.serve("near", "far")
    async with connected(2):
        await node.serve("far")
        await node.serve("near", "far")
        assert f"-a -t {NEAR} -m -w 1" in ipvsadm()
        assert set(await names(4)) == {"near", "far"}


async def test_without_endpoints_a_connection_is_refused(balanced: Balanced) -> None:
    await balanced().serve()
    with pytest.raises(ConnectionRefusedError):
        await names(1)


async def test_ping_is_refused_by_the_rule_that_keeps_the_node_s_own_ports_off_the_cluster_ip(
    balanced: Balanced,
) -> None:
    """The address is the node's own, on kube-ipvs0. Before Kubernetes 1.25 there was no such rule."""
    await balanced().serve("near")
    argv = ("ping", "-c", "1", "-W", "20", VIP)
    assert "Port Unreachable" in (await run_async(argv, check=False)).stdout
    await run_async(("iptables", "-F", "KUBE-IPVS-FILTER"))
    assert "1 received" in (await run_async(argv)).stdout
