"""Where a small server listens, and how it shows who has come."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from labs.agent.workloads.serving import datagram_socket, families, shown

LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo\n"
LINK = "fe80000000000000000000fffe000001 04 40 20 80     eth0\n"
POD = "fd000244000000010000000000000005 04 80 00 82     eth0\n"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", {socket.AF_INET}),
        (LOOPBACK + LINK, {socket.AF_INET}),
        (LOOPBACK + POD, {socket.AF_INET, socket.AF_INET6}),
    ],
)
def test_ipv6_is_served_where_others_can_reach_us_by_it(
    tmp_path: Path, table: str, expected: set[int]
) -> None:
    (tmp_path / "if_inet6").write_text(table)
    assert set(families(tmp_path / "if_inet6")) == expected


def test_a_kernel_without_ipv6_is_served_in_ipv4(tmp_path: Path) -> None:
    assert families(tmp_path / "if_inet6") == (socket.AF_INET,)


def test_a_port_is_one_socket_a_family() -> None:
    with datagram_socket(socket.AF_INET, 0) as first:
        port = first.getsockname()[1]
        with datagram_socket(socket.AF_INET6, port) as second:
            assert second.getsockname()[1] == port


def test_an_address_is_shown_so_that_its_port_can_be_told() -> None:
    assert shown(("10.244.1.5", 3001)) == "10.244.1.5:3001"
    assert shown(("fd00:244:0:1::5", 3001, 0, 0)) == "[fd00:244:0:1::5]:3001"
