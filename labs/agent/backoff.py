"""How long a container that ended waits before it is started again: CrashLoopBackOff.

10 s, doubled up to 5 minutes, forgotten after 10 minutes of running: the kubelet's numbers
(``MaxContainerBackOff``, ``containerBackOffPeriod``). The first restart is immediate, there as here.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE, LONGEST, RESET = 10.0, 300.0, 600.0  # seconds


@dataclass(slots=True)
class BackOff:
    """The back-off of one container; times are any clock's seconds."""

    delay: float = 0.0

    def ended(self, ran: float) -> float:
        """The container ended after ``ran`` seconds: how long to wait before it starts again."""
        if ran >= RESET:
            self.delay = 0.0
        wait = self.delay
        self.delay = min(max(self.delay * 2, BASE), LONGEST)
        return wait
