"""Which addresses the node has, and which of them serve NodePorts."""

from __future__ import annotations

from typing import Any

from labs.proxy.nodeports import local_addresses
from labs.proxy.state import Family
from vm.command import Completed


async def test_the_node_s_addresses_are_read() -> None:
    text = (
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n"
        "2: eth0    inet 192.168.56.11/24 brd 192.168.56.255 scope global eth0\n"
        "3: wg0    inet 10.8.0.2 peer 10.8.0.1/32 scope global wg0\n"
    )
    asked = []

    async def run(argv: tuple[str, ...], **_: Any) -> Completed:
        asked.append(argv)
        return Completed(tuple(argv), 0, text, "")

    assert await local_addresses(run, Family.IPV4) == ("127.0.0.1", "192.168.56.11", "10.8.0.2")
    assert asked == [("ip", "-4", "-oneline", "addr", "show")]
