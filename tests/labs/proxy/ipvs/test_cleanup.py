"""What goes and what stays when mode ipvs is cleaned up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labs.proxy.config import read
from labs.proxy.ipvs import door
from labs.proxy.ipvs.mode import IpvsMode
from labs.proxy.ipvs.servers import RealKey, ServerKey, Step, virtual_server
from labs.proxy.mode import Setup
from labs.proxy.netfilter.fake import BUILT_IN
from labs.proxy.state import (
    Changed,
    Endpoint,
    Family,
    Node,
    ProxyState,
    ServicePort,
    ServicePortName,
)

WEB = ServicePortName("default", "web", "http")
Make = Callable[..., Any]


def state() -> ProxyState:
    service = ServicePort(
        WEB, "10.96.0.10", 80, node_port=30080, external_ips=("192.168.56.11", "198.51.100.9")
    )
    endpoints = {WEB: (Endpoint("10.244.1.5", 8080, local=True),)}
    return ProxyState(Family.IPV4, Node("worker-1", "192.168.56.11"), {WEB: service}, endpoints)


async def test_nothing_of_it_is_left(node: Make) -> None:
    made = node()
    await made.mode.sync(state(), Changed(everything=True))
    await made.mode.cleanup()
    found = made.snapshot()
    assert (found["ipvs"], found["sets"], found["bound"]) == ([], {}, [])
    assert "kube-ipvs0" not in made.commands.links
    assert {table: set(chains) for table, chains in found["rules"].items()} == {
        table: set(chains) for table, chains in BUILT_IN.items()
    }
    assert not any(rules for chains in found["rules"].values() for rules in chains.values())


async def test_somebody_elses_servers_sets_and_rules_stay(node: Make) -> None:
    made = node()
    keepalived = virtual_server(ServerKey("tcp", "192.168.56.100", 443), "wlc", 0)
    real = RealKey("192.168.56.50", 443)
    made.commands.sets["blocked"] = {"198.51.100.66"}
    made.commands.tables["filter"]["INPUT"].append("-m set --match-set blocked src -j DROP")
    await made.mode.sync(state(), Changed(everything=True))
    made.ipvs.do([Step("add", keepalived), Step("add", keepalived, real)])
    await made.mode.cleanup()
    assert list(made.ipvs.table) == [keepalived.key]
    assert list(made.commands.sets) == ["blocked"]
    assert made.commands.tables["filter"]["INPUT"] == ["-m set --match-set blocked src -j DROP"]


async def test_what_is_excluded_stays(node: Make) -> None:
    made = node(ipvs={"excludeCIDRs": ["10.96.0.0/16"]})
    await made.mode.sync(state(), Changed(everything=True))
    await made.mode.cleanup()
    assert list(made.ipvs.table) == [ServerKey("tcp", "10.96.0.10", 80)]


async def test_a_node_that_never_had_it_is_only_looked_at(node: Make) -> None:
    made = node()
    await made.mode.cleanup()
    assert made.commands.commands == ["ip -oneline link show", "ipset list -name"]


async def test_a_half_made_node_is_cleaned_up_too(node: Make) -> None:
    """kill -9 after the link and the sets were made, before there was a rule."""
    made = node()
    made.commands.links["kube-ipvs0"] = []
    made.commands.sets["KUBE-CLUSTER-IP"] = set()
    await made.mode.cleanup()
    assert "kube-ipvs0" not in made.commands.links
    assert made.commands.sets == {}


async def test_a_kernel_without_sets_has_nothing_to_clean_up(node: Make) -> None:
    """Every mode asks this one to clean up when it starts, on kernels that have neither sets nor IPVS."""
    made = node()
    made.commands.lacks = "ipset"
    await made.mode.cleanup()
    assert made.commands.commands == ["ip -oneline link show", "ipset list -name"]


async def test_what_is_left_after_ipvs_has_left_the_kernel_goes(
    node: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rmmod ip_vs` takes the virtual servers and leaves link and sets."""
    monkeypatch.setattr(door, "LOADED", tmp_path / "no ip_vs")
    made = node()
    made.commands.links["kube-ipvs0"] = ["10.96.0.10/32"]
    made.commands.sets["KUBE-CLUSTER-IP"] = {"10.96.0.10,tcp:80"}
    setup = Setup(Family.IPV4, read({"mode": "ipvs"}, "the test").config, made.commands)
    await IpvsMode(setup, door.KernelIpvs(Family.IPV4)).cleanup()
    assert "kube-ipvs0" not in made.commands.links
    assert made.commands.sets == {}
