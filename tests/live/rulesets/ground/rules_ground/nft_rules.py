"""Random rulesets of nft out of the constructs that kube-proxy uses, and their neighbours.

Tables have base chains on every hook, before and after conntrack, some of the same priority; in each table
are user chains, sets, maps, and verdict maps by which rules go to the chains.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st
from rules_ground.families import Family

FENCES = (
    'udp dport 9 counter accept comment "fence"',
    'udp sport 9 counter accept comment "fence"',
    'meta l4proto {l4icmp} counter accept comment "fence"',
    '{ip} daddr {multicast} counter accept comment "fence"',
)

# Where no rule needs it the kernel does not track connections, and then asks no nat chain at all.
TRACKING = 'ct state new counter comment "fence"'

MATCHES = (
    "{ip} saddr {client}",
    "{ip} saddr != {clients}",
    "{ip} saddr {{ {client}, {servers} }}",
    "{ip} daddr {service}",
    "{ip} daddr {{ {services}, {near} }}",
    "{ip} daddr != {{ {services}, {near} }}",
    "{ip} daddr @addresses",
    "{ip} daddr != @addresses",
    "{ip} saddr @remembered",
    "{ip} saddr . {ip} daddr . meta l4proto . th dport @flows",
    "{ip} saddr . th dport @wide",
    "udp dport 80",
    "udp dport != 80",
    "udp dport {{ 80, 8000-9000 }}",
    "udp dport >= 8080",
    "tcp dport 80",
    "tcp dport != 80",
    "th dport 8080",
    "meta l4proto {{ sctp, udplite }}",
    "meta l4proto tcp",
    "meta l4proto != sctp",
    "ct state new",
    "ct state != new",
    "ct state {{ established, new }}",
    "ct state invalid,untracked",
    "ct status dnat",
    "meta mark & 0x1 == 0x1",
    "meta mark & 0x4000 != 0",
    "meta mark 0",
    "ct mark 0x1",
    "ct mark & 0x1 != 0",
    "fib daddr type local",
    "fib daddr type != local",
    "fib saddr type {{ local, multicast }}",
    'iifname "c0"',
    'iifname "lo"',
    'iifname != "c*"',
    'oifname "s0"',
    "numgen random mod 2 0",
    "numgen random mod 3 < 2",
)
MARKS = (
    "meta mark set meta mark | 0x4001",
    "meta mark set meta mark ^ 0x1",
    "meta mark set meta mark & 0x1",
    "meta mark set 0x1",
    "ct mark set meta mark",
    "meta mark set ct mark",
    "ct mark set ct mark | 0x1",
    "update @remembered {{ {ip} saddr }}",
    "update @remembered {{ {ip} saddr }} {ip} saddr @remembered drop",
)
VERDICTS = ("", "accept", "return", "continue")
MAPS = (
    "{ip} daddr . meta l4proto . th dport vmap @services",
    "meta l4proto . th dport vmap @ports",
    "meta mark vmap {{ 0x0 : jump {a}, 0x1 : goto {b} }}",
    "ct state vmap {{ new : jump {a}, established : accept, invalid : goto {b} }}",
    "numgen random mod 2 vmap {{ 0 : goto {a}, 1 : goto {b} }}",
    "numgen random mod 4 vmap {{ 0-1 : jump {a}, 3 : goto {b} }}",
    "udp dport vmap {{ 80 : jump {a}, 8000-9000 : goto {b} }}",
    "{ip} saddr vmap {{ {clients} : goto {b} }}",
)
DNAT = (
    "meta l4proto udp dnat to {at_server}:8080",
    "dnat to {second}",
    "meta l4proto udp dnat {ip} addr . port to numgen random mod 2 map "
    "{{ 0 : {server} . 8081, 1 : {second} . 8082 }}",
    "meta l4proto udp dnat {ip} addr . port to numgen random mod 1 map {{ 0 : {server} . 8083 }}",
    "dnat to numgen random mod 3 map {{ 0 : {server}, 1-2 : {second} }}",
    "meta l4proto udp dnat {ip} addr . port to {ip} daddr . meta l4proto . th dport map @endpoints",
    "dnat to {ip} daddr map @plain",
    "meta l4proto udp dnat to {at_near}:8080",
    "meta l4proto udp redirect to :8080",
    "meta l4proto udp dnat to {at_server}:8081-8090",
)
SNAT = (
    "masquerade",
    "masquerade fully-random",
    "snat to {spare}",
    "meta mark set meta mark ^ 0x4000 counter masquerade",
)
FILTER = ("drop", "reject with {rejected}")


@dataclass(frozen=True)
class Place:
    """A base chain: its type, hook and priority, what its rules and those of its user chains may do."""

    kind: str
    hook: str
    priority: int
    does: tuple[str, ...]
    users: str

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.hook}-{self.priority}"


PLACES = (
    Place("filter", "prerouting", -300, ("drop", "notrack"), "early"),
    Place("filter", "output", -300, ("drop", "notrack"), "early"),
    Place("filter", "prerouting", -110, ("drop", *MARKS), "mangle"),
    Place("filter", "output", -110, ("drop", *MARKS), "mangle"),
    Place("nat", "prerouting", -100, (*DNAT, MARKS[0]), "dnat"),
    Place("nat", "output", -100, (*DNAT, MARKS[0]), "dnat"),
    Place("nat", "prerouting", -90, DNAT, "dnat"),
    Place("filter", "input", 0, FILTER, "filter"),
    Place("filter", "forward", 0, FILTER, "filter"),
    Place("filter", "output", 0, FILTER, "filter"),
    Place("filter", "forward", -150, MARKS, "mangle"),
    Place("filter", "postrouting", -150, MARKS, "mangle"),
    Place("nat", "postrouting", 100, SNAT, "snat"),
    Place("nat", "postrouting", 110, SNAT, "snat"),
)
CHAINS = ("1", "2", "3")

SETS = """\
 set addresses {{ type {type}; elements = {{ {service}, {near} }} }}
 set remembered {{ type {type}; flags dynamic,timeout; timeout 1h; elements = {{ {spare} }} }}
 set flows {{ type {type} . {type} . inet_proto . inet_service;
  elements = {{ {client} . {service} . udp . 80 }} }}
 set wide {{ type {type} . inet_service; flags interval; elements = {{ {clients} . 80-90, {far} . 8080 }} }}
 map endpoints {{ type {type} . inet_proto . inet_service : {type} . inet_service;
  elements = {{ {service} . udp . 80 : {server} . 8084 }} }}
 map plain {{ type {type} : {type}; elements = {{ {service} : {second}, {near} : {server} }} }}
"""
VMAPS = """\
 map services-{users} {{ type {type} . inet_proto . inet_service : verdict;
  elements = {{ {service} . udp . 80 : goto {users}-2, {near} . udp . 80 : jump {users}-3 }} }}
 map ports-{users} {{ type inet_proto . inet_service : verdict;
  elements = {{ udp . 8080 : goto {users}-3, tcp . 80 : accept }} }}
"""


@st.composite
def rules(draw: st.DrawFn, does: tuple[str, ...], users: str, later: tuple[str, ...]) -> list[str]:
    """A few rules; each is counted behind its leading conditions, where it is sure to be taken."""
    jumps = [f"{how} {each}" for each in later for how in ("jump", "goto")]
    # The maps lead to all chains of a base chain, so only those of three and two others are asked.
    maps = [each for each in MAPS if len(later) > (2 if "@" in each else 1)]
    found = []
    for _ in range(draw(st.integers(0, 3))):
        conditions = draw(st.lists(st.sampled_from(MATCHES), max_size=2, unique=True))
        last = draw(st.sampled_from([*VERDICTS, *does, *does, *jumps, *maps]))
        if last in MARKS and not last.endswith("drop") and draw(st.booleans()):
            last = f"{last} {draw(st.sampled_from(MATCHES))} drop"
        for name, chain in zip(("{a}", "{b}"), (*later, "", ""), strict=False):
            last = last.replace(name, chain)
        for name in ("@services", "@ports"):
            last = last.replace(name, f"{name}-{users}")
        found.append(" ".join((*conditions, "counter", last)))
    return [line for line in found if _loads(line)]


def _loads(line: str) -> bool:
    """nft refuses a rule that asks for two protocols."""
    return len(set(re.findall(r"\b(?:udp|tcp)(?= )|l4proto (?:!= sctp|{{)", line))) < 2


@st.composite
def tables(draw: st.DrawFn, name: str, family: Family) -> str:
    """One table with some of the base chains, and the user chains that these lead to."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=4, max_size=9, unique=True))
    kinds = {place.users: place.does for place in places}
    chains = [f" chain {users}-{number} {{{{ }}}}" for users in kinds for number in CHAINS]
    text = [f"table {{ip}} {name} {{{{", SETS, *chains]
    text += [VMAPS.replace("{users}", users) for users in kinds]
    for users, does in kinds.items():
        for index, number in enumerate(CHAINS):
            later = tuple(f"{users}-{each}" for each in CHAINS[index + 1 :])
            text += _chain(f"{users}-{number}", "", draw(rules(does, users, later)))
    for place in places:
        base = f"type {place.kind} hook {place.hook} priority {place.priority};"
        later = tuple(f"{place.users}-{each}" for each in CHAINS)
        text += _chain(place.name, base, [*FENCES, *draw(rules(place.does, place.users, later))])
    text += _chain("tracking", "type filter hook output priority 10;", [TRACKING])
    return "\n".join((*text, "}}")).format_map(family)


def _chain(name: str, base: str, lines: list[str]) -> list[str]:
    return [f" chain {name} {{{{ {base}", *(f"  {line}" for line in lines), " }}"]
