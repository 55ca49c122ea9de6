"""One pod's life on this node, in one task: sandbox, volumes, containers, and at the end their removal.

    live:  volumes → sandbox → init containers one after another → containers side by side
    then:  wait until the API says that the pod is to go
    end:   stop the containers (grace) → remove sandbox and files → delete the object

``run`` is that life. News from the API come in by ``seen``; nothing here is ever started twice, because
everything is started in that one task.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from typing import Any

from labs.agent import hosts
from labs.agent.container import Container
from labs.agent.events import WARNING
from labs.agent.network import Sandbox
from labs.agent.payload import VolumeUnavailable
from labs.agent.reporter import LATER, Reporter
from labs.agent.runtime import child_name, log_path
from labs.agent.state import SCHEME, ContainerState, Ended, now
from labs.agent.status import Facts, attempt_of, pod_status, recorded
from labs.agent.tools import Tools
from labs.errors import LabError
from labs.kube.client import ApiError
from vm.errors import MachineError
from vm.spawn import Child, Mount

log = logging.getLogger(__name__)

Object = dict[str, Any]
RETRY = 1.0  # seconds until what failed is tried again
DONE = ("Succeeded", "Failed")


class Pod:
    """A pod that is bound to this node; ``children`` are its processes that already run."""

    def __init__(self, obj: Object, tools: Tools, children: Mapping[str, Child]) -> None:
        self.obj, self.tools = obj, tools
        self.sandbox = Sandbox(tools.config.addresses if obj["spec"].get("hostNetwork") else ())
        self.files: tuple[Mount, ...] = ()
        self._going = asyncio.Event()
        self._gone = False  # from the API: no grace, nothing to delete there
        self._standing = False  # volumes and sandbox are there, the containers look after themselves
        self._children = children
        self._started_at = obj.get("status", {}).get("startTime") or now()
        self.inits = self._containers("initContainers", "initContainerStatuses", init=True)
        self.containers = self._containers("containers", "containerStatuses")
        self._reporter = Reporter(tools.client, obj, self._status)
        if obj["metadata"].get("deletionTimestamp"):
            self._going.set()

    @property
    def uid(self) -> str:
        """By which pods are told apart."""
        return str(self.obj["metadata"]["uid"])

    def seen(self, obj: Object) -> None:
        """The API shows a newer state of the pod."""
        self.obj = obj
        self._reporter.seen(obj)
        if obj["metadata"].get("deletionTimestamp"):
            self._going.set()

    def gone(self) -> None:
        """The API does not have the pod any more (deleted by force): end it at once."""
        self._gone = True
        self._going.set()
        for container in (*self.inits, *self.containers):
            container.stop(0)

    def changed(self) -> None:
        """A container's state has changed."""
        states = [container.state for container in self.containers]
        if any(state.running for state in states):
            self._reporter.patience = LATER
        waiting = any(state.waiting[0] == "ContainerCreating" for state in states if not state.running)
        ready = all(state.ready for state in states if state.running)
        self._reporter.changed(settled=not waiting and ready)

    async def refresh(self) -> None:
        """Bring the volumes up to date."""
        try:
            await self.tools.volumes.set_up(self.obj)
        except (VolumeUnavailable, ApiError) as error:
            log.warning("volumes of pod %s: %s", self.obj["metadata"]["name"], error)

    async def run(self) -> None:
        """The whole life; returns when nothing of the pod is left."""
        reporting = asyncio.create_task(self._reporter.run())
        living = asyncio.create_task(self._live())
        living.add_done_callback(self._lived)
        try:
            await self._going.wait()
            await self._stop(living)
            await self._remove()
        finally:
            reporting.cancel()
            living.cancel()
        if not self._gone:
            await self._delete()

    async def _live(self) -> None:
        """Until all containers have ended for good."""
        if self.obj.get("status", {}).get("phase") in DONE:
            return
        self.changed()
        await self._set_up()
        self._standing = True
        for container in self.inits:
            await container.run()
            if container.state.ended is None or container.state.ended.code:
                return
        await asyncio.gather(*(container.run() for container in self.containers))

    def _lived(self, living: asyncio.Task[None]) -> None:
        if not living.cancelled() and living.exception() is not None:
            log.error("pod %s", self.obj["metadata"]["name"], exc_info=living.exception())

    async def _set_up(self) -> None:
        """Volumes and sandbox; tried again until they stand."""
        while True:
            try:
                await self.tools.volumes.set_up(self.obj)
                async with self.tools.turn:
                    await self._sandbox()
                return
            except VolumeUnavailable as error:
                self.tools.events.pod(self.obj, "FailedMount", str(error), WARNING)
            except (MachineError, LabError, OSError) as error:
                message = f"Failed to create pod sandbox: {error}"
                self.tools.events.pod(self.obj, "FailedCreatePodSandBox", message, WARNING)
            await asyncio.sleep(RETRY)

    async def _sandbox(self) -> None:
        if not self.obj["spec"].get("hostNetwork"):
            self.sandbox = await self.tools.network.set_up(self.uid)
        files = hosts.write(self.obj, self.sandbox.addresses, self.tools.config)
        self.files = tuple(Mount(str(path), target) for target, path in files.items())

    async def _stop(self, living: asyncio.Task[None]) -> None:
        """End the containers; before they look after themselves, end what would start them."""
        grace = 0.0 if self._gone else float(self.obj["metadata"].get("deletionGracePeriodSeconds") or 0)
        everyone = (*self.inits, *self.containers)
        for container in everyone:
            if container.state.running:
                name = container.spec["name"]
                self.tools.events.pod(self.obj, "Killing", f"Stopping container {name}", container=name)
            container.stop(grace)
        if not self._standing:
            living.cancel()
        await asyncio.wait({living})
        await asyncio.gather(*(container.finish() for container in everyone))

    async def _remove(self) -> None:
        """Nothing of the pod stays on the node."""
        for container in (*self.inits, *self.containers):
            if container.state.container_id:
                await self._forget(container.child)
        if not self.obj["spec"].get("hostNetwork"):
            await self.tools.network.tear_down(self.uid)
        logs = log_path(self.tools.config.logs, self.obj, "", 0).parent
        for folder in (self.tools.config.state / "pods" / self.uid, logs):
            shutil.rmtree(folder, ignore_errors=True)

    async def _forget(self, child: str) -> None:
        try:
            await self.tools.zygote.forget(child)
        except MachineError as error:
            log.debug("process %s: %s", child, error)

    async def _delete(self) -> None:
        """Tell the API that the pod is gone from the node."""
        metadata = self.obj["metadata"]
        while True:
            try:
                await self.tools.client.delete(
                    "Pod", metadata["name"], metadata["namespace"], grace=0, uid=self.uid
                )
                return
            except ApiError as error:
                if error.reason in ("NotFound", "Conflict"):
                    return
                log.warning("deleting pod %s: %s; trying again", metadata["name"], error)
                await asyncio.sleep(RETRY)

    def _containers(self, field: str, statuses: str, *, init: bool = False) -> list[Container]:
        spec, shown = self.obj["spec"], self.obj.get("status", {}).get(statuses, ())
        before = {status["name"]: status for status in shown}
        policy = spec.get("restartPolicy", "Always")
        if init and policy == "Always":
            policy = "OnFailure"  # an init container that succeeded is done
        found = []
        for words in spec.get(field, ()):
            state = self._state(words, before.get(words["name"]))
            found.append(Container(self, words, state, policy))
        return found

    def _state(self, words: Object, shown: Object | None) -> ContainerState:
        """As it is: by its process, if there is one, else as the API last showed it."""
        name, image = words["name"], words["image"]
        attempt, child = newest(self._children, name)
        if child is None:
            return recorded(shown, name, image)
        container_id = SCHEME + child_name(self.uid, name, attempt)
        state = ContainerState(name, image, (shown or {}).get("imageID", ""), attempt)
        last = (shown or {}).get("lastState", {}).get("terminated")
        state.last = Ended.of(last) if last else None
        same = shown is not None and shown.get("containerID") == container_id
        began = (shown or {}).get("state", {}).get("running", {}).get("startedAt") if same else None
        state.run(container_id, child.pid, began or now())
        if same and shown is not None:  # no new verdict is needed to go on
            state.ready, state.started = bool(shown.get("ready")), bool(shown.get("started"))
        return state

    def _status(self, shown: Object) -> Object:
        facts = Facts(self.tools.config.addresses, self.sandbox.addresses, self._started_at)
        states = [container.state for container in self.containers]
        return pod_status(shown, facts, states, [container.state for container in self.inits])


def newest(children: Mapping[str, Child], container: str) -> tuple[int, Child | None]:
    """The last attempt of a container among a pod's processes (by the zygote's names)."""
    attempts = {
        attempt_of(SCHEME + name): child
        for name, child in children.items()
        if name.split("/")[1] == container
    }
    return max(attempts.items(), default=(-1, None), key=lambda item: item[0])
