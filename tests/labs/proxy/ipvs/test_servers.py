from __future__ import annotations

import pytest

from labs.proxy.ipvs.servers import (
    Load,
    RealKey,
    Served,
    ServerKey,
    Step,
    VirtualServer,
    saved,
    virtual_server,
)

KEY = ServerKey("tcp", "10.96.0.10", 80)


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (virtual_server(KEY, "rr", 0), "-t 10.96.0.10:80 -s rr"),
        (virtual_server(KEY, "rr", 10800), "-t 10.96.0.10:80 -s rr -p 10800"),
        (virtual_server(ServerKey("udp", "fd00::10", 53), "lc", 0), "-u [fd00::10]:53 -s lc"),
        (
            virtual_server(ServerKey("sctp", "10.96.0.10", 7), "sh", 0),
            "--sctp-service 10.96.0.10:7 -s sh",
        ),
        (virtual_server(KEY, "mh", 0), "-t 10.96.0.10:80 -s mh -b mh-port"),
    ],
)
def test_a_virtual_server_reads_as_ipvsadm_writes_it(server: VirtualServer, text: str) -> None:
    assert str(server) == text


def test_affinity_is_persistence_with_its_time_out() -> None:
    server = virtual_server(KEY, "rr", 10800)
    assert (server.flags, server.timeout) == (0x1, 10800)


def test_the_table_reads_as_ipvsadm_saves_it() -> None:
    reals = {RealKey("10.244.2.7", 8080): 1, RealKey("10.244.1.5", 8080): 0}
    assert list(saved({KEY: Served(virtual_server(KEY, "rr", 0), reals)})) == [
        "-A -t 10.96.0.10:80 -s rr",
        "-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 0",
        "-a -t 10.96.0.10:80 -r 10.244.2.7:8080 -m -w 1",
    ]


def test_a_step_reads_as_the_ipvsadm_command_for_it() -> None:
    server, real = virtual_server(KEY, "rr", 0), RealKey("10.244.1.5", 8080)
    steps = [
        Step("set", server),
        Step("del", server),
        Step("set", server, real, 0),
        Step("del", server, real),
    ]
    assert [str(step) for step in steps] == [
        "-E -t 10.96.0.10:80 -s rr",
        "-D -t 10.96.0.10:80",
        "-e -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 0",
        "-d -t 10.96.0.10:80 -r 10.244.1.5:8080",
    ]


@pytest.mark.parametrize(("load", "idle"), [(Load(1), True), (Load(1, 1, 0), False), (Load(0, 0, 1), False)])
def test_idle_is_who_has_no_connection_of_either_kind(load: Load, idle: bool) -> None:
    assert load.idle is idle
