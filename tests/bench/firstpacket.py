"""How long the first answer of a new connection takes, against the number of Services, in each mode.

    pod 10.244.1.9 ─┬─ the node, with a proxy and 10 to 5,000 Services; its endpoints are on the node too
                    └─ another without any rules, and the same endpoint

A client connects from the pod, each time to another Service, and waits for a byte that the server sends at
once: later packets of a connection do not ask which Service they are for. In turn it connects to the endpoint
behind no rules; what a mode costs is the ratio of the two. (An endpoint on the node with the rules would not
do: who asks for no Service passes all rules of mode iptables, and pays the most.)

    firstpacket.py WAY      in network and mount namespaces of its own, see isolation.py
"""

from __future__ import annotations

import asyncio
import json
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
from pathlib import Path

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
    "ipvs": ("ipvs", "nft"),
}
"""Way → the proxy's mode, the variant of iptables."""
MISSING = {"ipvs": "this kernel has no ip_vs, or we are not root"}
STRAIGHT, THROUGH = "straight", "through"
READY = "ready\n"
ENDPOINTS = ("10.244.1.5", "10.244.1.6")
WITHOUT_RULES = "10.244.2.5"
NODE, POD = "192.168.56.11", "10.244.1.9"
CONNECTIONS = 1000

NETWORK = f"""
mount -t tmpfs tmpfs /run && mkdir /run/netns
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
ip netns add pod && ip netns add other
ip link add veth1 netns other type veth peer name eth1 netns pod
ip -n other link set lo up && ip -n other link set veth1 up && ip -n pod link set eth1 up
ip -n other addr add {WITHOUT_RULES}/32 dev lo && ip -n other route add {POD}/32 dev veth1
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
ip -n pod route add {WITHOUT_RULES}/32 dev eth1
"""


@contextmanager
def network() -> Iterator[None]:
    """The links, and a server on both sides."""
    subprocess.run(["sh", "-e"], input=NETWORK, text=True, check=True)
    with server(), server("ip", "netns", "exec", "other"):
        yield


@contextmanager
def server(*inside: str) -> Iterator[None]:
    """A process that answers."""
    argv = [*inside, sys.executable, __file__, "--serve"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        if not process.stdout or process.stdout.readline() != READY:
            sys.exit("a server of the benchmark did not start")
        yield
    finally:
        process.kill()
        process.communicate()


def serve() -> None:
    """A byte for everybody who comes."""
    with socket.create_server(("0.0.0.0", POD_PORT), backlog=1024) as listener:
        print(READY, end="", flush=True)
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


def ask(services: int) -> dict[str, float]:
    """Medians in µs, past all rules and by one of the Services, in turn: noise hits both."""
    chance, found = random.Random(1), {STRAIGHT: [0.0] * CONNECTIONS, THROUGH: [0.0] * CONNECTIONS}
    for turn in range(CONNECTIONS):
        found[STRAIGHT][turn] = once(WITHOUT_RULES, POD_PORT)
        found[THROUGH][turn] = once(cluster_ip(chance.randrange(services)), PORT)
    return {name: statistics.median(times) * 1e6 for name, times in found.items()}


async def from_pod(services: int) -> dict[str, float]:
    """``ask`` in the pod, while this process goes on (mode userspace answers here)."""
    argv = ("ip", "netns", "exec", "pod", sys.executable, __file__, "--ask", str(services))
    answer: dict[str, float] = json.loads((await run_async(argv, timeout=300)).stdout)
    return answer


def proxier(name: str, clock: Clock) -> Proxier:
    """A proxier of this mode, and the clock that knows when it is done."""
    config = replace(KubeProxyConfiguration(), mode=name, cluster_cidr="10.244.0.0/16")
    setup = Setup(Family.IPV4, config, run_async)
    parts = Parts(mode(name, setup), Conntrack(Family.IPV4, run_async), clock, Metrics())
    return Proxier(Family.IPV4, Node("node", NODE), parts, Bounds(min_interval=0))


async def measure(name: str, counts: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """Medians in µs by number of Services."""
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
        found[str(count)] = await from_pod(count)
    return found


def main(way: str, counts: tuple[int, ...] = COUNTS) -> None:
    """One mode, or, in the pod, its client, or the server."""
    logging.basicConfig(level=logging.ERROR)
    with network():
        isolation.report(asyncio.run(measure(WAYS[way][0], counts)))


def measured() -> dict[str, dict[str, dict[str, float]]]:
    """Each way in turn."""
    found = {}
    for way, (_, variant) in WAYS.items():
        if (way == "ipvs" and not has_ip_vs()) or not isolation.program(variant):
            continue
        with isolation.iptables(variant) as env:
            found[way] = isolation.isolated("firstpacket.py", way, env=env)
    return found


def has_ip_vs() -> bool:
    """Whether this kernel has it, and lets us. In an emulated guest times would be the emulator's."""
    return os.geteuid() == 0 and Path("/proc/net/ip_vs").exists()


def rows(found: dict[str, dict[str, dict[str, float]]]) -> Iterator[Row]:
    """A row a way: µs at each number of Services, and how many times as long as without rules."""
    for way, by_count in found.items():
        times = " · ".join(f"{each[THROUGH]:.0f}" for each in by_count.values())
        shares = " · ".join(f"{share:.1f}" for share in ratios(by_count))
        what = f"mode {way}, p50 with {' · '.join(by_count)} Services"
        yield Row(what, f"{times} µs: {shares} ×", "– (× without any rules)")
    for way in WAYS.keys() - found.keys():
        yield Row(f"mode {way}", f"not measured: {MISSING.get(way, 'its iptables is not installed')}")


def ratios(by_count: dict[str, dict[str, float]]) -> list[float]:
    """How many times as long as without rules."""
    return [each[THROUGH] / each[STRAIGHT] for each in by_count.values()]


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
        case ["--ask", services]:
            print(json.dumps(ask(int(services))))
        case [way]:
            main(way)
        case [way, *counts]:
            main(way, tuple(map(int, counts)))
