"""Garbage collection: what has lost its last owner goes, and what is deleted "with all its dependents" waits.

    background   the owner goes at once; its dependents are found without an owner and deleted
    foreground   finalizer ``foregroundDeletion``: the dependents are deleted, the owner goes with the last
    orphan       finalizer ``orphan``: the dependents lose the reference, then the owner goes

Before anything is deleted for want of an owner, the API is asked: the caches of two kinds may be apart.
"""

from __future__ import annotations

from labs.control.actions import Action, Delete, Patch, Plan
from labs.control.cache import uid
from labs.control.loop import Loop
from labs.control.ownership import references, released
from labs.control.world import World
from labs.kube.client import ApiError, Object
from labs.kube.informer import Key
from labs.kube.kinds import KINDS

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class Garbage(Loop):
    """The loop of all objects that own or are owned, keyed (kind, uid)."""

    name = "garbage"
    component = "garbage-collector"

    def __init__(self, world: World) -> None:
        self._known: dict[str, Object] = {}
        super().__init__(world)

    def follow(self) -> None:
        """Everything."""
        for cache in self.world.caches.values():
            cache.follow(self._changed)

    def plan(self, key: Key) -> Plan:
        """What the finalizers of one object ask for."""
        obj = self._known.get(key[1])
        if obj is None or "deletionTimestamp" not in obj["metadata"]:
            return Plan()
        finalizers = obj["metadata"].get("finalizers") or ()
        if ORPHAN in finalizers:
            return Plan(self._let_go(obj))
        return Plan(self._in_foreground(obj) if FOREGROUND in finalizers else [])

    async def look(self, key: Key) -> None:
        """Finalizers first; then owners, which the API may have to be asked about."""
        await super().look(key)
        obj = self._known.get(key[1])
        if obj is None:
            return
        if "deletionTimestamp" in obj["metadata"]:
            if ORPHAN in (obj["metadata"].get("finalizers") or ()):
                self.queue.add(key)  # the dependents have been let go; now the owner
            return
        owners = references(obj)
        gone = [owner["uid"] for owner in owners if not await self._exists(obj, owner)]
        if gone and len(gone) == len(owners):
            await self.world.write([Delete(obj)])
        elif gone:
            kept = [owner for owner in owners if owner["uid"] not in gone]
            await self.world.write([Patch(obj, {"metadata": {"ownerReferences": kept}})])

    def _let_go(self, owner: Object) -> list[Action]:
        """Orphan: take the reference from the dependents, then the finalizer from the owner."""
        dependents = self._dependents(owner)
        if not dependents:
            return [_without(owner, ORPHAN)]
        return [
            Patch(found, {"metadata": {"ownerReferences": released(found, uid(owner)) or None}})
            for found in dependents
        ]

    def _in_foreground(self, owner: Object) -> list[Action]:
        """Foreground: delete the dependents, each in the same way; the last one gone, let the owner go."""
        dependents = self._dependents(owner)
        if not dependents:
            return [_without(owner, FOREGROUND)]
        return [
            Delete(found, policy="Foreground" if self._dependents(found) else "Background")
            for found in dependents
            if "deletionTimestamp" not in found["metadata"]
        ]

    def _dependents(self, owner: Object) -> list[Object]:
        return [found for cache in self.world.caches.values() for found in cache.by("owner", uid(owner))]

    async def _exists(self, obj: Object, owner: Object) -> bool:
        """True if the owner is known, is of a kind we do not serve, or the API still has it."""
        if owner["uid"] in self._known or owner["kind"] not in KINDS:
            return True
        namespace = obj["metadata"].get("namespace", "") if KINDS[owner["kind"]].namespaced else ""
        try:
            found = await self.world.client.get(owner["kind"], owner["name"], namespace)
        except ApiError as error:
            if error.reason == "NotFound":
                return False
            raise
        return uid(found) == str(owner["uid"])

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._known[uid(new)] = new
            if _concerns_us(old, new):
                self.queue.add((new["kind"], uid(new)))
        elif old is not None:
            self._known.pop(uid(old), None)
            self._gone(old)

    def _gone(self, old: Object) -> None:
        """Its dependents may have no owner now; its owners may wait for it."""
        for found in self._dependents(old):
            self.queue.add((found["kind"], uid(found)))
        for owner in references(old):
            waiting = self._known.get(owner["uid"])
            if waiting is not None and "deletionTimestamp" in waiting["metadata"]:
                self.queue.add((waiting["kind"], owner["uid"]))


def _concerns_us(old: Object | None, new: Object) -> bool:
    """A new reference, or a deletion that waits for us."""
    if "deletionTimestamp" in new["metadata"]:
        return any(name in (new["metadata"].get("finalizers") or ()) for name in (FOREGROUND, ORPHAN))
    before = references(old) if old is not None else []
    return bool(references(new)) and references(new) != before


def _without(obj: Object, finalizer: str) -> Action:
    kept = [name for name in obj["metadata"].get("finalizers") or () if name != finalizer]
    return Patch(obj, {"metadata": {"finalizers": kept or None}})
