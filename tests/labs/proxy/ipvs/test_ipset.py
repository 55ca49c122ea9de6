from __future__ import annotations

import pytest

from labs.proxy.ipvs.fake_commands import Commands
from labs.proxy.ipvs.ipset import IpSets
from labs.proxy.ipvs.sets import CLUSTER_IP, IPVS_IPS, SETS
from labs.proxy.ipvs.share import Entry
from labs.proxy.state import Family
from vm.errors import CommandFailed

WEB, BOUND = Entry(CLUSTER_IP, "10.96.0.10,tcp:80"), Entry(IPVS_IPS, "10.96.0.10")


class Recorder(Commands):
    """Keeps what ipset restore was given."""

    def __init__(self) -> None:
        super().__init__()
        self.restored: list[str] = []

    def _ipset(self, argv: tuple[str, ...], text: str) -> tuple[int, str, str]:
        self.restored += text.splitlines()
        return super()._ipset(argv, text)


@pytest.fixture
async def made() -> tuple[IpSets, Recorder]:
    commands = Recorder()
    sets = IpSets(Family.IPV4, commands)
    await sets.create()
    commands.restored.clear()
    return sets, commands


async def test_all_sets_are_there_from_the_start_since_rules_name_them(made: tuple[IpSets, Recorder]) -> None:
    sets, commands = made
    assert await sets.present() == SETS.keys() == commands.sets.keys()


async def test_what_refuses_is_added_last_and_taken_away_first(made: tuple[IpSets, Recorder]) -> None:
    sets, commands = made
    await sets.build((BOUND, WEB), {BOUND, WEB})
    await sets.raze((WEB, BOUND), set())
    assert commands.restored == [
        "add KUBE-CLUSTER-IP 10.96.0.10,tcp:80",
        "add KUBE-IPVS-IPS 10.96.0.10",
        "del KUBE-IPVS-IPS 10.96.0.10",
        "del KUBE-CLUSTER-IP 10.96.0.10,tcp:80",
    ]


async def test_no_difference_starts_no_process(made: tuple[IpSets, Recorder]) -> None:
    sets, commands = made
    await sets.build((WEB,), {WEB})
    commands.commands.clear()
    assert await sets.build((WEB,), {WEB}) == await sets.raze((WEB,), {WEB}) == 0
    assert commands.commands == []


async def test_what_another_proxy_left_in_the_sets_is_read(made: tuple[IpSets, Recorder]) -> None:
    sets, commands = made
    await sets.build((WEB,), {WEB})
    commands.sets["somebody-elses"] = {"10.96.0.10,tcp:80"}
    assert set(await IpSets(Family.IPV4, commands).read()) == {WEB}


async def test_each_family_has_sets_of_its_own(made: tuple[IpSets, Recorder]) -> None:
    sets, commands = made
    other = IpSets(Family.IPV6, commands)
    await other.create()
    await other.destroy()
    assert await sets.present() == SETS.keys()
    assert await other.present() == frozenset()


async def test_a_refused_line_is_an_error(made: tuple[IpSets, Recorder]) -> None:
    sets, commands = made
    commands.refuse = "KUBE-CLUSTER-IP"
    with pytest.raises(CommandFailed, match="Error in line 1"):
        await sets.build((WEB,), {WEB})
