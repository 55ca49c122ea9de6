"""The walk against the kernel: a packet is sent through random rules, and their counters say which it met.

The oracle is the packet: the rules whose counters rose must be the steps of one of the walk's paths, and what
the server and the client saw must be that path's end.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.rulesets.iptables_save import parse
from checker.rulesets.model import Ruleset
from checker.rulesets.walk import Outcome, Packet, Path, walk
from checker.statistics import shares_fit

pytestmark = [pytest.mark.live]

NODE = ("10.9.0.1", "10.9.1.1")
UDP, ICMP = 17, 1
UNREACHABLE, PORT, PROHIBITED = 3, 3, 13
FENCE = "-p udp -m multiport --ports 9 -j ACCEPT"
# Where no rule needs it the kernel does not track connections, and then asks no nat chain at all.
TRACKING = "-A OUTPUT -m conntrack --ctstate NEW"

MATCHES = st.sampled_from(
    [
        "-s 10.9.0.2",
        "! -s 10.9.0.0/24",
        "-d 10.96.0.10",
        "! -d 10.96.0.0/16",
        "-d 10.9.1.0/24",
        "-p udp -m udp --dport 80",
        "-p udp -m udp ! --dport 8000:9000",
        "-p udp -m multiport --dports 80,8080",
        "-p tcp",
        "-i c0",
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
    ]
)
# A tree of chains for each base chain (nat's targets are bound to hooks): its own targets, its user chains.
PASSING = ("", "-j ACCEPT", "-j RETURN")
MARKS = (
    "-j MARK --or-mark 0x4001",
    "-j MARK --xor-mark 0x1",
    "-j CONNMARK --save-mark",
    "-j CONNMARK --restore-mark",
)
TREES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("raw", ("PREROUTING",), ("R1", "R2"), (*PASSING, "-j DROP", "-j CT --notrack")),
    ("mangle", ("PREROUTING", "FORWARD", "INPUT"), ("M1", "M2"), (*PASSING, "-j DROP", *MARKS)),
    (
        "nat",
        ("PREROUTING",),
        ("D1", "D2", "D3"),
        (
            *PASSING,
            "-p udp -j DNAT --to-destination 10.9.1.2:8080",
            "-j DNAT --to-destination 10.9.1.3",
            "-p udp -j DNAT --to-destination 10.9.1.2-10.9.1.3:8081-8090",
            "-p udp -j DNAT --to-destination 10.9.0.1:8080",
            "-p udp -j REDIRECT --to-ports 8080",
            "-j MARK --or-mark 0x4000",
        ),
    ),
    (
        "nat",
        ("POSTROUTING",),
        ("S1", "S2"),
        (*PASSING, "-j MASQUERADE", "-j SNAT --to-source 10.9.1.77", MARKS[1]),
    ),
    (
        "filter",
        ("INPUT", "FORWARD"),
        ("F1", "F2"),
        (*PASSING, "-j DROP", "-j REJECT --reject-with icmp-admin-prohibited"),
    ),
)


@st.composite
def trees(draw: st.DrawFn, tree: tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]) -> list[str]:
    """Rules for a table's base chains and user chains; jumps lead to later chains only, so none is a loop."""
    _, bases, users, targets = tree
    lines = [f"-A {base} {FENCE}" for base in bases]
    for index, chain in enumerate((*bases, *users)):
        later = users[max(0, index - len(bases) + 1) :]
        jumps = tuple(f"-{how} {user}" for user in later for how in "jg")
        for _ in range(draw(st.integers(0, 4))):
            matches = sorted(draw(st.lists(MATCHES, max_size=2, unique_by=_option)), key=_recent)
            lines.append(f"-A {chain} {' '.join(matches)} {draw(st.sampled_from(targets + jumps + jumps))}")
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
    return line.count("-p ") < 2 and not (line.startswith("-A POSTROUTING") and "-i c" in line)


@st.composite
def payloads(draw: st.DrawFn) -> str:
    tables: dict[str, list[str]] = {}
    for tree in TREES:
        declared = [f":{user} - [0:0]" for user in tree[2]]
        lines = tables.setdefault(tree[0], [])
        tables[tree[0]] = [*declared, *lines, *draw(trees(tree))]
    tables["filter"].append(TRACKING)
    return "".join(f"*{table}\n" + "\n".join(lines) + "\nCOMMIT\n" for table, lines in tables.items())


PACKETS = st.sampled_from(
    [("10.96.0.10", 80), ("10.96.0.10", 8080), ("10.9.0.1", 80), ("10.9.1.2", 80), ("10.9.1.3", 8080)]
)


def met(rules: Ruleset) -> set[tuple[str, str, int]]:
    """The rules whose counters rose, but those for fences."""
    return {
        (table, place.chain, place.number)
        for table in rules.tables
        for place in rules.places(table)
        if place.rule
        and place.rule.packets
        and place.chain != "OUTPUT"
        and "--ports 9" not in place.rule.text
    }


def steps(path: Path) -> set[tuple[str, str, int]]:
    return {(step.table, step.chain, step.number) for step in path.steps if step.rule}


def arrives(outcome: Outcome, packet: Packet, answer: dict[str, Any]) -> bool:
    """Whether the server got the packet just as the outcome says, and nothing where it says nothing."""
    to, _, ports = (outcome.to or packet.destination).partition(":")
    goes_on = outcome.verdict in {"DNAT", "ACCEPT"} and to not in NODE
    low, _, high = (ports or str(packet.destination_port)).partition("-")
    span = range(int(low), int(high or low) + 1)
    found = [
        (source, where, port in span)
        for source, where, protocol, _, port in answer["server"]
        if protocol == UDP
    ]
    return found == ([(outcome.source, to, True)] if goes_on else [])


def refused(outcome: Outcome, packet: Packet, answer: dict[str, Any]) -> bool:
    """Whether the client got the error that the outcome means: of REJECT, or of a port nobody listens on."""
    to = (outcome.to or packet.destination).partition(":")[0]
    here = outcome.verdict in {"DNAT", "ACCEPT"} and to in NODE
    error = PROHIBITED if outcome.verdict == "REJECT" else PORT if here else None
    found = [(kind, code) for _, _, protocol, kind, code in answer["client"] if protocol == ICMP]
    return found == ([(UNREACHABLE, error)] if error else [])


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(payload=payloads(), where=PACKETS)
def test_the_kernel_meets_the_rules_of_one_of_the_walks_paths(
    node: Any, variant: str, payload: str, where: tuple[str, int]
) -> None:
    destination, port = where
    source_port = node.new_port()
    packet = Packet(
        "10.9.0.2",
        destination,
        "udp",
        source_port,
        port,
        in_interface="c0",
        out_interface="s0",
        local=NODE,
        masquerade_as="10.9.1.1",
    )
    sent = {"source_port": source_port, "destination": destination, "destination_port": port}
    answer = node.ask(variant, payload.replace("LIST", f"L{source_port}"), [sent])
    counted = parse(answer["saved"])
    walked = walk(counted, packet)
    ends = [end for end in walked.outcomes if any(steps(path) == met(counted) for path in end.paths)]
    assert ends, f"no path of the walk meets just {sorted(met(counted))}\n{answer['saved']}"
    assert any(arrives(end, packet, answer) and refused(end, packet, answer) for end in ends), answer


THREE = """*nat
:SVC - [0:0]
-A PREROUTING -p udp -m multiport --ports 9 -j ACCEPT
-A PREROUTING -p udp -d 10.96.0.10 --dport 80 -j SVC
-A SVC -p udp -m statistic --mode random --probability 0.3333333333 -j DNAT --to-destination 10.9.1.2:8080
-A SVC -p udp -m statistic --mode random --probability 0.5000000000 -j DNAT --to-destination 10.9.1.3:8080
-A SVC -p udp -j DNAT --to-destination 10.9.1.2:8081
COMMIT
"""


def test_the_kernel_shares_packets_out_as_the_walk_says(node: Any, variant: str) -> None:
    counts: Counter[str] = Counter()
    for _ in range(5):  # a hundred at a time fit into the socket's buffer
        ports = [node.new_port() for _ in range(100)]
        sent = [{"source_port": port, "destination": "10.96.0.10", "destination_port": 80} for port in ports]
        arrived = node.ask(variant, THREE, sent)["server"]
        counts.update(f"{to}:{port}" for _, to, protocol, _, port in arrived if protocol == UDP)
    expected = walk(parse(THREE), Packet("10.9.0.2", "10.96.0.10", "udp", destination_port=80)).targets
    assert expected.keys() == {"10.9.1.2:8080", "10.9.1.3:8080", "10.9.1.2:8081"}
    verdict = shares_fit(counts, expected, level=1e-6)
    assert verdict.n == 500
    assert verdict.fits, verdict.text
