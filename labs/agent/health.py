"""The probes of one running container together: startup first, then readiness and liveness side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labs.agent.probe import Timing, Verdict
from labs.agent.probing import Answer, Target, follow
from labs.agent.state import ContainerState

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """One container's probes; ``changed`` hears of each new verdict, ``unhealthy`` of each failure."""

    spec: Object
    state: ContainerState
    target: Target
    changed: Callable[[], None]
    unhealthy: Callable[[str, Answer], None]  # (probe, answer)
    kill: Callable[[str], None]  # (probe)

    async def watch(self) -> None:
        """Probe until cancelled."""
        if not self.state.started:
            await self._started()
            self.state.started = True
        if "readinessProbe" not in self.spec:
            self.state.ready = True
        self.changed()
        async with asyncio.TaskGroup() as tasks:
            if "readinessProbe" in self.spec:
                tasks.create_task(self._follow("readinessProbe", self._readiness, self.state.ready))
            if "livenessProbe" in self.spec:
                tasks.create_task(self._follow("livenessProbe", self._liveness, True))

    async def _started(self) -> None:
        """Return when the startup probe, if there is one, has passed."""
        if "startupProbe" not in self.spec:
            return
        passed = asyncio.Event()

        def tell(verdict: Verdict, answer: Answer) -> None:
            if verdict.passing:
                passed.set()
            else:
                self._failed("Startup", verdict, answer)

        probing = asyncio.create_task(self._follow("startupProbe", tell, False))
        try:
            await passed.wait()
        finally:
            probing.cancel()

    async def _follow(self, kind: str, tell: Callable[[Verdict, Answer], None], passing: bool) -> None:
        probe = self.spec[kind]
        await follow(probe, Verdict(Timing.of(probe), passing), self.target, tell)

    def _readiness(self, verdict: Verdict, answer: Answer) -> None:
        if not answer.success:
            self.unhealthy("Readiness", answer)
        if verdict.passing != self.state.ready:
            self.state.ready = verdict.passing
            self.changed()

    def _liveness(self, verdict: Verdict, answer: Answer) -> None:
        if not answer.success:
            self._failed("Liveness", verdict, answer)

    def _failed(self, kind: str, verdict: Verdict, answer: Answer) -> None:
        self.unhealthy(kind, answer)
        if verdict.streak >= verdict.timing.failure:
            self.kill(kind)
