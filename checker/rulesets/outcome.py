"""How a walk ends: the ways through the rules, and what becomes of the packet on each.

Many ways may lead to the same end (two chains, one endpoint): the end is one `Outcome`, the ways its `paths`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from checker.rulesets.model import Place
from checker.rulesets.packet import InFlight, Packet

Start = Literal["prerouting", "output"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way through the rules, as far as it has come: "" as verdict means that it goes on.

    `bound`: a rule of this hook has settled its translation. `assumed`: why its share is not certain.
    """

    packet: InFlight
    share: Fraction = Fraction(1)
    steps: tuple[Place, ...] = ()
    verdict: str = ""
    why: str = ""
    marked_by: Place | None = None
    masqueraded_by: Place | None = None
    bound: bool = False
    assumed: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """One whole way: the rules met in order, each of which applied, and how probable it is."""

    probability: Fraction
    steps: tuple[Place, ...]

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains met, each once, in order: those of which a rule, or the policy, applied."""
        return tuple(dict.fromkeys(step.chain for step in self.steps))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What may become of the packet.

    `verdict`: ACCEPT, DNAT (accepted, with a new destination `to`), DROP, REJECT, or UNDECIDED with the
    reason in `why`; RELAYED where a process of the node takes it and opens a connection to `to`, having
    been reached at `via`. `assumed` says why the probability is not certain but taken evenly, "" where it is
    exact. `masquerade`: whether the node puts its own address in as source, and `because` the
    rule that decided it (the jump that led to the mark). `source` is the address that the receiver sees,
    None where it is not known. `paths` are the ways that lead here, the most probable first.
    """

    probability: Fraction
    verdict: str
    to: str | None
    masquerade: bool
    source: str | None
    because: Place | None
    why: str
    paths: tuple[Path, ...]
    assumed: str = ""
    via: str = ""

    @property
    def steps(self) -> tuple[Place, ...]:
        """The rules met on the most probable way here."""
        return self.paths[0].steps

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains met on the most probable way here."""
        return self.paths[0].chains


@dataclass(frozen=True, slots=True)
class Walk:
    """A packet's walk: its outcomes, the most probable first. Their probabilities sum to 1."""

    packet: Packet
    start: Start
    outcomes: tuple[Outcome, ...]

    @property
    def targets(self) -> dict[str, Fraction]:
        """Where it may be sent by DNAT or by a relay, with each destination's share."""
        shares: dict[str, Fraction] = {}
        for outcome in self.outcomes:
            if outcome.to is not None and outcome.verdict in {"DNAT", "RELAYED"}:
                shares[outcome.to] = shares.get(outcome.to, Fraction(0)) + outcome.probability
        return shares

    @property
    def assumed(self) -> str:
        """Why the shares are not certain, "" where they are exact."""
        return next((outcome.assumed for outcome in self.outcomes if outcome.assumed), "")

    @property
    def verdicts(self) -> dict[str, Fraction]:
        """Each verdict's share."""
        shares: dict[str, Fraction] = {}
        for outcome in self.outcomes:
            shares[outcome.verdict] = shares.get(outcome.verdict, Fraction(0)) + outcome.probability
        return shares


# Who listens on a port of the node, (protocol, port), and where it sends on what it takes.
Relays = Mapping[tuple[str, int], Sequence[str]]


def outcomes(ways: Iterable[Way], packet: Packet, relays: Relays | None = None) -> list[Outcome]:
    """Ways with the same end are one outcome."""
    merged: dict[tuple[object, ...], list[tuple[Way, Outcome]]] = {}
    for way in ways:
        for found in _relayed(_outcome(way, packet), way, packet, relays or {}):
            key = (found.verdict, found.to, found.masquerade, found.source, found.why)
            merged.setdefault(key, []).append((way, found))
    return sorted(
        (_merged(same) for same in merged.values()), key=lambda each: (-each.probability, each.to or "")
    )


def _merged(same: list[tuple[Way, Outcome]]) -> Outcome:
    paths = sorted(
        (Path(found.probability, way.steps) for way, found in same), key=lambda path: -path.probability
    )
    total = sum((found.probability for _, found in same), Fraction(0))
    likeliest = max(same, key=lambda each: each[1].probability)[1]
    return replace(likeliest, probability=total, paths=tuple(paths))


def _relayed(delivered: Outcome, way: Way, packet: Packet, relays: Relays) -> list[Outcome]:
    """What a process of the node takes goes on from there, by the node's own address, to each in turn."""
    low, high = way.packet.destination_ports
    targets = relays.get((way.packet.protocol, low)) if low == high else None
    if not targets or way.verdict or not way.packet.for_this_node:
        return [delivered]
    return [
        replace(
            delivered,
            probability=delivered.probability / len(targets),
            verdict="RELAYED",
            to=target,
            via=way.packet.to,
            masquerade=False,
            source=packet.masquerade_as or None,
        )
        for target in targets
    ]


def _outcome(way: Way, packet: Packet) -> Outcome:
    flight = way.packet
    accepted = "DNAT" if flight.redirected else "ACCEPT"
    source = flight.source.text if flight.source_known else packet.masquerade_as or None
    return Outcome(
        probability=way.share,
        verdict=way.verdict or accepted,
        to=flight.to if flight.redirected else None,
        masquerade=not flight.source_known,
        source=source,
        because=way.masqueraded_by,
        why=way.why,
        paths=(),
        assumed=way.assumed,
    )
