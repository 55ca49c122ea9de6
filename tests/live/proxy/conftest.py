"""A node, two pods and a client outside, in namespaces of the test's own, as root or rootless.

    client 192.168.56.200 ── 192.168.56.11 node ── 10.244.1.5 near, 10.244.1.6 far (pods, routed /32)

«far» is on the same machine but the slices may say that it is on another node. What the table of cases
plays on is larger: proxy_cases.network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from proxy_stage.world import HERE, Object, Proxy, World, namespaces, proxy_in, started, wait_for

PODS = {"near": "10.244.1.5", "far": "10.244.1.6"}

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
