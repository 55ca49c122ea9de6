"""What one match of a rule is, whatever tool printed the rule.

A match has three faces: `text`, its normal form in iptables' notation; `words`, for people; and `holds`,
its answer about a packet. The answer has four values, because the truth has: yes, no, *with this
probability* (a Fraction), and *cannot be known from here* (None). A walk never guesses where the answer
is None.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from checker.rulesets.packet import InFlight

Answer = bool | Fraction | None


def opposite(answer: Answer) -> Answer:
    """What `!` makes of an answer."""
    if answer is None or isinstance(answer, bool):
        return None if answer is None else not answer
    return 1 - answer


@dataclass(frozen=True, slots=True)
class Match(ABC):
    """One condition of a rule; all of a rule's conditions must hold."""

    module: ClassVar[str] = ""
    negated: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def option(self) -> str:
        """The option and its value in iptables' notation, without `-m` and `!`."""

    @property
    @abstractmethod
    def phrase(self) -> str:
        """The condition in words, as if it were not negated."""

    @abstractmethod
    def test(self, packet: InFlight) -> Answer:
        """The answer, as if it were not negated."""

    @property
    def text(self) -> str:
        """The match as it stands in a rule's normal form."""
        module = f"-m {self.module} " if self.module else ""
        return f"{module}{'! ' if self.negated else ''}{self.option}"

    @property
    def words(self) -> str:
        """The condition for people."""
        return f"not {self.phrase}" if self.negated else self.phrase

    def holds(self, packet: InFlight) -> Answer:
        """The answer about this packet."""
        answer = self.test(packet)
        return opposite(answer) if self.negated else answer


@dataclass(frozen=True, slots=True)
class Unknown(Match):
    """A match that this reader does not evaluate (`u32`, `owner`, …), kept so that nobody overlooks it."""

    name: str
    options: str

    @property
    def option(self) -> str:
        """Its own text, with its module."""
        return f"-m {self.name} {self.options}".rstrip()

    @property
    def text(self) -> str:
        """The options carry their own `!`."""
        return self.option

    @property
    def phrase(self) -> str:
        """Nothing is known but its text."""
        return f"matched by {self.name} ({self.options})" if self.options else f"matched by {self.name}"

    def test(self, packet: InFlight) -> Answer:
        """Cannot be known from here."""
        return None
