from __future__ import annotations

from typing import Any

import pytest

from labs.proxy.ipvs.fake_commands import Commands
from labs.proxy.ipvs.link import NAME, Addresses, Dummy, reachable
from labs.proxy.state import Family
from vm.command import Completed

SHOWN = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.56.11/24 brd 192.168.56.255 scope global eth0\\       valid_lft forever
2: eth0    inet 192.168.57.11/24 scope global secondary eth0\\       valid_lft forever
5: kube-ipvs0    inet 10.96.0.10/32 scope global kube-ipvs0\\       valid_lft forever
"""


def test_the_links_own_addresses_are_told_from_the_nodes() -> None:
    assert Addresses.parse(SHOWN) == Addresses(frozenset({"10.96.0.10"}), ("192.168.56.11", "192.168.57.11"))


@pytest.mark.parametrize(
    ("ip", "can"),
    [
        *(("127.0.0.1", False), ("::1", False), ("fe80::1", False)),
        *(("169.254.1.1", True), ("192.168.56.11", True), ("fd00::1", True)),
    ],
)
def test_who_can_be_asked_by_others(ip: str, can: bool) -> None:
    """TestIpIsValidForSet."""
    assert reachable(ip) is can


async def test_only_the_difference_is_written() -> None:
    commands = Commands()
    link = Dummy(Family.IPV4, commands)
    await link.create()
    await link.build(("10.96.0.10", "10.96.0.11"), {"10.96.0.10", "10.96.0.11"})
    commands.commands.clear()
    assert await link.build(("10.96.0.10",), {"10.96.0.10"}) == 0
    assert await link.raze(("10.96.0.10", "10.96.0.11"), {"10.96.0.10"}) == 1
    assert commands.commands == ["ip -4 -batch -"]
    assert commands.links[NAME] == ["10.96.0.10/32"]


async def test_a_link_that_is_there_is_not_made_again() -> None:
    commands = Commands()
    for family in Family:
        await Dummy(family, commands).create()
    assert commands.commands.count(f"ip link add {NAME} type dummy") == 1


async def test_the_link_stays_while_the_other_family_has_addresses_on_it() -> None:
    commands = Commands()
    links = {family: Dummy(family, commands) for family in Family}
    await links[Family.IPV4].create()
    await links[Family.IPV4].build(("10.96.0.10",), {"10.96.0.10"})
    await links[Family.IPV6].build(("fd00:96::10",), {"fd00:96::10"})
    await links[Family.IPV4].remove()
    assert commands.links[NAME] == ["fd00:96::10/128"]
    await links[Family.IPV6].remove()
    assert NAME not in commands.links


async def test_the_other_family_may_be_faster_at_removing_it() -> None:
    """Both proxiers clean up at the same time, after the first sync of another mode."""

    class Faster(Commands):
        async def __call__(self, argv: tuple[str, ...], **how: Any) -> Completed:
            if argv[-1] == NAME:
                self.links.pop(NAME, None)
            return await super().__call__(argv, **how)

    commands = Faster()
    link = Dummy(Family.IPV4, commands)
    await link.create()
    await link.remove()
    assert NAME not in commands.links
