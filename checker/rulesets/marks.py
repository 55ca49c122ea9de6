"""Targets that change what the kernel keeps beside a packet: its mark, its connection and that one's mark."""

from dataclasses import dataclass, replace
from typing import Literal

from checker.rulesets.memory import masked
from checker.rulesets.packet import InFlight
from checker.rulesets.target import Target

FULL = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class SetMark(Target):
    """`MARK`: clear the bits of `mask`, then exclusive-or `value`; all its forms come down to that."""

    value: int
    mask: int

    @property
    def text(self) -> str:
        """As printed."""
        return f"-j MARK --set-xmark {self.value:#x}/{self.mask:#x}"

    @property
    def words(self) -> str:
        """By the name of the usual forms."""
        if self.mask == 0:
            return f"flip mark {self.value:#x}"
        return f"mark it {masked(self.value, FULL if self.value == self.mask else self.mask)}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The packet with its new mark."""
        return (replace(packet, mark=(packet.mark & ~self.mask & FULL) ^ self.value),)


@dataclass(frozen=True, slots=True)
class SetConnectionMark(Target):
    """`CONNMARK`: set the connection's mark, save the packet's into it, or restore the packet's from it."""

    action: Literal["set-xmark", "save-mark", "restore-mark"]
    first: int
    second: int

    @property
    def text(self) -> str:
        """As printed."""
        if self.action == "set-xmark":
            return f"-j CONNMARK --set-xmark {self.first:#x}/{self.second:#x}"
        return f"-j CONNMARK --{self.action} --nfmask {self.first:#x} --ctmask {self.second:#x}"

    @property
    def words(self) -> str:
        """In words."""
        return {
            "set-xmark": f"mark the connection {masked(self.first, self.second)}",
            "save-mark": "keep the mark with the connection",
            "restore-mark": "take the mark from the connection",
        }[self.action]

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The arithmetic is xt_connmark's."""
        if not packet.tracked:
            return (packet,)
        if self.action == "set-xmark":
            return (replace(packet, connmark=(packet.connmark & ~self.second & FULL) ^ self.first),)
        if self.action == "save-mark":
            kept = (packet.connmark & ~self.second & FULL) ^ (packet.mark & self.first)
            return (replace(packet, connmark=kept),)
        return (replace(packet, mark=(packet.mark & ~self.first & FULL) ^ (packet.connmark & self.second)),)


@dataclass(frozen=True, slots=True)
class NoTrack(Target):
    """`CT --notrack`, `NOTRACK`: no connection is kept, so nat never sees the packet."""

    @property
    def text(self) -> str:
        """The older target prints differently and does the same."""
        return "-j CT --notrack"

    @property
    def words(self) -> str:
        """In words."""
        return "do not track its connection"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """Its only state is UNTRACKED; what comes by loopback has its connection already, and keeps it."""
        if packet.tracked:
            return (packet,)
        return (replace(packet, ctstates=frozenset({"UNTRACKED"})),)
