"""When a process that must be running comes back: at once after a good run, else after a growing pause.

The pause keeps a program that cannot start from eating a processor; it never exceeds a second, for learners
kill things on purpose and want to see them return.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST, LONGEST = 0.05, 1.0  # seconds
SETTLED = 5.0  # seconds after which a process counts as healthy again


@dataclass
class Restarts:
    """Names of ended processes and the moment (monotonic seconds) each is due."""

    _due: dict[str, float] = field(default_factory=dict)
    _pause: dict[str, float] = field(default_factory=dict)

    def later(self, name: str, ran: float, now: float) -> None:
        """Put down a process that ended after that many seconds."""
        pause = 0.0 if ran >= SETTLED else min(max(2 * self._pause.get(name, 0.0), FIRST), LONGEST)
        self._pause[name] = pause
        self._due[name] = now + pause

    def drop(self, name: str) -> None:
        """It shall not come back."""
        self._due.pop(name, None)
        self._pause.pop(name, None)

    def next(self, now: float) -> float | None:
        """Seconds until somebody is due; None if nobody is."""
        return max(min(self._due.values()) - now, 0.0) if self._due else None

    def due(self, now: float) -> list[str]:
        """Who is due now, taken from the list."""
        names = [name for name, moment in self._due.items() if moment <= now]
        for name in names:
            del self._due[name]
        return names
