"""What a rule does with a packet that meets it.

`act` gives the packet afterwards: several, equally likely, where the kernel chooses one. `ends` is the
verdict with which the packet leaves the base chain, "" where it goes on with the next rule. Jumps and RETURN
are the walk's business: a target does not know the chain it stands in.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from checker.rulesets.match import Answer
from checker.rulesets.packet import InFlight


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `text` is its normal form, `words` its meaning.

    `binds` tells that it settles a connection's translation: no later nat chain of the hook is asked.
    """

    ends: ClassVar[str] = ""
    binds: ClassVar[bool] = False

    @property
    def text(self) -> str:
        """The normal form in iptables' notation."""
        return ""

    @property
    def words(self) -> str:
        """What it does, for people."""
        return "go on"

    @property
    def changes_nothing(self) -> bool:
        """Whether a packet's way is the same without it, so that an unknown match does no harm."""
        return False

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains that it may lead to."""
        return ()

    def holds(self, packet: InFlight) -> Answer:
        """Whether there is anything to do for this packet: for most targets always."""
        return True

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The packet afterwards."""
        return (packet,)


@dataclass(frozen=True, slots=True)
class Verdict(Target):
    """ACCEPT, DROP and RETURN. What RETURN ends depends on the chain, so it is the walk's business."""

    name: Literal["ACCEPT", "DROP", "RETURN"]

    @property
    def text(self) -> str:
        """As printed."""
        return f"-j {self.name}"

    @property
    def words(self) -> str:
        """As iptables calls it."""
        return self.name


@dataclass(frozen=True, slots=True)
class Jump(Target):
    """`-j CHAIN`, and `-g CHAIN`, which does not come back to this chain."""

    chain: str
    goto: bool = False

    @property
    def text(self) -> str:
        """As printed."""
        return f"-{'g' if self.goto else 'j'} {self.chain}"

    @property
    def chains(self) -> tuple[str, ...]:
        """The one."""
        return (self.chain,)

    @property
    def words(self) -> str:
        """The chain."""
        return f"{'on for good in' if self.goto else 'to'} chain {self.chain}"


@dataclass(frozen=True, slots=True)
class Reject(Target):
    """Answered with an error."""

    ends: ClassVar[str] = "REJECT"
    reply: str

    @property
    def text(self) -> str:
        """The usual reply is called differently by the two families, so it is left out."""
        return "-j REJECT" + ("" if self.reply == "port-unreachable" else f" --reject-with {self.reply}")

    @property
    def words(self) -> str:
        """With the error the sender gets."""
        return f"REJECT ({self.reply})"


@dataclass(frozen=True, slots=True)
class Note(Target):
    """LOG, NFLOG, TRACE and others that look and let the packet go on."""

    name: str
    options: str = ""

    @property
    def text(self) -> str:
        """As printed."""
        return f"-j {self.name} {self.options}".rstrip()

    @property
    def words(self) -> str:
        """Its name."""
        return f"noted by {self.name}"

    @property
    def changes_nothing(self) -> bool:
        """It only looks."""
        return True


@dataclass(frozen=True, slots=True)
class UnknownTarget(Target):
    """A target that is not followed here (TPROXY, NFQUEUE, …): a walk that comes to it cannot go on."""

    ends: ClassVar[str] = "UNDECIDED"
    name: str
    options: str = ""

    @property
    def text(self) -> str:
        """As written."""
        return f"-j {self.name} {self.options}".rstrip()

    @property
    def words(self) -> str:
        """Its name."""
        return f"{self.name} {self.options}".rstrip()
