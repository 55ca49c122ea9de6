"""What the operator wants and the node has, as options."""

from __future__ import annotations

from typing import Any

import pytest

from labs.proxy.config import read
from labs.proxy.localdetector import LocalBy
from labs.proxy.mode import Setup
from labs.proxy.nftables.host import Host
from labs.proxy.state import Family, Node, ProxyState
from vm.command import Completed

ADDRESSES = """\
1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 192.168.56.11/24 brd 192.168.56.255 scope global eth0
3: eth1    inet 192.168.57.11/24 brd 192.168.57.255 scope global eth1
"""


class Commands:
    """`ip addr show` alone."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, argv: tuple[str, ...], **_: Any) -> Completed:
        assert argv[0] == "ip"
        self.asked += 1
        return Completed(tuple(argv), 0, ADDRESSES, "")


async def options_of(config: dict[str, Any], address: str = "192.168.56.11", run: Any = None) -> Any:
    told = read(
        {"mode": "nftables", "clusterCIDR": "10.244.0.0/16,fd00:244::/48", **config}, "the test"
    ).config
    state = ProxyState(Family.IPV4, Node("worker-1", address))
    return await Host(Setup(Family.IPV4, told, run or Commands())).options(state)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], ("192.168.56.11",)),
        (["primary", "192.168.57.0/24"], ("192.168.56.11", "192.168.57.11")),
        (["192.168.57.0/24"], ("192.168.57.11",)),
        (["0.0.0.0/0"], None),
        (["all"], None),
    ],
)
async def test_node_ports_are_served_where_the_operator_wants(settings: list[str], expected: Any) -> None:
    assert (await options_of({"nodePortAddresses": settings})).node_port_addresses == expected


async def test_the_primary_address_needs_no_command() -> None:
    commands = Commands()
    await options_of({}, run=commands)
    assert commands.asked == 0


async def test_a_node_without_an_address_serves_none() -> None:
    assert (await options_of({}, address="")).node_port_addresses == ()


async def test_loopback_is_refused_and_told(caplog: pytest.LogCaptureFixture) -> None:
    found = await options_of({"nodePortAddresses": ["localhost", "192.168.56.0/24"]})
    assert found.node_port_addresses == ("192.168.56.11",)
    assert "mode nftables has no NodePorts on them" in caplog.text


async def test_the_section_of_the_mode_counts() -> None:
    found = await options_of(
        {"nftables": {"masqueradeBit": 4, "masqueradeAll": True}, "iptables": {"masqueradeBit": 5}}
    )
    assert (found.mark, found.masquerade_all) == ("0x00000010", True)
    assert (found.detector.by, found.detector.value) == (LocalBy.CIDR, "10.244.0.0/16")
