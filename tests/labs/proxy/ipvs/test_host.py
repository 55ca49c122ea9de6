from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labs.proxy.config import read
from labs.proxy.ipvs.fake import FakeIpvs
from labs.proxy.ipvs.host import STRICT_ARP, SYSCTLS, Host, kernel_version
from labs.proxy.ipvs.link import Addresses
from labs.proxy.mode import Setup
from labs.proxy.state import Family, Node, ProxyState
from vm.command import run_async
from vm.errors import HostCannot

OWN = ("192.168.56.11", "192.168.57.11")
Make = Callable[..., Host]


@pytest.fixture
def ipvs() -> FakeIpvs:
    return FakeIpvs()


@pytest.fixture
def host(ipvs: FakeIpvs, proc: Path) -> Make:
    def make(**config: Any) -> Host:
        told = read({"mode": "ipvs", **config}, "the test").config
        return Host(Setup(Family.IPV4, told, run_async), ipvs, proc)

    return make


def sysctl(proc: Path, name: str) -> str:
    return (proc / "sys" / name).read_text().strip()


def test_what_ipvs_needs_is_set(host: Make, proc: Path) -> None:
    host().prepare()
    assert {name: sysctl(proc, name) for name in SYSCTLS} == SYSCTLS


@pytest.mark.parametrize(("strict", "values"), [(True, ["1", "2"]), (False, ["0", "0"])])
def test_strict_arp_is_only_set_where_it_is_asked_for(
    host: Make, proc: Path, strict: bool, values: list[str]
) -> None:
    host(ipvs={"strictARP": strict}).prepare()
    assert [sysctl(proc, name) for name in STRICT_ARP] == values


@pytest.mark.parametrize(("release", "left"), [("5.8.0-1-amd64", "0"), ("5.9.0", "1"), ("6.18.1+", "1")])
def test_reuse_of_ports_is_left_as_it_is_where_the_kernel_mended_it(
    host: Make, proc: Path, monkeypatch: pytest.MonkeyPatch, release: str, left: str
) -> None:
    reuse = proc / "sys/net/ipv4/vs/conn_reuse_mode"
    reuse.write_text("1\n")
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "n", release, "v", "m")))
    host().prepare()
    assert reuse.read_text().strip() == left


def test_a_sysctl_that_cannot_be_set_is_named(host: Make, proc: Path) -> None:
    (proc / "sys/net/ipv4/vs/conntrack").unlink()
    with pytest.raises(HostCannot, match="net/ipv4/vs/conntrack to be 1"):
        host().prepare()


def test_a_scheduler_is_tried_once_and_leaves_nothing(host: Make, ipvs: FakeIpvs) -> None:
    made = host(ipvs={"scheduler": "sed"})
    made.prepare()
    made.prepare()
    assert ipvs.steps == ["-A -t 198.51.100.0:20000 -s sed", "-D -t 198.51.100.0:20000"]


def test_a_scheduler_that_the_kernel_refuses_is_named(host: Make) -> None:
    with pytest.raises(HostCannot, match=r"ipvs\.scheduler: this kernel does not take 'best'") as caught:
        host(ipvs={"scheduler": "best"}).prepare()
    assert "such as rr" in caught.value.cure


def test_time_outs_are_set_in_seconds(host: Make, ipvs: FakeIpvs) -> None:
    host(ipvs={"tcpTimeout": "10m", "udpTimeout": "30s"}).prepare()
    assert ipvs.seconds == (600, 120, 30)


@pytest.mark.parametrize(
    ("setting", "served"),
    [([], OWN), (["primary"], OWN[:1]), (["192.168.57.0/24"], OWN[1:]), (["127.0.0.0/8"], ())],
)
def test_node_ports_are_served_where_it_is_said(
    host: Make, setting: list[str], served: tuple[str, ...]
) -> None:
    state = ProxyState(Family.IPV4, Node("worker-1", OWN[0]))
    found = host(nodePortAddresses=setting).options(state, Addresses(frozenset(), OWN), random_fully=True)
    assert found.node_port_addresses == served
    assert found.local_addresses == set(OWN)


def test_the_version_of_a_kernel_is_two_numbers() -> None:
    assert kernel_version("6.1.0-50-amd64") == (6, 1)
