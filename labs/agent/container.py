"""One container's life: start, probes, end, back-off, again — until it is done or its pod is.

The whole life is one loop in one task (``run``). Whoever wants the container to end calls ``stop``, which
only says so: the loop itself sends the signals, so that a container is never started behind its own end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labs.agent import launch
from labs.agent.backoff import BackOff
from labs.agent.ending import Ending
from labs.agent.environment import ConfigurationInvalid
from labs.agent.events import NORMAL, WARNING
from labs.agent.execute import Inside
from labs.agent.health import Health
from labs.agent.images import ImageUnknown
from labs.agent.launch import Owner
from labs.agent.payload import VolumeUnavailable
from labs.agent.probing import Answer, Target
from labs.agent.state import SCHEME, ContainerState, Ended, now
from vm.errors import MachineError

Object = dict[str, Any]
# error → what it is called while the container waits
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ConfigurationInvalid, "CreateContainerConfigError"),
    (VolumeUnavailable, "CreateContainerConfigError"),
    (MachineError, "RunContainerError"),
    (OSError, "CreateContainerConfigError"),  # its log's folder, on a full or broken disk
)


class Container:
    """One container of a pod; ``state`` is what the pod's status shows of it."""

    def __init__(self, owner: Owner, spec: Object, state: ContainerState, policy: str) -> None:
        self.spec, self.state = spec, state
        self.stopping = False
        self._owner, self._policy = owner, policy
        self._tools = owner.tools
        self._backoff = BackOff()
        self._end = asyncio.Event()  # the process is to end, or need not start
        self._grace = 0.0
        self._began = time.monotonic()

    async def run(self) -> None:
        """Return when the container has ended for good."""
        while not self.stopping:
            if not self.state.running:
                if self.state.ended is not None and not self._again():
                    return
                if not await self._start():
                    continue
            await self._live()
            if self.stopping or not self._again():
                return
            await self._back_off()

    def stop(self, grace: float) -> None:
        """End the process, with ``grace`` seconds between SIGTERM and SIGKILL, and do not start another."""
        self.stopping = True
        self._grace = grace
        self._end.set()

    async def finish(self) -> None:
        """End the process if it still runs, after ``stop`` and when nobody is in ``run``."""
        if self.state.running:
            await self._live()

    @property
    def child(self) -> str:
        """The zygote's name of the process."""
        return self.state.container_id.removeprefix(SCHEME)

    def inside(self) -> Inside:
        """For commands beside the container's process."""
        variables = launch.variables(self._owner, self.spec)
        return Inside(self._tools.zygote, self.state.pid, variables)

    def log(self, attempt: int) -> Path:
        """The log of an attempt."""
        return launch.log_file(self._owner, self.spec, attempt)

    def _again(self) -> bool:
        """Whether the restart policy wants the container to run again."""
        failed = self.state.ended is None or self.state.ended.code != 0
        return self._policy == "Always" or (self._policy == "OnFailure" and failed)

    async def _start(self) -> bool:
        """One try; False when it failed (after a pause), or when the container need not start any more."""
        try:
            async with self._tools.turn:
                await self._spawn()
        except ImageUnknown as error:
            await self._no_image(error)
        except tuple(kind for kind, _ in REASONS) as error:
            reason = next(reason for kind, reason in REASONS if isinstance(error, kind))
            self._tell("Failed", f"Error: {error}", WARNING)
            await self._wait(reason, str(error), self._backoff.ended(0.0) or 1.0)
        return self.state.running

    async def _spawn(self) -> None:
        state = self.state
        attempt = state.attempt + 1 if state.container_id else 0
        request = launch.request(self._owner, self.spec, attempt)
        pid = await self._tools.zygote.spawn(request)
        if state.container_id:
            await self._forget(attempt)
        if state.ended is not None:
            state.last = state.ended
        state.attempt, state.image_id = attempt, f"{SCHEME}{request.entry or request.title}"
        state.run(SCHEME + request.name, pid, now())
        self._began = time.monotonic()
        self._tell("Started", f"Started container {self.spec['name']}")
        self._owner.changed()

    async def _forget(self, attempt: int) -> None:
        """The attempts before the last one leave no trace: its log is the ``--previous`` one."""
        with contextlib.suppress(MachineError):
            await self._tools.zygote.forget(self.child)
        old = self.log(attempt - 2)
        for path in (old, old.with_name(old.name + ".1")):
            path.unlink(missing_ok=True)

    async def _live(self) -> None:
        """Watch the process until it has ended."""
        ended = asyncio.create_task(self._tools.zygote.wait(self.child))
        probing = asyncio.create_task(self._health().watch())
        asked = asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await self._ending().begin(ended, self._grace)
            code = await ended
        finally:
            for task in (probing, asked, ended):
                task.cancel()
        if not self.stopping:
            self._end.clear()
        state = self.state
        shown = code if code >= 0 else 128 - code
        state.end(Ended(shown, state.started_at, now(), state.container_id))
        self._owner.changed()

    def _health(self) -> Health:
        return Health(self.spec, self.state, self._target(), self._owner.changed, self._unhealthy, self._kill)

    def _ending(self) -> Ending:
        def failed(message: str) -> None:
            self._tell("FailedPreStopHook", f"PreStopHook failed: {message}", WARNING)

        hook = self.spec.get("lifecycle", {}).get("preStop", {})
        return Ending(self._tools.zygote, self.child, hook, self._target(), failed)

    def _target(self) -> Target:
        ports = {
            port["name"]: port["containerPort"] for port in self.spec.get("ports", ()) if port.get("name")
        }

        async def execute(argv: Sequence[str], timeout: float) -> Answer:
            return await self.inside().run(argv, timeout)

        return Target(self._owner.sandbox.address, ports, self._tools.session, execute)

    def _unhealthy(self, kind: str, answer: Answer) -> None:
        if not self.stopping:  # at its end a container answers no more: nobody need be warned
            self._tell("Unhealthy", f"{kind} probe failed: {answer.message}", WARNING)

    def _kill(self, kind: str) -> None:
        """A probe says that the container must be started again."""
        if not self._end.is_set():
            name = self.spec["name"]
            self._tell("Killing", f"Container {name} failed {kind.lower()} probe, will be restarted")
            self._grace = float(self._owner.obj["spec"].get("terminationGracePeriodSeconds", 30))
            self._end.set()

    async def _back_off(self) -> None:
        """The pause before the next start: none after the first end."""
        delay = self._backoff.ended(time.monotonic() - self._began)
        if delay:
            metadata, name = self._owner.obj["metadata"], self.spec["name"]
            whose = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
            message = f"back-off {_duration(delay)} restarting failed container={name} pod={whose}"
            self._tell("BackOff", f"Back-off restarting failed container {name}", WARNING)
            await self._wait("CrashLoopBackOff", message, delay)

    async def _no_image(self, error: ImageUnknown) -> None:
        """ErrImagePull for a moment, then ImagePullBackOff, as the kubelet shows it."""
        image = self.spec["image"]
        self._tell("Failed", f'Failed to pull image "{image}": {error}', WARNING)
        delay = self._backoff.ended(0.0)
        if delay:
            self._tell("BackOff", f'Back-off pulling image "{image}"', NORMAL)
        backing_off = delay and error.reason == "ErrImagePull"
        await self._wait("ImagePullBackOff" if backing_off else error.reason, str(error), delay or 1.0)

    async def _wait(self, reason: str, message: str, seconds: float) -> None:
        self.state.wait(reason, message)
        self._owner.changed()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._end.wait(), seconds)

    def _tell(self, reason: str, message: str, type: str = NORMAL) -> None:
        self._tools.events.pod(self._owner.obj, reason, message, type, container=self.spec["name"])


def _duration(seconds: float) -> str:
    """As Go prints it: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
