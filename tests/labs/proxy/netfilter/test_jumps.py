"""Jumps that are missing are put in, first or last; those that are there are left alone."""

from __future__ import annotations

from typing import Any

from labs.proxy.netfilter.jumps import Jump, put_missing
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.netfilter.ruleset import Ruleset, Write
from labs.proxy.state import Family

FIRST = Jump("nat", "PREROUTING", "OURS", "say why", "-m addrtype --dst-type LOCAL")
LAST = Jump("nat", "PREROUTING", "OURS-TOO", last=True)
CHAINS = {"OURS": (), "OURS-TOO": ()}


async def put(kernel: Any) -> None:
    door = Kernel(Family.IPV4, kernel)
    write = Write(Ruleset({"filter": {}, "nat": dict(CHAINS), "mangle": {}}))
    put_missing(write, (FIRST, LAST), await door.save())
    await door.restore(write)


async def test_jumps_go_first_or_last(kernel: Any) -> None:
    kernel.tables["nat"]["PREROUTING"] = ["-j THEIRS"]
    await put(kernel)
    assert kernel.tables["nat"]["PREROUTING"] == [
        '-m addrtype --dst-type LOCAL -m comment --comment "say why" -j OURS',
        "-j THEIRS",
        "-j OURS-TOO",
    ]


async def test_jumps_that_are_there_are_not_doubled(kernel: Any) -> None:
    await put(kernel)
    once = list(kernel.tables["nat"]["PREROUTING"])
    await put(kernel)
    assert kernel.tables["nat"]["PREROUTING"] == once


def test_a_write_of_a_last_jump_alone_is_not_empty() -> None:
    assert Write(last_jumps={"nat": ("PREROUTING -j OURS",)})
    assert not Write(last_jumps={"nat": ()})
