"""The text of a rule, read as expressions: a table of statements, each a pattern and what it means.

It knows the statements that this mode writes, one after the other from the left, and no others.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

from labs.proxy.nftables.netlink import expressions as to
from labs.proxy.nftables.netlink import values

Steps = Iterator[bytes]
OFFSETS = {"ip saddr": (12, 4), "ip daddr": (16, 4), "ip6 saddr": (8, 16), "ip6 daddr": (24, 16)}
"""Where in its header an address is, and how long."""
NAME_SIZE = 16
"""Of an interface's name, with the zero byte."""


class Unknown(ValueError):
    """A statement that this mode does not write."""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """A set that belongs to one rule: its name, and (key, data or verdict) or an interval's borders."""

    name: str
    size: int
    entries: tuple[tuple[bytes, str | bytes], ...] = ()
    borders: tuple[tuple[bytes, bool], ...] = ()


@dataclass(slots=True)
class Rule:
    """A rule being read: its steps, and the sets that it brings along."""

    family: str
    name: Callable[[], str]  # a new name for an anonymous set
    steps: list[bytes] = field(default_factory=list)
    sets: list[Anonymous] = field(default_factory=list)
    comment: str = ""


def own(value: int) -> bytes:
    """A number as the kernel itself keeps it."""
    return value.to_bytes(4, sys.byteorder)


def read(text: str, family: str, name: Callable[[], str]) -> Rule:
    """The rule of this text; raises Unknown."""
    rule = Rule(family, name)
    text, quote, comment = text.partition(' comment "')
    rule.comment = comment.removesuffix('"') if quote else ""
    while text:
        for pattern, meaning in STATEMENTS:
            if found := pattern.match(text):
                rule.steps += meaning(rule, *found.groups(""))
                text = text[found.end() :].lstrip(" ")
                break
        else:
            raise Unknown(text)
    return rule


def _load(selectors: str) -> Steps:
    """``ip daddr . meta l4proto . th dport``, each part in registers of its own."""
    at = 0
    for selector in selectors.split(" . "):
        into = to.register(at)
        if selector in OFFSETS:
            offset, length = OFFSETS[selector]
            yield to.payload(to.NETWORK, offset, length, into)
            at += length
        else:
            yield (
                to.payload(to.TRANSPORT, 2, 2, into) if selector == "th dport" else to.meta(to.L4PROTO, into)
            )
            at += 4


def _in_map(_: Rule, selectors: str, name: str) -> Steps:
    yield from _load(selectors)
    yield to.lookup_verdict(name)


def _in_set(_: Rule, selectors: str, name: str) -> Steps:
    yield from _load(selectors)
    yield to.lookup(name)


def _in_networks(rule: Rule, selector: str, negation: str, networks: str) -> Steps:
    """A set of one is a comparison, as for nft; ``nft list`` prints it so."""
    found = networks.split(" , ")
    if len(found) == 1:
        yield from _in_network(rule, selector, negation, found[0])
        return
    made = Anonymous(rule.name(), OFFSETS[selector][1], borders=tuple(values.intervals(found)))
    rule.sets.append(made)
    yield from _load(selector)
    yield to.lookup_not(made.name) if negation else to.lookup(made.name)


def _in_network(_: Rule, selector: str, negation: str, network: str) -> Steps:
    found = ip_network(network)
    yield from _load(selector)
    if found.prefixlen < found.max_prefixlen:
        yield to.bits(found.netmask.packed, bytes(len(found.netmask.packed)))
    yield to.compare(found.network_address.packed, to.NOT_EQUAL if negation else to.EQUAL)


def _interface(_: Rule, negation: str, name: str) -> Steps:
    """With a star only the beginning is compared, without it the zero byte too."""
    data = name[:-1].encode() if name.endswith("*") else name.encode().ljust(NAME_SIZE, b"\0")
    yield to.meta(to.IIFNAME)
    yield to.compare(data, to.NOT_EQUAL if negation else to.EQUAL)


def _has_bit(key: int, bit: int) -> Callable[[Rule], Steps]:
    def steps(_: Rule) -> Steps:
        yield to.conntrack(key)
        yield to.bits(own(bit), own(0))
        yield to.compare(own(0), to.NOT_EQUAL)

    return steps


def _protocol(_: Rule, name: str) -> Steps:
    yield to.meta(to.L4PROTO)
    yield to.compare(values.one(name))


def _local(_: Rule, which: str) -> Steps:
    yield to.address_type(to.SOURCE if which == "saddr" else to.DESTINATION)
    yield to.compare(own(to.LOCAL))


def _marked(_: Rule, mark: str) -> Steps:
    yield to.meta(to.MARK)
    yield to.bits(own(int(mark, 16)), own(0))
    yield to.compare(own(0), to.NOT_EQUAL)


def _mark(_: Rule, operation: str, mark: str) -> Steps:
    bit = int(mark, 16)
    kept = 0xFFFFFFFF ^ bit if operation == "or" else 0xFFFFFFFF
    yield to.meta(to.MARK)
    yield to.bits(own(kept), own(bit))
    yield to.set_mark()


def _dnat_to_one(rule: Rule, address: str, port: str) -> Steps:
    """The port goes where the second part of a concatenation would be."""
    found = values.one(address.strip("[]"))
    yield to.load(found)
    yield to.load(values.one(port), into := to.SECOND if len(found) == 4 else to.register(len(found)))
    yield to.dnat(rule.family, into)


def _dnat_by_chance(rule: Rule, modulus: str, entries: str) -> Steps:
    found = [entry.split(" : ") for entry in entries.split(" , ")]
    data = tuple((own(int(key)), values.encode(value)) for key, value in found)
    made = Anonymous(rule.name(), len(data[0][1]), data)
    rule.sets.append(made)
    yield to.random(int(modulus))
    yield to.lookup_data(made.name)
    yield to.dnat(rule.family, to.register(made.size - 4))


def _go_by_chance(rule: Rule, modulus: str, entries: str) -> Steps:
    found = [entry.split(" : ") for entry in entries.split(" , ")]
    made = Anonymous(rule.name(), 0, tuple((own(int(key)), value) for key, value in found))
    rule.sets.append(made)
    yield to.random(int(modulus))
    yield to.lookup_verdict(made.name)


def _remember(_: Rule, name: str, selector: str) -> Steps:
    yield from _load(selector)
    yield to.remember(name)


ADDRESS = r"(ip6? [sd]addr)"
SELECTORS = r"((?:ip6? [sd]addr|meta l4proto|th dport)(?: \. (?:ip6? [sd]addr|meta l4proto|th dport))*)"
NAME = r"@([^ ]+)"

STATEMENTS: tuple[tuple[re.Pattern[str], Callable[..., Steps]], ...] = tuple(
    (re.compile(pattern + r"(?= |$)"), meaning)
    for pattern, meaning in (
        (r"ct state new", _has_bit(to.STATE, to.STATE_NEW)),
        (r"ct status dnat", _has_bit(to.STATUS, to.STATUS_DNAT)),
        (rf"{SELECTORS} vmap {NAME}", _in_map),
        (rf"{SELECTORS} {NAME}", _in_set),
        (rf"{ADDRESS} (!= )?\{{ ([^}}]+) \}}", _in_networks),
        (rf"{ADDRESS} (!= )?([0-9a-f.:]+(?:/\d+)?)", _in_network),
        (r'iifname (!= )?"([^"]+)"', _interface),
        (r"meta l4proto (tcp|udp|sctp)", _protocol),
        (r"fib (saddr|daddr) type local", _local),
        (r"mark and (0x[0-9a-f]+) != 0", _marked),
        (r"mark set mark (or|xor) (0x[0-9a-f]+)", _mark),
        (r"dnat to (\[[0-9a-f:.]+\]|[0-9.]+):(\d+)", _dnat_to_one),
        (r"dnat ip6? addr \. port to numgen random mod (\d+) map \{ ([^}]+) \}", _dnat_by_chance),
        (r"numgen random mod (\d+) vmap \{ ([^}]+) \}", _go_by_chance),
        (rf"update {NAME} \{{ {ADDRESS} \}}", _remember),
        (r"masquerade fully-random", lambda rule: iter((to.masquerade(),))),
        (r"reject", lambda rule: iter((to.reject(rule.family),))),
        (r"((?:jump|goto) [^ ]+|drop)", lambda rule, verdict: iter((to.decide(verdict),))),
    )
)
