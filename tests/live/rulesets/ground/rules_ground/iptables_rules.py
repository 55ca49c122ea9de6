"""Random rules of iptables: a tree of chains for each table, every kind of match and target walked."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from rules_ground.families import Family

# What the test itself sends beside its packets, and what hosts say to each other: never counted as met.
FENCES = (
    '-p udp -m multiport --ports 9 -m comment --comment "fence" -j ACCEPT',
    '-p {icmp} -m comment --comment "fence" -j ACCEPT',
    '-d {multicast} -m comment --comment "fence" -j ACCEPT',
)
# Where no rule needs it the kernel does not track connections, and then asks no nat chain at all.
TRACKING = '-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "fence"'

MATCHES = (
    "-s {client}",
    "! -s {clients}",
    "-d {service}",
    "! -d {services}",
    "-d {servers}",
    "-p udp -m udp --dport 80",
    "-p udp -m udp ! --dport 8000:9000",
    "-p udp -m multiport --dports 80,8080",
    "-p tcp",
    "-i c0",
    "-i lo",
    "! -i c+",
    "-m mark --mark 0x1/0x1",
    "-m mark ! --mark 0x4000/0x4000",
    "-m connmark --mark 0x1/0x1",
    "-m addrtype --dst-type LOCAL",
    "-m addrtype ! --src-type LOCAL",
    "-m conntrack --ctstate NEW",
    "-m conntrack ! --ctstate DNAT",
    "-m conntrack --ctstate INVALID,UNTRACKED",
    "-m statistic --mode random --probability 0.5",
    "-m statistic --mode random ! --probability 0.5",
    "-m recent --name LIST --set",
    "-m recent --name LIST --rcheck",
    "-m recent --name LIST --update --seconds 60",
    "-m physdev ! --physdev-is-in",
    "-m set --match-set ADDRESSES dst",
    "-m set ! --match-set PORTS dst,dst",
    "-m set --match-set NETS src",
    "-m set --match-set NUMBERS dst",
)
SETS = """\
create ADDRESSES hash:ip family {inet}
add ADDRESSES {service}
add ADDRESSES {near}
create PORTS hash:ip,port family {inet}
add PORTS {service},udp:80
add PORTS {server},tcp:80
create NETS hash:net family {inet}
add NETS {clients}
add NETS {client} nomatch
create NUMBERS bitmap:port range 0-65535
add NUMBERS 8080
"""

PASSING = ("", "-j ACCEPT", "-j RETURN")
MARKS = (
    "-j MARK --or-mark 0x4001",
    "-j MARK --xor-mark 0x1",
    "-j CONNMARK --save-mark",
    "-j CONNMARK --restore-mark",
)


@dataclass(frozen=True)
class Tree:
    """A table's base chains and user chains, and the targets that fit there (nat's are bound to hooks)."""

    table: str
    bases: tuple[str, ...]
    users: tuple[str, ...]
    targets: tuple[str, ...]


TREES = (
    Tree("raw", ("PREROUTING", "OUTPUT"), ("R1", "R2"), (*PASSING, "-j DROP", "-j CT --notrack")),
    Tree(
        "mangle",
        ("PREROUTING", "FORWARD", "INPUT", "OUTPUT", "POSTROUTING"),
        ("M1", "M2"),
        (*PASSING, "-j DROP", *MARKS),
    ),
    Tree(
        "nat",
        ("PREROUTING", "OUTPUT"),
        ("D1", "D2", "D3"),
        (
            *PASSING,
            "-p udp -j DNAT --to-destination {at_server}:8080",
            "-j DNAT --to-destination {second}",
            "-p udp -j DNAT --to-destination {both}:8081-8090",
            "-p udp -j DNAT --to-destination {at_near}:8080",
            "-p udp -j REDIRECT --to-ports 8080",
            "-j MARK --or-mark 0x4000",
        ),
    ),
    Tree(
        "nat",
        ("POSTROUTING",),
        ("S1", "S2"),
        (*PASSING, "-j MASQUERADE", "-j SNAT --to-source {spare}", MARKS[1]),
    ),
    Tree(
        "filter",
        ("INPUT", "FORWARD", "OUTPUT"),
        ("F1", "F2"),
        (*PASSING, "-j DROP", "-j REJECT --reject-with {prohibited}"),
    ),
)


@st.composite
def rules_of(draw: st.DrawFn, tree: Tree) -> list[str]:
    """Rules for a tree; jumps lead to later chains only, so none is a loop."""
    lines = [f"-A {base} {fence}" for base in tree.bases for fence in FENCES]
    for index, chain in enumerate((*tree.bases, *tree.users)):
        later = tree.users[max(0, index - len(tree.bases) + 1) :]
        jumps = tuple(f"-{how} {user}" for user in later for how in "jg")
        for _ in range(draw(st.integers(0, 4))):
            several = st.lists(st.sampled_from(MATCHES), max_size=2, unique_by=_option)
            matches = sorted(draw(several), key=_recent)
            target = draw(st.sampled_from(tree.targets + jumps + jumps))
            lines.append(f"-A {chain} {' '.join(matches)} {target}")
    return [line for line in lines if _loads(line)]


def _option(match: str) -> str:
    """A rule has each of -s, -d, -i, -p once, here one recent, and any number of other modules."""
    first = match.removeprefix("! ")
    return "recent" if _recent(match) else match if first.startswith("-m") else first[:2]


def _recent(match: str) -> bool:
    """It comes last: the kernel notes an address before it looks at later matches, the walk after."""
    return match.startswith("-m recent")


def _loads(line: str) -> bool:
    """Leave out what iptables refuses: two protocols in a rule, and -i on the way out."""
    leaves = line.startswith(("-A POSTROUTING", "-A OUTPUT"))
    return "fence" in line or (line.count("-p ") < 2 and not (leaves and "-i " in line))


@st.composite
def payloads(draw: st.DrawFn, family: Family) -> str:
    """A payload of iptables-restore for one family."""
    tables: dict[str, list[str]] = {}
    for tree in TREES:
        declared = [f":{user} - [0:0]" for user in tree.users]
        lines = tables.setdefault(tree.table, [])
        tables[tree.table] = [*declared, *lines, *draw(rules_of(tree))]
    tables["filter"].append(TRACKING)
    text = "".join(f"*{table}\n" + "\n".join(lines) + "\nCOMMIT\n" for table, lines in tables.items())
    return text.format_map(family)


def sets(family: Family) -> str:
    """The ipsets that the rules ask."""
    return SETS.format_map({**family, "inet": "inet" if family["version"] == 4 else "inet6"})
