"""What only the userspace mode has: a program that listens, takes turns, tries the next, and keeps a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.live

Object = dict[str, Any]
NODE, NEAR = "192.168.56.11", "10.244.1.5"
VIP, NODE_PORT = "10.96.0.10", 30080


@pytest.fixture
def proxy(world: Any, start_proxy: Callable[..., Any]) -> Iterator[Any]:
    with start_proxy(world, mode="userspace") as made:
        yield made


def names(answers: list[str]) -> Counter[str]:
    return Counter(answer.split()[0] for answer in answers)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("at", ["", "near", "client"])
def test_endpoints_take_exact_turns(
    world: Any,
    proxy: Any,
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
    protocol: str,
    at: str,
) -> None:
    """From the node, a pod, outside; by the ClusterIP: no chance in it, unlike in the kernel's modes."""
    proxy.set(service(protocol=protocol.upper()), endpoints("near", "far", protocol=protocol.upper()))
    assert names(world.ask(protocol, VIP, 80, 20, at=at)) == {"near": 10, "far": 10}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_node_port_answers_everywhere(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object], protocol: str
) -> None:
    upper = protocol.upper()
    proxy.set(service(nodePort=NODE_PORT, protocol=upper), endpoints("near", protocol=upper))
    for address, at in ((NODE, "client"), (NODE, ""), (NODE, "far"), ("127.0.0.1", "")):
        assert world.ask(protocol, address, NODE_PORT, at=at) == [f"near {NODE}"]


def test_the_node_port_is_seen_listening(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    web = service(nodePort=NODE_PORT)
    proxy.set(web, endpoints("near"))
    shown = [line for line in world("ss", "-Hlntp").splitlines() if f":{NODE_PORT} " in line]
    assert len(shown) == 1
    assert "users:((" in shown[0]
    proxy.delete(web)
    assert f":{NODE_PORT} " not in world("ss", "-Hlnt")


def test_a_dead_endpoint_is_passed_over(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    """In every other mode half of these connections would fail."""
    slice_ = endpoints("near", "far")
    slice_["endpoints"][1]["addresses"] = ["10.244.1.66"]  # nobody has it: silence
    proxy.set(service(), slice_)
    assert names(world.ask("tcp", VIP, 80, 4, at="client")) == {"near": 4}


def test_a_client_with_affinity_stays(
    world: Any, proxy: Any, service: Callable[..., Object], endpoints: Callable[..., Object]
) -> None:
    proxy.set(service(sessionAffinity="ClientIP"), endpoints("near", "far"))
    assert len(names(world.ask("tcp", VIP, 80, 10, at="client"))) == 1


def test_a_killed_proxy_s_successor_takes_over(
    world: Any,
    start_proxy: Callable[..., Any],
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
) -> None:
    """The rules it left lead to ports that are gone; the first sync leads them to the new ones."""
    with start_proxy(world, mode="userspace") as first:
        first.set(service(nodePort=NODE_PORT), endpoints("near"))
        before = world.save()
        first.start("userspace", "IPv4", {"clusterCIDR": "10.244.0.0/16"})
        assert world.save() == before
        assert world.ask("tcp", VIP, 80, at="client") == ["ConnectionRefusedError"]
        first.set(service(nodePort=NODE_PORT), endpoints("near"))
        assert world.ask("tcp", VIP, 80, at="client") == [f"near {NODE}"]


def test_any_way_leads_to_the_rules_of_a_full_sync(
    empty: Any,
    start_proxy: Callable[..., Any],
    service: Callable[..., Object],
    endpoints: Callable[..., Object],
) -> None:
    web, other = service(nodePort=NODE_PORT), service("other", clusterIP="10.96.0.11")
    steps: list[tuple[str, Object]] = [
        ("set", web),
        ("set", endpoints("near")),
        ("set", other),
        ("set", service(nodePort=NODE_PORT + 1, externalIPs=["198.51.100.7"])),
        ("delete", other),
        ("set", service(nodePort=NODE_PORT)),
    ]
    with start_proxy(empty, mode="userspace") as proxy:
        for what, item in steps:
            getattr(proxy, what)(item)
            partial = empty.save()
            proxy.do("full")
            assert partial == empty.save()
            assert proxy.do("intact") == {"intact": True}
        proxy.do("cleanup")
        assert "KUBE-" not in empty.save()
