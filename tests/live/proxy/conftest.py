"""A node, two pods and a client outside, in namespaces of the test's own, as root or rootless.

    client 192.168.56.200 ── 192.168.56.11 node ── 10.244.1.5 near, 10.244.1.6 far (pods, routed /32)

«far» is on the same machine but the slices may say that it is on another node.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
Object = dict[str, Any]
PODS = {"near": "10.244.1.5", "far": "10.244.1.6"}
CONFIG = {"clusterCIDR": "10.244.0.0/16"}
NODE = {"name": "worker-1", "address": "192.168.56.11", "zone": "zone-a"}

UP = """
mount -t tmpfs tmpfs /run && mkdir /run/netns
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip netns add client
ip link add eth0 type veth peer name eth0 netns client
ip addr add 192.168.56.11/24 dev eth0 && ip link set eth0 up
ip -n client addr add 192.168.56.200/24 dev eth0
ip -n client link set eth0 up && ip -n client link set lo up
ip -n client route add default via 192.168.56.11
ip route add default via 192.168.56.200
"""
POD = """
ip netns add {name}
ip link add veth-{name} address 02:00:00:00:00:01 type veth peer name eth0 netns {name}
ip link set veth-{name} up
ip -n {name} addr add {ip}/32 dev eth0
ip -n {name} link set eth0 up && ip -n {name} link set lo up
ip -n {name} route add 169.254.1.1 dev eth0 scope link
ip -n {name} neigh add 169.254.1.1 dev eth0 lladdr 02:00:00:00:00:01 nud permanent
ip -n {name} route add default via 169.254.1.1
ip route add {ip}/32 dev veth-{name}
"""


class World:
    """The namespaces, by commands run in them."""

    def __init__(self, holder: int) -> None:
        self._enter = ["nsenter", "--preserve-credentials", *user(), "-m", "-n", "-t", str(holder)]

    def argv(self, *argv: str, at: str = "") -> list[str]:
        inside = ["ip", "netns", "exec", at] if at else []
        return [*self._enter, *inside, *argv]

    def __call__(self, *argv: str, at: str = "", text: str | None = None, check: bool = True) -> str:
        """What a command prints, on the node or at a pod or the client."""
        done = subprocess.run(
            self.argv(*argv, at=at), input=text, capture_output=True, text=True, check=False, timeout=60
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def ask(
        self, protocol: str, address: str, port: int, times: int = 1, *, at: str = "", local: int = 0
    ) -> list[str]:
        """The answers of so many connections; ``local`` keeps one source port."""
        words = (protocol, address, str(port), str(times), str(local))
        return self(sys.executable, str(HERE / "client.py"), *words, at=at).splitlines()

    def save(self) -> str:
        """iptables-save without comments and counters of built-in chains."""
        lines = self("iptables-save").splitlines()
        return "\n".join(line.split(" [")[0] for line in lines if not line.startswith("#"))


class Proxy:
    """The driver in the node's namespace."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._objects: dict[tuple[str, str], Object] = {}

    def do(self, what: str, more: object = None) -> Object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, "with": more}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                answer: Object = json.loads(line.removeprefix("ANSWER "))
                return answer
        pytest.fail("the driver ended; see its standard error above")

    def set(self, *objects: Object) -> Object:
        """Objects added or updated, in one sync."""
        pairs = []
        for new in objects:
            key = (new["kind"], new["metadata"]["name"])
            pairs.append([self._objects.get(key), new])
            self._objects[key] = new
        return self._changes(pairs)

    def become(self, *objects: Object) -> Object:
        """These objects and no others, in one sync."""
        after = {(new["kind"], new["metadata"]["name"]): new for new in objects}
        before, self._objects = self._objects, after
        return self._changes([[before.get(key), after.get(key)] for key in before.keys() | after.keys()])

    def delete(self, *objects: Object) -> Object:
        """Objects deleted, in one sync."""
        return self._changes(
            [[self._objects.pop((old["kind"], old["metadata"]["name"])), None] for old in objects]
        )

    def _changes(self, pairs: list[Any]) -> Object:
        answer = self.do("changes", pairs)
        assert answer["synced"], "the sync failed; its log is on standard error"
        return answer


def user() -> list[str]:
    """Ordinary users enter their user namespace first."""
    return [] if os.geteuid() == 0 else ["-U"]


@contextmanager
def started(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    line = process.stdout.readline().strip()
    if line != word:
        pytest.fail(f"{process.args}: expected «{word}», found «{line}»")


@contextmanager
def namespaces() -> Iterator[World]:
    """An empty node: a holder process keeps its namespaces; they go away with it."""
    mine = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    holder = ["unshare", *mine, "--net", "--mount", "sh", "-c", "echo ready; exec cat"]
    with started(holder) as process:
        wait_for(process, "ready")
        yield World(process.pid)


@pytest.fixture
def empty() -> Iterator[World]:
    """A node without links: enough for rules."""
    with namespaces() as world:
        yield world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The whole picture, a server in each pod on port 8080 over TCP and UDP."""
    with ExitStack() as stack:
        world = stack.enter_context(namespaces())
        world("sh", "-e", text=UP + "".join(POD.format(name=name, ip=ip) for name, ip in PODS.items()))
        for name in PODS:
            argv = world.argv(sys.executable, str(HERE / "server.py"), name, "8080", at=name)
            wait_for(stack.enter_context(started(argv)), "ready")
        yield world


@contextmanager
def proxy_in(world: World, config: Object | None = None, family: str = "IPv4") -> Iterator[Proxy]:
    told = {"mode": "iptables", "family": family, "node": NODE, "config": {**CONFIG, **(config or {})}}
    with started(world.argv(sys.executable, "-P", str(HERE / "driver.py"))) as process:
        assert process.stdin
        process.stdin.write(json.dumps(told) + "\n")
        proxy = Proxy(process)
        yield proxy
        proxy.do("cleanup")


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    """A proxy on the node; its rules are gone afterwards."""
    with proxy_in(world) as made:
        yield made


@pytest.fixture
def start_proxy() -> Callable[..., Any]:
    """``with start_proxy(world, config) as proxy``: a proxy with a configuration of the test's own."""
    return proxy_in


@pytest.fixture
def service() -> Callable[..., Object]:
    def make(
        name: str = "web", *, protocol: str = "TCP", status: Object | None = None, **spec: Any
    ) -> Object:
        port = {"name": "http", "port": 80, "protocol": protocol, "nodePort": spec.pop("nodePort", 0)}
        return {
            "kind": "Service",
            "metadata": {"namespace": "default", "name": name},
            "spec": {"type": "NodePort", "clusterIP": "10.96.0.10", "ports": [port], **spec},
            "status": status or {},
        }

    return make


@pytest.fixture
def endpoints() -> Callable[..., Object]:
    """A slice with these pods; ``here`` names those on this node."""

    def make(
        *pods: str,
        name: str = "web",
        protocol: str = "TCP",
        here: tuple[str, ...] = ("near",),
        **conditions: bool,
    ) -> Object:
        return {
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": "default",
                "name": f"{name}-1",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": protocol}],
            "endpoints": [
                {
                    "addresses": [PODS[pod]],
                    "nodeName": "worker-1" if pod in here else "worker-2",
                    "conditions": {"ready": True, **conditions},
                }
                for pod in pods
            ],
        }

    return make
