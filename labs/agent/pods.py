"""All pods of the node: for each one that the API binds to us a task, and nothing else on the machine.

After a start of the agent the zygote may still have pods' processes: they are adopted, with the restart
counts in their names. Processes of pods that the API no longer has are ended and removed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping
from typing import Any

from labs.agent.container import Container
from labs.agent.pod import Pod
from labs.agent.tools import Tools
from labs.agent.volumes import refers_to
from vm.spawn import Child

log = logging.getLogger(__name__)

Object = dict[str, Any]


class Pods:
    """The pods of one node, by UID."""

    def __init__(self, tools: Tools, children: Mapping[str, Child]) -> None:
        self._tools = tools
        self._children = {name: child for name, child in children.items() if name.count("/") == 2}
        self._pods: dict[str, Pod] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refreshing: set[asyncio.Task[None]] = set()

    def follow(self, old: Object | None, new: Object | None) -> None:
        """A pod of this node has changed: the informer's ``on_change``."""
        if old is not None and (new is None or uid_of(old) != uid_of(new)):
            pod = self._pods.get(uid_of(old))
            if pod is not None:
                pod.gone()
        if new is None:
            return
        obj = without_nulls(new)
        pod = self._pods.get(uid_of(obj))
        if pod is None:
            self._begin(obj)
        else:
            pod.seen(obj)

    def _begin(self, obj: Object) -> None:
        uid = uid_of(obj)
        own = {name: child for name, child in self._children.items() if name.startswith(uid + "/")}
        pod = self._pods[uid] = Pod(obj, self._tools, own)
        task = self._tasks[uid] = asyncio.create_task(pod.run(), name=f"pod {obj['metadata']['name']}")
        task.add_done_callback(lambda task: self._ended(uid, task))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        del self._pods[uid], self._tasks[uid]
        if not task.cancelled() and task.exception() is not None:
            log.error("%s", task.get_name(), exc_info=task.exception())

    def find(self, namespace: str, name: str) -> Pod | None:
        """A pod by its name."""
        for pod in self._pods.values():
            metadata = pod.obj["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return pod
        return None

    @staticmethod
    def container(pod: Pod, name: str) -> Container | None:
        """A container of the pod by its name; init containers are found, too."""
        return next((found for found in (*pod.containers, *pod.inits) if found.spec["name"] == name), None)

    def objects(self) -> list[Object]:
        """The pods as the agent knows them."""
        return [pod.obj for pod in self._pods.values()]

    def refresh(self, old: Object | None, new: Object | None) -> None:
        """A ConfigMap or Secret has changed: pods that have it as a volume get the new files."""
        source = new or old
        if source is None:
            return
        metadata = source["metadata"]
        for pod in self._pods.values():
            same = pod.obj["metadata"]["namespace"] == metadata["namespace"]
            if same and refers_to(pod.obj, source["kind"], metadata["name"]):
                task = asyncio.create_task(pod.refresh())
                self._refreshing.add(task)
                task.add_done_callback(self._refreshing.discard)

    async def collect(self) -> None:
        """After the first list: end and remove what the machine has of pods that the API does not have."""
        orphans = [name for name in self._children if name.split("/")[0] not in self._pods]
        for name in orphans:
            log.info("process %s belongs to no pod any more", name)
            if self._children[name].status is None:
                await self._tools.zygote.signal(name, signal.SIGKILL)
                await self._tools.zygote.wait(name)
            await self._tools.zygote.forget(name)
        await self._tools.network.collect(set(self._pods))

    async def close(self) -> None:
        """Stop looking after the pods; their processes live on."""
        tasks = [*self._tasks.values(), *self._refreshing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def without_nulls(value: Any) -> Any:
    """The same without fields that are null: to leave a field out and to write null is the same."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def uid_of(obj: Object) -> str:
    """The pod's identity; a name may be given again."""
    return str(obj["metadata"]["uid"])
