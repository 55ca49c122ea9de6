"""How long the first answer of a new connection takes, against the number of Services, in each mode.

    pod 10.244.1.9 ── the node, with a proxy and 10 to 5,000 Services ── the endpoints, on the node too

A client connects from the pod, each time to another Service, and waits for a byte that the server sends at
once: later packets of a connection do not ask which Service they are for. Beside it the same straight to an
endpoint. What a mode costs is the ratio of the two; times are the machine's.

    firstpacket.py WAY      in network and mount namespaces of its own, see isolation.py
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import isolation
from figures import Row
from population import POD_PORT, PORT, cluster_ip, service, slice_of
from syncs import Clock

from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.conntrack import Conntrack
from labs.proxy.metrics import Metrics
from labs.proxy.mode import Setup
from labs.proxy.modes import mode
from labs.proxy.runner import Bounds
from labs.proxy.state import Family, Node
from labs.proxy.sync import Parts, Proxier
from vm.command import run_async

COUNTS = (10, 100, 1000, 5000)
WAYS = {
    "iptables-legacy": ("iptables", "legacy"),
    "iptables-nft": ("iptables", "nft"),
    "nftables": ("nftables", "nft"),
    "userspace": ("userspace", "nft"),
}
"""Way → the proxy's mode, the variant of iptables."""
STRAIGHT = "straight"
ENDPOINTS = ("10.244.1.5", "10.244.1.6")
NODE, POD = "192.168.56.11", "10.244.1.9"
CONNECTIONS = 1000

NETWORK = f"""
mount -t tmpfs tmpfs /run && mkdir /run/netns
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
ip netns add pod
ip link add veth0 type veth peer name eth0 netns pod
ip link set veth0 up
ip addr add {NODE}/32 dev lo
ip addr add {ENDPOINTS[0]}/32 dev lo && ip addr add {ENDPOINTS[1]}/32 dev lo
ip -n pod addr add {POD}/32 dev eth0
ip -n pod link set eth0 up && ip -n pod link set lo up
ip -n pod route add 169.254.1.1 dev eth0 scope link
ip addr add 169.254.1.1/32 dev veth0
ip -n pod route add default via 169.254.1.1
ip route add {POD}/32 dev veth0
"""


@contextmanager
def network() -> Iterator[None]:
    """The links, and a server at both endpoints."""
    subprocess.run(["sh", "-e"], input=NETWORK, text=True, check=True)
    server = subprocess.Popen([sys.executable, __file__, "--serve"])
    try:
        isolation.until(lambda: answers(ENDPOINTS[0]), 10, "the server")
        yield
    finally:
        server.kill()
        server.wait()


def answers(address: str) -> bool:
    """Whether somebody is there."""
    try:
        once(address, POD_PORT)
    except OSError:
        return False
    return True


def serve() -> None:
    """A byte for everybody who comes."""
    with socket.create_server(("0.0.0.0", POD_PORT), backlog=1024) as listener:
        while True:
            made, _ = listener.accept()
            made.send(b"!")
            made.close()


def once(address: str, port: int) -> float:
    """Seconds from the first packet to the first byte of an answer."""
    with socket.socket() as made:
        made.settimeout(10)
        began = time.perf_counter()
        made.connect((address, port))
        made.recv(1)
        return time.perf_counter() - began


def ask(addresses: list[str], port: int) -> float:
    """The median over connections to these in random order, in µs."""
    chance = random.Random(1)
    return statistics.median(once(chance.choice(addresses), port) for _ in range(CONNECTIONS)) * 1e6


async def from_pod(what: str) -> float:
    """``ask`` in the pod, while this process goes on (mode userspace answers here)."""
    argv = ("ip", "netns", "exec", "pod", sys.executable, __file__, "--ask", what)
    return float((await run_async(argv, timeout=120)).stdout)


def proxier(name: str, clock: Clock) -> Proxier:
    """A proxier of this mode, and the clock that knows when it is done."""
    config = replace(KubeProxyConfiguration(), mode=name, cluster_cidr="10.244.0.0/16")
    setup = Setup(Family.IPV4, config, run_async)
    parts = Parts(mode(name, setup), Conntrack(Family.IPV4, run_async), clock, Metrics())
    return Proxier(Family.IPV4, Node("node", NODE), parts, Bounds(min_interval=0))


async def measure(name: str, counts: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Medians in µs by number of Services, straight to an endpoint and through a Service."""
    found: dict[str, dict[str, float]] = {}
    clock = Clock()
    made = proxier(name, clock)
    known = 0
    for count in counts:
        for number in range(known, count):
            made.service(None, service(number))
            made.endpoint_slice(None, slice_of(number, ENDPOINTS))
        known = count
        if not await made.sync():
            sys.exit(f"mode {name} cannot sync {count} Services")
        straight, through = await from_pod(STRAIGHT), await from_pod(str(count))
        found[str(count)] = {STRAIGHT: straight, "through": through}
    return found


def main(way: str, counts: tuple[int, ...] = COUNTS) -> None:
    """One mode, or, in the pod, its client, or the server."""
    logging.basicConfig(level=logging.ERROR)
    with network():
        isolation.report(asyncio.run(measure(WAYS.get(way, (way, ""))[0], counts)))


def measured() -> dict[str, dict[str, dict[str, float]]]:
    """Each way in turn."""
    found = {}
    for way, (_, variant) in WAYS.items():
        with isolation.iptables(variant) as env:
            found[way] = isolation.isolated("firstpacket.py", way, env=env)
    return found


def rows(found: dict[str, dict[str, dict[str, float]]]) -> Iterator[Row]:
    """A row a way: µs at each number of Services, and how many times as long as straight to an endpoint."""
    for way, by_count in found.items():
        times = " · ".join(f"{each['through']:.0f}" for each in by_count.values())
        shares = " · ".join(f"{share:.1f}" for share in ratios(by_count))
        what = f"mode {way}, p50 with {' · '.join(by_count)} Services"
        yield Row(what, f"{times} µs: {shares} ×", "– (× straight to the endpoint)")


def ratios(by_count: dict[str, dict[str, float]]) -> list[float]:
    """How many times as long as straight to an endpoint."""
    return [each["through"] / each[STRAIGHT] for each in by_count.values()]


def lines(found: dict[str, dict[str, dict[str, float]]]) -> dict[str, list[tuple[int, float]]]:
    """The same for the plot."""
    return {
        way: list(zip(map(int, by_count), ratios(by_count), strict=True)) for way, by_count in found.items()
    }


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    match sys.argv[1:]:
        case ["--serve"]:
            serve()
        case ["--ask", "straight"]:
            print(ask(list(ENDPOINTS), POD_PORT))
        case ["--ask", count]:
            print(ask([cluster_ip(number) for number in range(int(count))], PORT))
        case [way]:
            main(way)
        case [way, *counts]:
            main(way, tuple(map(int, counts)))
