"""Packet counters: in rules only where they exist and can be matched; what they count is a metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labs.proxy.configuration import IPTables, KubeProxyConfiguration
from labs.proxy.counters import INVALID_DROPPED, LOCALHOST_ACCEPTED
from labs.proxy.iptables.counting import PROBE
from labs.proxy.iptables.host import Host
from labs.proxy.metrics import Metrics
from labs.proxy.mode import Setup
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.state import Family, Node, ProxyState


class Counters:
    """A kernel's counters: these can be made, these have counted something."""

    def __init__(self, *possible: str, **counted: int) -> None:
        self.possible, self.counted = possible, counted
        self.asked: list[str] = []

    def ensure(self, name: str) -> bool:
        self.asked.append(name)
        return name in self.possible

    def packets(self, name: str) -> int | None:
        return self.counted.get(name)


async def usable(
    kernel: Any, counters: Counters, sysctls: Path, family: Family = Family.IPV4
) -> frozenset[str]:
    (sysctls / "net/ipv4/conf/all").mkdir(parents=True, exist_ok=True)
    setup = Setup(family, KubeProxyConfiguration(iptables=IPTables()), kernel, counters)
    host = Host(setup, Kernel(family, kernel), sysctls)
    options = await host.prepare(ProxyState(family, Node("worker-1")))
    assert await host.prepare(ProxyState(family, Node("worker-1"))) == options  # asked again, the same
    return options.counters


async def test_counters_that_can_be_made_and_matched_are_used(kernel: Any, tmp_path: Path) -> None:
    before = kernel.save()
    counters = Counters(INVALID_DROPPED, LOCALHOST_ACCEPTED)
    assert await usable(kernel, counters, tmp_path) == {INVALID_DROPPED, LOCALHOST_ACCEPTED}
    assert kernel.save() == before  # the chain of the trial is gone
    assert len(kernel.payloads) == 2  # and it was tried once


async def test_a_kernel_that_has_counters_but_no_match_gets_no_rule_with_one(
    kernel: Any, tmp_path: Path
) -> None:
    kernel.refuse = "nfacct"
    assert await usable(kernel, Counters(INVALID_DROPPED, LOCALHOST_ACCEPTED), tmp_path) == frozenset()
    assert PROBE not in kernel.tables["mangle"]
    assert len(kernel.payloads) == 1


async def test_a_kernel_without_counters_is_not_tried(kernel: Any, tmp_path: Path) -> None:
    assert await usable(kernel, Counters(), tmp_path) == frozenset()
    assert kernel.payloads == []


async def test_only_one_of_them_may_exist(kernel: Any, tmp_path: Path) -> None:
    assert await usable(kernel, Counters(INVALID_DROPPED), tmp_path) == {INVALID_DROPPED}


async def test_what_is_not_written_is_not_counted(kernel: Any, tmp_path: Path) -> None:
    """No NodePorts on ::1, and what is liberal drops nothing invalid."""
    counters = Counters(INVALID_DROPPED, LOCALHOST_ACCEPTED)
    (tmp_path / "net/netfilter").mkdir(parents=True)
    (tmp_path / "net/netfilter/nf_conntrack_tcp_be_liberal").write_text("1\n")
    assert await usable(kernel, counters, tmp_path, Family.IPV6) == frozenset()
    assert counters.asked == []


NAMES = {
    INVALID_DROPPED: "kubeproxy_iptables_ct_state_invalid_dropped_packets_total",
    LOCALHOST_ACCEPTED: "kubeproxy_iptables_localhost_nodeports_accepted_packets_total",
}


@pytest.mark.parametrize("counter", NAMES)
def test_what_the_kernel_has_counted_is_a_metric(counter: str) -> None:
    text = Metrics(Counters(**{counter: 7})).text().decode()
    assert f"\n{NAMES[counter]} 7.0\n" in text
    assert all(name not in text for other, name in NAMES.items() if other != counter)
