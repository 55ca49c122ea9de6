"""The `ipvs` match of iptables: whether a virtual server of IPVS has taken the packet, and which."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from checker.rulesets.match import Answer, Match, opposite
from checker.rulesets.packet import InFlight
from checker.rulesets.prefix import Address, prefix

Virtual = tuple[str, Address, int]


@dataclass(frozen=True, slots=True)
class Served(Match):
    """One option of the match; `question` is its name."""

    module: ClassVar[str] = "ipvs"
    question: str
    value: str = ""

    @property
    def option(self) -> str:
        """As printed."""
        return f"--{self.question} {self.value}".rstrip()

    @property
    def phrase(self) -> str:
        """In words."""
        return PHRASES.get(self.question, f"served by IPVS ({self.option})").format(self.value)

    def test(self, packet: InFlight) -> Answer:
        """What of the virtual server is asked for; the method is not followed."""
        if packet.virtual is None:
            return False
        asked = QUESTIONS.get(self.question)
        return asked(packet.virtual, self.value) if asked else None

    def holds(self, packet: InFlight) -> Answer:
        """Every option asks that the packet is served at all, even a negated one, but for `! --ipvs`."""
        if packet.virtual is None:
            return self.question == "ipvs" and self.negated
        answer = self.test(packet)
        return opposite(answer) if self.negated else answer


QUESTIONS: Mapping[str, Callable[[Virtual, str], bool]] = {
    "ipvs": lambda virtual, value: True,
    "vproto": lambda virtual, value: virtual[0] == value,
    "vaddr": lambda virtual, value: prefix(value).covers(virtual[1]),
    "vport": lambda virtual, value: str(virtual[2]) == value,
    # The first packet of a connection is on its way to the server.
    "vdir": lambda virtual, value: value == "ORIGINAL",
}
PHRASES = {
    "ipvs": "served by IPVS",
    "vproto": "served by IPVS for {}",
    "vaddr": "served by IPVS at {}",
    "vport": "served by IPVS at port {}",
}
