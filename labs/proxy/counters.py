"""Named packet counters of the kernel: a rule adds to one, a metric tells it.

They are outside of all tables, so they go on counting while rules are written anew.
"""

from __future__ import annotations

from typing import Protocol

INVALID_DROPPED = "ct_state_invalid_dropped_pkts"
"""Packets that connection tracking calls invalid, dropped before they could reset a connection."""
LOCALHOST_ACCEPTED = "localhost_nps_accepted_pkts"
"""Packets of new connections to a NodePort on 127.0.0.1."""


class PacketCounters(Protocol):
    """Where they are."""

    def ensure(self, name: str) -> bool:
        """Make it if it is missing; whether it is there."""

    def packets(self, name: str) -> int | None:
        """How many packets it has counted; None if it is not there."""


class NoCounters:
    """Where there are none: nothing is counted, and no rule names one."""

    def ensure(self, name: str) -> bool:
        """No."""
        return False

    def packets(self, name: str) -> None:
        """Nothing."""


NO_COUNTERS = NoCounters()
