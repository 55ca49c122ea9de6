"""Namespaces that are being deleted: everything in them goes first, then the finalizer lets the rest go.

What is in there is asked of the API, not of the caches: what was created a moment ago must not outlive its
namespace. The API refuses new objects in it meanwhile.
"""

from __future__ import annotations

import asyncio

from labs.control.actions import Plan
from labs.control.loop import Loop
from labs.kube.client import ApiError, Object
from labs.kube.informer import Key
from labs.kube.kinds import KINDS, Kind

CHECK = (
    1.0  # seconds; the end of the last pod asks for a look at once, this is for what the caches do not follow
)
FINALIZER = "kubernetes"


class Namespaces(Loop):
    """The loop of namespaces, keyed ("", name)."""

    name = "namespaces"
    component = "namespace-controller"

    def follow(self) -> None:
        """Namespaces, and the end of each object in one."""
        self.follow_own("Namespace")
        for kind, cache in self.world.caches.items():
            if KINDS[kind].namespaced:
                cache.follow(self._content_changed)

    def plan(self, key: Key) -> Plan:
        """Nothing is decided from the caches; see ``look``."""
        return Plan()

    async def look(self, key: Key) -> None:
        """Delete what is there; when nothing is, finalize."""
        namespace = self.world["Namespace"].get(*key)
        if namespace is None or not _ending(namespace):
            return
        kinds = [kind for kind in KINDS.values() if kind.namespaced]
        left = await asyncio.gather(*(self._empty(kind, key[1]) for kind in kinds))
        if any(left):
            self.queue.add_after(key, CHECK)
        elif FINALIZER in (namespace["spec"].get("finalizers") or ()):
            await self._finalize(key[1])

    async def _empty(self, kind: Kind, namespace: str) -> bool:
        """Ask for the deletion of all objects of a kind; True while there are any."""
        client = self.world.client
        items = (await client.list(kind.kind, namespace))["items"]
        if any("deletionTimestamp" not in item["metadata"] for item in items):
            await client.request("DELETE", kind.path(namespace))
            items = (await client.list(kind.kind, namespace))["items"]
        return bool(items)

    async def _finalize(self, name: str) -> None:
        """Take our finalizer from the newest state; the API then removes the namespace."""
        try:
            found = await self.world.client.get("Namespace", name)
        except ApiError as error:
            if error.reason == "NotFound":
                return
            raise
        kept = [entry for entry in found["spec"].get("finalizers") or () if entry != FINALIZER]
        body = {**found, "spec": {**found["spec"], "finalizers": kept}}
        await self.world.client.request("PUT", KINDS["Namespace"].path("", name, "finalize"), body)

    def _content_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None or old is None:
            return
        name = old["metadata"]["namespace"]
        namespace = self.world["Namespace"].get("", name)
        if namespace is not None and _ending(namespace):
            self.queue.add(("", name))


def _ending(namespace: Object) -> bool:
    return "deletionTimestamp" in namespace["metadata"]
