"""Tests on a kernel with IPVS: in a network namespace of their own, or in a cluster that is made once."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labs.proxy.config import read
from labs.proxy.ipvs.mode import IpvsMode
from labs.proxy.mode import Result, Setup
from labs.proxy.state import Changed, Endpoint, Family, Node, ProxyState, ServicePort, ServicePortName
from vm import syscalls
from vm.command import run_async

MINE = Path("/proc/self/ns/net")
NODE, VIP = "192.168.56.11", "10.96.0.10"
PODS = {"near": "10.244.1.5", "far": "10.244.1.6"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs IPVS and a kernel of its own."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("ip_vs")
            item.add_marker("live")


@pytest.fixture
def own_network() -> Iterator[None]:
    """This very process enters a fresh network namespace: netlink sockets belong to where they are opened."""
    before = os.open(MINE, os.O_RDONLY)
    syscalls.unshare(syscalls.CLONE_NEWNET)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        syscalls.setns(before)
        os.close(before)


class Balanced:
    """This namespace as a node: pods that say their names, and a mode that makes a Service of them."""

    def __init__(self, **config: Any) -> None:
        told = {"mode": "ipvs", "clusterCIDR": "10.244.0.0/16", **config}
        self.mode = IpvsMode(Setup(Family.IPV4, read(told, "the test").config, run_async))

    async def serve(self, *pods: str, protocol: str = "TCP", affinity: int = 0) -> Result:
        """A full sync of one Service with these pods behind it, at VIP and NodePort 30080."""
        name = ServicePortName("default", "web", "http", protocol)
        service = ServicePort(name, VIP, 80, node_port=30080, affinity_seconds=affinity)
        endpoints = tuple(Endpoint(PODS[pod], 8080, local=True) for pod in pods)
        state = ProxyState(Family.IPV4, Node("worker-1", NODE), {name: service}, {name: endpoints})
        return await self.mode.sync(state, Changed(everything=True))


@pytest.fixture
async def pods(own_network: None) -> AsyncIterator[None]:
    """A server at each of PODS, and a node's address."""
    lines = [f"addr add {ip}/32 dev lo\n" for ip in (NODE, *PODS.values())]
    await run_async(("ip", "-batch", "-"), input="".join(lines))
    servers = [await asyncio.start_server(_saying(name), ip, 8080) for name, ip in PODS.items()]
    loop = asyncio.get_running_loop()
    ports = [
        await loop.create_datagram_endpoint(lambda name=name: _Answering(name), local_addr=(ip, 8080))
        for name, ip in PODS.items()
    ]
    yield
    for transport, _ in ports:
        transport.close()
    for server in servers:
        server.close()


@pytest.fixture
async def balanced(pods: None) -> AsyncIterator[Callable[..., Balanced]]:
    """``balanced(ipvs={...})``: a node with this configuration."""
    made: list[Balanced] = []

    def make(**config: Any) -> Balanced:
        made.append(Balanced(**config))
        return made[-1]

    yield make
    for each in made:
        await each.mode.close()


def _saying(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    """A server that says its name, and again for each line that it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{name}\n".encode())
        while await reader.readline():
            writer.write(f"{name}\n".encode())
        writer.close()

    return answer


class _Answering(asyncio.DatagramProtocol):
    """The same, a datagram."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._transport.sendto(self._name.encode(), address)  # type: ignore[attr-defined]


@pytest.fixture
def ipvsadm(own_network: None) -> Callable[[], list[str]]:
    """``ipvsadm()``: what people see."""

    def save() -> list[str]:
        done = subprocess.run(["ipvsadm", "-Sn"], capture_output=True, text=True, check=True)
        return sorted(done.stdout.splitlines())

    return save


@pytest.fixture(scope="session")
def begun(lab_of: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running cluster that began in mode ipvs."""
    made = lab_of(tmp_path_factory.mktemp("ipvs") / "home")
    made("up", "--root", "--mode", "ipvs")
    yield made
    made("down", "--purge")


@pytest.fixture
def cluster(begun: Any) -> Any:
    """The same, in mode ipvs whatever a test before this one has done to it."""
    if begun.on("worker-1", "curl", "-s", "http://127.0.0.1:10249/proxyMode") != "ipvs":
        begun("mode", "ipvs")
    return begun
