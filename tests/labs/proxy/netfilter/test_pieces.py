"""A write in pieces does what it does in one, and is never wrong in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.netfilter.fake import Iptables
from labs.proxy.netfilter.kernel import Kernel, RestoreFailed
from labs.proxy.netfilter.pieces import NARROW, Size, cut, targets_first
from labs.proxy.netfilter.ruleset import Ruleset, Write
from labs.proxy.state import Family
from vm.command import Completed

NAMES = [f"KUBE-{letter}" for letter in "ABCDEFGH"]


@st.composite
def layered(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Chains that jump only to later ones, in any order."""
    rules = {
        name: tuple(
            draw(
                st.lists(
                    st.sampled_from(
                        [f"-j {to}" for to in NAMES[at + 1 :]] + ["-s 10.0.0.1 -j DROP", "-j RETURN"]
                    )
                )
            )
        )
        for at, name in enumerate(NAMES)
    }
    return {name: rules[name] for name in draw(st.permutations(NAMES))}


def blocks(text: str) -> list[list[str]]:
    """The transactions, without their first and last line."""
    return [block.splitlines()[1:] for block in text.split("COMMIT\n") if block]


def loaded(*texts: str) -> Iptables:
    kernel = Iptables()
    for text in texts:
        kernel._restore(text)
    return kernel


@given(layered(), st.integers(1, 12), st.booleans())
def test_pieces_end_where_the_whole_ends(chains: dict[str, tuple[str, ...]], lines: int, firm: bool) -> None:
    before = Write(
        Ruleset({"filter": {}, "nat": {"KUBE-OLD": ("-j KUBE-OLDER",), "KUBE-OLDER": ()}, "mangle": {}})
    )
    write = Write(Ruleset({"filter": {}, "nat": chains, "mangle": {}}))
    write.jumps = {"nat": ("PREROUTING -j KUBE-A", "OUTPUT -j KUBE-A")}
    write.stale = {"nat": ("KUBE-OLD", "KUBE-OLDER")}
    whole, pieces = loaded(before.text(), write.text()), loaded(before.text(), cut(write, Size(lines, firm)))
    assert pieces.tables == whole.tables


@given(layered(), st.integers(1, 12), st.booleans())
def test_a_piece_jumps_only_to_what_is_complete(
    chains: dict[str, tuple[str, ...]], lines: int, firm: bool
) -> None:
    done: set[str] = set()
    text = cut(Write(Ruleset({"filter": {}, "nat": chains, "mangle": {}})), Size(lines, firm))
    for line in (line for block in blocks(text) for line in block if line.startswith((":", "-A"))):
        if line.startswith("-A"):
            assert {word for word in line.split()[2:] if word.startswith("KUBE-")} <= done
        done |= {line.split()[0][1:]} if line.startswith(":") else set()


@given(layered(), st.integers(1, 12))
def test_a_chain_is_in_one_piece_unless_none_is_long_enough(
    chains: dict[str, tuple[str, ...]], lines: int
) -> None:
    write = Write(Ruleset({"filter": {}, "nat": chains, "mangle": {}}))
    for block in blocks(cut(write, Size(lines))):
        named = {line.split()[0][1:] for line in block if line.startswith(":")}
        assert {line.split()[1] for line in block if line.startswith("-A")} <= named
        assert len(block) <= lines or len(named) == 1
    assert all(len(block) <= lines for block in blocks(cut(write, Size(lines, firm=True))))


def test_comments_are_no_targets() -> None:
    chains = {"A": ('-m comment --comment "x -j B" -j C',), "B": ("-j A",), "C": ()}
    assert targets_first(chains) == ["C", "A", "B"]


class Narrow(Iptables):
    """Takes no transaction that is not narrow."""

    async def __call__(self, argv: tuple[str, ...], *, input: str | None = None, **more: Any) -> Completed:
        if input and max(map(len, blocks(input))) > NARROW.lines:
            self.commands.append("too long")
            return Completed(
                argv, 1, "", "sendmsg() failed: Message too long\niptables-restore: line 9 failed"
            )
        return await super().__call__(argv, input=input, **more)


def many(count: int) -> Write:
    return Write(Ruleset({"filter": {}, "nat": {"KUBE-A": ("-j RETURN",) * count}, "mangle": {}}))


async def test_what_is_too_long_for_the_kernel_goes_in_smaller_pieces_from_then_on() -> None:
    run = Narrow()
    kernel = Kernel(Family.IPV4, run)
    await kernel.restore(many(700))
    await kernel.restore(many(701))
    assert len(run.tables["nat"]["KUBE-A"]) == 701
    assert run.commands.count("too long") == 1


async def test_what_is_too_long_in_pieces_too_is_a_failure() -> None:
    async def run(argv: tuple[str, ...], **_: Any) -> Completed:
        return Completed(argv, 1, "iptables v1.8.9 (nf_tables)", "sendmsg() failed: Message too long")

    with pytest.raises(RestoreFailed, match="Message too long"):
        await Kernel(Family.IPV4, lambda argv, **more: run(argv, **{**more, "check": False})).restore(many(2))


async def test_the_legacy_variant_is_given_all_at_once() -> None:
    """It swaps a whole table in one step, however large."""
    texts: list[str] = []

    async def run(argv: tuple[str, ...], *, input: str = "", **_: Any) -> Completed:
        texts.append(input)
        return Completed(argv, 0, "iptables v1.8.9 (legacy)", "")

    await Kernel(Family.IPV4, run).restore(many(5000))
    assert [text.count("COMMIT") for text in texts if text] == [1]
