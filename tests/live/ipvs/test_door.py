from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from labs.proxy.ipvs.door import IpvsRefused, KernelIpvs
from labs.proxy.ipvs.servers import Load, RealKey, ServerKey, Step, virtual_server
from labs.proxy.state import Family

KEY = ServerKey("tcp", "10.96.0.10", 80)
KEY6 = ServerKey("udp", "fd00:96::10", 53)
REAL, REAL6 = RealKey("10.244.1.5", 8080), RealKey("fd00:244:0:1::5", 5353)
Saved = Callable[[], list[str]]


@pytest.fixture
def door(own_network: None) -> Iterator[KernelIpvs]:
    made = KernelIpvs(Family.IPV4)
    yield made
    made.close()


@pytest.fixture
def door6(own_network: None) -> Iterator[KernelIpvs]:
    made = KernelIpvs(Family.IPV6)
    yield made
    made.close()


def test_what_is_written_is_what_ipvsadm_shows(door: KernelIpvs, ipvsadm: Saved) -> None:
    server = virtual_server(KEY, "rr", 10800)
    door.do([Step("add", server), Step("add", server, REAL), Step("set", server, REAL, 0)])
    assert ipvsadm() == [
        "-A -t 10.96.0.10:80 -s rr -p 10800",
        "-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 0",
    ]


def test_ipv6_and_the_port_of_scheduler_mh(door6: KernelIpvs, ipvsadm: Saved) -> None:
    server = virtual_server(KEY6, "mh", 60)
    door6.do([Step("add", server), Step("add", server, REAL6)])
    assert ipvsadm() == [
        "-A -u [fd00:96::10]:53 -s mh -p 60 -b mh-port",
        "-a -u [fd00:96::10]:53 -r [fd00:244:0:1::5]:5353 -m -w 1",
    ]


def test_each_family_reads_its_own(door: KernelIpvs, door6: KernelIpvs) -> None:
    server, server6 = virtual_server(KEY, "sh", 0), virtual_server(KEY6, "rr", 0)
    door.do([Step("add", server), Step("add", server, REAL)])
    door6.do([Step("add", server6), Step("add", server6, REAL6)])
    assert door.servers() == {KEY: server}
    assert door6.servers() == {KEY6: server6}
    assert door.reals(KEY) == {REAL: Load(1)}
    assert door6.reals(KEY6) == {REAL6: Load(1)}


@pytest.mark.parametrize(
    "scheduler", ["rr", "lc", "dh", "sh", "sed", "nq", "wrr", "wlc", "mh", "lblc", "lblcr"]
)
def test_the_kernel_has_every_scheduler_of_kube_proxy(door: KernelIpvs, scheduler: str) -> None:
    server = virtual_server(KEY, scheduler, 0)
    door.do([Step("add", server)])
    assert door.servers() == {KEY: server}


def test_a_refusal_names_the_step_and_the_others_are_done(door: KernelIpvs) -> None:
    server = virtual_server(KEY, "rr", 0)
    steps = [Step("add", server), Step("add", server), Step("add", server, REAL), Step("add", server, REAL)]
    with pytest.raises(IpvsRefused, match=r"`-A -t 10\.96\.0\.10:80 -s rr`: File exists \(and 1 more\)"):
        door.do(steps)
    assert door.reals(KEY) == {REAL: Load(1)}


def test_a_scheduler_that_is_not_there_is_refused(door: KernelIpvs) -> None:
    with pytest.raises(IpvsRefused, match="-s nosuch`: No such file or directory"):
        door.do([Step("add", virtual_server(KEY, "nosuch", 0))])


def test_a_thousand_steps_go_in_batches_and_come_back_whole(door: KernelIpvs) -> None:
    servers = [virtual_server(ServerKey("sctp", "10.96.0.10", port), "rr", 0) for port in range(1, 1001)]
    door.do([Step("add", server) for server in servers])
    assert door.servers().keys() == {server.key for server in servers}
    door.do([Step("del", server) for server in servers])
    assert door.servers() == {}


def test_time_outs_that_are_zero_stay_as_they_are(door: KernelIpvs) -> None:
    _, tcp_fin, _ = door.current_timeouts()
    door.timeouts(100, 0, 30)
    assert door.current_timeouts() == (100, tcp_fin, 30)
