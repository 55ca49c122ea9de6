"""The text of rules, read: all that this mode writes, and nothing else. What it does is proved live."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.proxy.netlink import attributes
from labs.proxy.nftables.netlink import expressions as to
from labs.proxy.nftables.netlink.grammar import Rule, Unknown, read

PAYLOADS = Path(__file__).parent.parent / "payloads"
RULES = sorted(
    {
        (family, rest)
        for path in PAYLOADS.glob("*.output.txt")
        for line in path.read_text().splitlines()
        if line.startswith("add rule ")
        for _, _, family, _, _, rest in [line.split(" ", 5)]
    }
)


def parsed(text: str, family: str = "ip") -> Rule:
    numbers = iter(range(10))
    return read(text, family, lambda: f"__map{next(numbers)}")


def names(rule: Rule) -> list[str]:
    """The kinds of its steps."""
    steps = [dict(attributes(step))[1] for step in rule.steps]
    return [dict(attributes(step))[1].rstrip(b"\0").decode() for step in steps]


@pytest.mark.parametrize(("family", "text"), RULES)
def test_every_rule_that_is_written_can_be_read(family: str, text: str) -> None:
    assert parsed(text, family).steps


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("ct state new jump services", ["ct", "bitwise", "cmp", "immediate"]),
        ("ip daddr . meta l4proto . th dport vmap @m", ["payload", "meta", "payload", "lookup"]),
        ("ip saddr != 10.244.0.0/16 drop", ["payload", "bitwise", "cmp", "immediate"]),
        ("ip saddr 10.244.0.1 drop", ["payload", "cmp", "immediate"]),
        ("ip saddr != { 10.0.0.0/8 , 192.0.2.1 } drop", ["payload", "lookup", "immediate"]),
        ('iifname "veth*" reject', ["meta", "cmp", "reject"]),
        ("fib daddr type local drop", ["fib", "cmp", "immediate"]),
        ("mark set mark or 0x00004000", ["meta", "bitwise", "meta"]),
        ("meta l4proto tcp dnat to 10.0.0.1:80", ["meta", "cmp", "immediate", "immediate", "nat"]),
        ("update @clients { ip saddr }", ["payload", "dynset"]),
    ],
)
def test_a_statement_is_these_steps(text: str, steps: list[str]) -> None:
    assert names(parsed(text)) == steps


def test_a_choice_brings_its_map_along() -> None:
    choice = "numgen random mod 2 map { 0 : 10.0.0.1 . 80 , 1 : 10.0.0.2 . 81 }"
    rule = parsed(f"meta l4proto tcp dnat ip addr . port to {choice}")
    (made,) = rule.sets
    assert made.name == "__map0"
    assert made.size == 8
    assert [data for _, data in made.entries] == [b"\x0a\0\0\x01\0\x50\0\0", b"\x0a\0\0\x02\0\x51\0\0"]


def test_a_comment_is_set_apart() -> None:
    rule = parsed('mark set mark or 0x1 comment "masquerade all: 1, 2"')
    assert (rule.comment, len(rule.steps)) == ("masquerade all: 1, 2", 3)


def test_an_ipv6_port_comes_after_four_registers() -> None:
    assert to.register(16) == 12
    assert names(parsed("meta l4proto udp dnat to [fd00::1]:53", "ip6"))[-1] == "nat"


@pytest.mark.parametrize("text", ["counter", "ip saddr 10.0.0.0/8 accept", "drop drop?", "tcp dport 80 drop"])
def test_what_this_mode_does_not_write_is_not_guessed(text: str) -> None:
    with pytest.raises(Unknown):
        parsed(text)
