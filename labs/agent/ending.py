"""How a container's process is ended: preStop hook, SIGTERM, and SIGKILL when the grace is over."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labs.agent.probing import Target, ask
from vm.errors import MachineError
from vm.zygote_client import ZygoteClient

Object = dict[str, Any]
LEAST_GRACE = 2.0  # seconds between SIGTERM and SIGKILL after a preStop hook took all the time


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one process; ``failed`` hears of a hook that failed."""

    zygote: ZygoteClient
    child: str
    hook: Object  # lifecycle.preStop; empty where there is none
    target: Target
    failed: Callable[[str], None]

    async def begin(self, ended: asyncio.Task[int], grace: float) -> None:
        """Send the signals; ``ended`` is done soon after this returns, if not before."""
        deadline = time.monotonic() + grace
        if grace > 0:
            await self._pre_stop(grace)
            await self._signal(signal.SIGTERM)
            left = max(deadline - time.monotonic(), min(LEAST_GRACE, grace))
            await asyncio.wait({ended}, timeout=left)
        if not ended.done():
            await self._signal(signal.SIGKILL)

    async def _pre_stop(self, grace: float) -> None:
        if "sleep" in self.hook:
            await asyncio.sleep(min(self.hook["sleep"]["seconds"], grace))
        elif self.hook:
            answer = await ask({**self.hook, "timeoutSeconds": grace}, self.target)
            if not answer.success:
                self.failed(answer.message)

    async def _signal(self, signum: signal.Signals) -> None:
        with contextlib.suppress(MachineError):  # it has ended in the meantime
            await self.zygote.signal(self.child, signum)
