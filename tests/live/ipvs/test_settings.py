"""What the mode sets on its host, what it leaves alone, and that all of it goes again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labs.proxy.ipvs.door import KernelIpvs
from labs.proxy.ipvs.servers import ServerKey, Step, virtual_server
from labs.proxy.mode import SyncFailed
from labs.proxy.state import Family

SYSCTLS = Path("/proc/sys/net/ipv4")
ARP = ("conf/all/arp_ignore", "conf/all/arp_announce")
VS = ("vs/conntrack", "vs/expire_nodest_conn", "vs/expire_quiescent_template", "ip_forward")

Balanced = Callable[..., Any]
Saved = Callable[[], list[str]]


def sysctl(name: str) -> str:
    return (SYSCTLS / name).read_text().strip()


def shown(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


async def test_the_sysctls_of_ipvs_are_set_and_those_of_arp_only_if_asked_for(balanced: Balanced) -> None:
    await balanced().serve("near")
    assert [sysctl(name) for name in VS] == ["1"] * 4
    assert [sysctl(name) for name in ARP] == ["0", "0"]
    await balanced(ipvs={"strictARP": True}).serve("near")
    assert [sysctl(name) for name in ARP] == ["1", "2"]


async def test_time_outs_are_set_as_configured(balanced: Balanced) -> None:
    await balanced(ipvs={"tcpTimeout": "100s", "tcpFinTimeout": "20s", "udpTimeout": "30s"}).serve("near")
    assert shown("ipvsadm", "-l", "--timeout").split(":")[1].split() == ["100", "20", "30"]


async def test_a_virtual_server_of_somebody_else_stays_only_if_it_is_excluded(
    balanced: Balanced, ipvsadm: Saved
) -> None:
    theirs = [virtual_server(ServerKey("tcp", ip, 443), "wlc", 0) for ip in ("192.0.2.1", "192.0.2.9")]
    door = KernelIpvs(Family.IPV4)
    door.do([Step("add", server) for server in theirs])
    door.close()
    await balanced(ipvs={"excludeCIDRs": ["192.0.2.1/32"]}).serve("near")
    assert [line for line in ipvsadm() if "192.0.2." in line] == ["-A -t 192.0.2.1:443 -s wlc"]


async def test_a_scheduler_that_the_kernel_does_not_have_is_refused_by_its_name(balanced: Balanced) -> None:
    with pytest.raises(SyncFailed, match=r"scheduler.*'nosuch'.*such as rr"):
        await balanced(ipvs={"scheduler": "nosuch"}).serve("near")


async def test_cleanup_leaves_a_kernel_without_a_trace_of_it(balanced: Balanced, ipvsadm: Saved) -> None:
    node = balanced()
    await node.serve("near", "far")
    assert "kube-ipvs0" in shown("ip", "-o", "link")
    assert "KUBE-CLUSTER-IP" in shown("ipset", "list", "-n")
    assert "-A -t 10.96.0.10:80 -s rr" in ipvsadm()
    await node.mode.cleanup()
    assert "kube-ipvs0" not in shown("ip", "-o", "link")
    assert shown("ipset", "list", "-n") == ""
    assert ipvsadm() == []
    assert "KUBE" not in shown("iptables-save")
