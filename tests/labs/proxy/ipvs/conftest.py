"""A node without a kernel: the fakes, and a mode that works on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labs.proxy.config import read
from labs.proxy.ipvs.fake import FakeIpvs
from labs.proxy.ipvs.fake_commands import Commands
from labs.proxy.ipvs.link import NAME
from labs.proxy.ipvs.mode import IpvsMode
from labs.proxy.ipvs.needs import WHOLE
from labs.proxy.mode import Setup
from labs.proxy.state import Family

OWN = {Family.IPV4: "192.168.56.11/24", Family.IPV6: "fd00:56::11/64"}
SYSCTLS = (
    "net/ipv4/vs/conntrack",
    "net/ipv4/vs/conn_reuse_mode",
    "net/ipv4/vs/expire_nodest_conn",
    "net/ipv4/vs/expire_quiescent_template",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/arp_ignore",
    "net/ipv4/conf/all/arp_announce",
)


def proc_in(folder: Path) -> Path:
    """A /proc of a host with IPVS, where nothing is set."""
    for name in SYSCTLS:
        (folder / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sys" / name).write_text("0\n")
    for name, text in {"net/ip_vs": "IP Virtual Server\n", "self/uid_map": f"{WHOLE}\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@dataclass
class Node:
    """The fakes and the mode between them."""

    ipvs: FakeIpvs
    commands: Commands
    mode: IpvsMode

    def snapshot(self) -> dict[str, Any]:
        """All that the kernel has, in a form to compare."""
        return {
            "ipvs": self.ipvs.save(),
            "sets": {name: sorted(members) for name, members in self.commands.sets.items()},
            "bound": sorted(self.commands.links.get(NAME, [])),
            "rules": {
                table: {chain: tuple(rules) for chain, rules in sorted(chains.items())}
                for table, chains in self.commands.tables.items()
            },
        }


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return proc_in(tmp_path / "proc")


def node_in(proc: Path) -> Callable[..., Node]:
    """``node(family, ipvs={...})``: a fresh node and a mode with this configuration on it."""

    def make(family: Family = Family.IPV4, **config: Any) -> Node:
        ipvs, commands = FakeIpvs(), Commands(OWN[family])
        told = {"mode": "ipvs", "clusterCIDR": "10.244.0.0/16,fd00:244::/48", **config}
        setup = Setup(family, read(told, "the test").config, commands)
        return Node(ipvs, commands, IpvsMode(setup, ipvs, proc))

    return make


@pytest.fixture
def node(proc: Path) -> Callable[..., Node]:
    return node_in(proc)
