"""One more command in a container: exec probes and preStop hooks (``kubectl exec`` is ``terminal``)."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labs.agent.probing import Answer
from vm.errors import MachineError
from vm.spawn import Spawn
from vm.zygote_client import ZygoteClient


@dataclass(frozen=True, slots=True)
class Inside:
    """A running container as seen from its zygote."""

    zygote: ZygoteClient
    pid: int
    environment: Mapping[str, str]

    def request(self, argv: Sequence[str]) -> Spawn:
        """The request for a command beside the container's process."""
        return Spawn(
            name=f"exec/{uuid.uuid4()}",
            title=argv[0],
            argv=tuple(argv),
            enter=self.pid,
            environment=self.environment,
        )

    async def run(self, argv: Sequence[str], timeout: float) -> Answer:
        """Success is exit code 0 within ``timeout`` seconds; then the command is killed."""
        request = self.request(argv)
        try:
            await self.zygote.spawn(request)
        except MachineError as error:
            return Answer(False, str(error))
        try:
            code = await asyncio.wait_for(self.zygote.wait(request.name), timeout)
        except TimeoutError:
            await self.zygote.signal(request.name, signal.SIGKILL)
            await self.zygote.wait(request.name)
            return Answer(False, f'command "{" ".join(argv)}" timed out after {timeout:g} s')
        finally:
            await self.zygote.forget(request.name)
        return Answer(code == 0, "" if code == 0 else f'command "{" ".join(argv)}" ended with code {code}')
