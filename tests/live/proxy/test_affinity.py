"""ClientIP affinity ends when its time is over and not before: many clients ask, so that chance is small."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from proxy_cases.objects import endpoint_slice, service
from proxy_cases.places import PLACES
from proxy_stage.patience import PATIENCE
from proxy_stage.stage import Stage, stage
from proxy_stage.world import node_facts

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live

CLIENTS = [f"192.168.56.{number}" for number in range(210, 242)]
SECONDS = 3
WEB = {
    "clusterIP": "10.96.0.10",
    "ports": [{"port": 80}],
    "sessionAffinity": "ClientIP",
    "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": SECONDS}},
}


@pytest.fixture(scope="module")
def playing() -> Iterator[Stage]:
    with stage() as made:
        for ip in CLIENTS:
            made.world("ip", "addr", "add", f"{ip}/24", "dev", "eth0", at="client")
        yield made


def asked(playing: Stage) -> dict[str, str]:
    """The endpoint that each client gets."""
    question = {"at": "client", "protocol": "tcp", "address": PLACES["vip"].ipv4, "port": 80, "times": 1}
    found = playing.ask([{**question, "source": ip, "patience": 5 * PATIENCE} for ip in CLIENTS])
    return {ip: answer.split()[0] for ip, (answer,) in zip(CLIENTS, found, strict=True)}


@pytest.mark.parametrize("mode", sorted(MODES.keys() - {"userspace", "ipvs"}))  # theirs go in turn
def test_a_client_comes_back_to_its_endpoint_until_its_time_is_over(playing: Stage, mode: str) -> None:
    playing.needs(mode)
    playing.proxy.start(mode, "IPv4", {"clusterCIDR": "10.244.0.0/16"}, node_facts("IPv4"))
    playing.proxy.become(service("web", WEB, "IPv4"), endpoint_slice("web", WEB, ["near", "far"], "IPv4"))
    first = asked(playing)
    assert set(first.values()) == {"near", "far"}  # all 32 at one of them: once in 2 billion runs
    assert asked(playing) == first
    deadline = time.monotonic() + 20 * PATIENCE
    while asked(playing) == first:
        assert time.monotonic() < deadline, "no client moved although its time was over"
        time.sleep(SECONDS * 1.5)  # to ask more often would be to stay
    playing.proxy.do("cleanup")
