"""What a packet shows: the rules whose counters rose, and where it arrived, against the ends of a walk."""

from __future__ import annotations

from typing import Any

from rules_ground.families import Family, node

from checker.rulesets.lookups import Choice
from checker.rulesets.model import Rule, Ruleset
from checker.rulesets.walk import Outcome, Packet, Path, Walk

UDP = 17
# Destination unreachable, with its codes for a closed port and for a prohibition: ICMP and ICMPv6.
ERRORS = {4: (3, 3, 13), 6: (1, 4, 1)}
ICMP = {1, 58}

Met = set[tuple[str, str, int]]


def packet_of(family: Family, port: int, source_port: int, destination: str, start: str) -> Packet:
    """A packet of the client's or, with start "output", of the node's."""
    made_here = start == "output"
    source = family["near"] if destination == family["near"] else family["far"]
    return Packet(
        source if made_here else family["client"],
        destination,
        "udp",
        source_port,
        port,
        in_interface="" if made_here else "c0",
        out_interface="s0",
        local=node(family),
        masquerade_as=family["far"],
    )


def sent(packet: Packet) -> dict[str, Any]:
    """The same as node.py sends it."""
    return {
        "source": packet.source,
        "source_port": packet.source_port,
        "destination": packet.destination,
        "destination_port": packet.destination_port,
    }


def counts(rule: Rule) -> bool:
    """Whether its counter tells that a rule was met: not a fence's, nor that of a look-up."""
    return rule.packets is not None and not isinstance(rule.target, Choice) and not fence(rule)


def fence(rule: Rule) -> bool:
    return "fence" in rule.comment


def met(rules: Ruleset) -> Met:
    return {
        (table, place.chain, place.number)
        for table in rules.tables
        for place in rules.places(table)
        if place.rule and place.rule.packets and counts(place.rule)
    }


def steps(path: Path) -> Met:
    return {(step.table, step.chain, step.number) for step in path.steps if step.rule and counts(step.rule)}


def agrees(path: Path, outcome: Outcome, counted: Met) -> bool:
    """Just the rules of the path; where the walk says that it cannot know further, at least those."""
    return steps(path) <= counted if outcome.verdict == "UNDECIDED" else steps(path) == counted


def fitting(walked: Walk, rules: Ruleset) -> list[Outcome]:
    """The ends of the walk to which a path leads that is just the one that was counted."""
    counted = met(rules)
    return [end for end in walked.outcomes if any(agrees(path, end, counted) for path in end.paths)]


def shown(outcome: Outcome, packet: Packet, answer: dict[str, Any], family: Family) -> bool:
    """Whether the hosts saw what the outcome says."""
    if outcome.verdict == "UNDECIDED":
        return True
    return arrives(outcome, packet, answer, family) and refused(outcome, packet, answer, family)


def arrives(outcome: Outcome, packet: Packet, answer: dict[str, Any], family: Family) -> bool:
    """Whether the server got the packet just as the outcome says, and nothing where it says nothing."""
    to, ports = end_of(outcome, packet)
    goes_on = outcome.verdict in {"DNAT", "ACCEPT"} and not here(to, family)
    low, _, high = ports.partition("-")
    span = range(int(low), int(high or low) + 1)
    found = [
        (source, where, port in span)
        for source, where, protocol, _, port in answer["server"]
        if protocol == UDP
    ]
    return found == ([(outcome.source, to, True)] if goes_on else [])


def refused(outcome: Outcome, packet: Packet, answer: dict[str, Any], family: Family) -> bool:
    """Whether the client got the error that the outcome means: of REJECT, or of a port nobody listens on."""
    if packet.source != family["client"]:
        return True
    unreachable, port, prohibited = ERRORS[family["version"]]
    delivered = outcome.verdict in {"DNAT", "ACCEPT"} and here(end_of(outcome, packet)[0], family)
    error = prohibited if outcome.verdict == "REJECT" else port if delivered else None
    found = [(kind, code) for _, _, protocol, kind, code in answer["client"] if protocol in ICMP]
    return found == ([(unreachable, error)] if error is not None else [])


def end_of(outcome: Outcome, packet: Packet) -> tuple[str, str]:
    """Address and port or ports where it goes at last."""
    if not outcome.to:
        return packet.destination, str(packet.destination_port)
    where, _, ports = outcome.to.rpartition(":")
    return where.strip("[]"), ports


def here(address: str, family: Family) -> bool:
    return address in {*node(family), "127.0.0.1", "::1"}


def told(walked: Walk, rules: Ruleset) -> str:
    """What was counted and what the walk says, for the message of a test that fails."""
    places = [place for table in rules.tables for place in rules.places(table) if place.rule]
    lines = [
        f"{place.rule.packets} {place.table} {place.chain} {place.number}: {place.rule.text}"
        for place in places
        if not fence(place.rule)
    ]
    for end in walked.outcomes:
        ways = " or ".join(str(sorted(steps(path))) for path in end.paths)
        lines.append(f"{end.verdict} {end.to} {end.source} {end.why}: {ways}")
    return "\n".join(["", *lines])
