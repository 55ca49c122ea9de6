"""The state machine of one probe: when do single answers become a verdict? Pure.

``failureThreshold`` failures or ``successThreshold`` successes in a row change the verdict. A readiness
probe starts as failed and a liveness probe as passed: before the first verdict the container is not ready,
but alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """A probe's fields, with the API's defaults; seconds and counts."""

    delay: float = 0
    period: float = 10
    timeout: float = 1
    success: int = 1
    failure: int = 3

    @classmethod
    def of(cls, probe: Object) -> Timing:
        """From ``readinessProbe`` and the like; values below the API's minimum of 1 count as 1."""
        return cls(
            probe.get("initialDelaySeconds") or 0,
            max(probe.get("periodSeconds") or 10, 1),
            max(probe.get("timeoutSeconds") or 1, 1),
            max(probe.get("successThreshold") or 1, 1),
            max(probe.get("failureThreshold") or 3, 1),
        )


@dataclass(slots=True)
class Verdict:
    """What a probe's answers so far say."""

    timing: Timing
    passing: bool
    streak: int = 0
    latest: bool | None = None

    def observe(self, success: bool) -> bool | None:
        """Take one answer; the new verdict where this answer gives one, None where it is still open."""
        self.streak = self.streak + 1 if success == self.latest else 1
        self.latest = success
        needed = self.timing.success if success else self.timing.failure
        if self.streak < needed:
            return None
        self.passing = success
        return success
