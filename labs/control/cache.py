"""All objects of one kind in memory, with indexes, and told of a loop's own writes before the watch is.

A loop that creates ten pods must not look again before it knows of them, or it creates ten more. Kubernetes
solves this with "expectations"; here each write's answer goes into the cache at once, and the watch event
that brings the same version later is ignored. Versions are compared as numbers: the whole store counts in one
sequence. An object that was seen to go is remembered by its uid, so that a late answer cannot raise it again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping

from labs.kube.client import Object
from labs.kube.informer import Key, key

Index = Callable[[Object], Iterable[Hashable]]
Change = Callable[[Object | None, Object | None], None]
REMEMBERED = 10_000  # uids of deleted objects


class Cache:
    """``objects`` by (namespace, name); ``by(index, value)`` finds without a search."""

    def __init__(self, kind: str, indexes: Mapping[str, Index] | None = None) -> None:
        self.kind = kind
        self.objects: dict[Key, Object] = {}
        self._indexes = dict(indexes or {})
        self._found: dict[str, dict[Hashable, dict[Key, Object]]] = {name: {} for name in self._indexes}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._followers: list[Change] = []

    def follow(self, change: Change) -> None:
        """Call ``change(old, new)`` after each addition, update and deletion."""
        self._followers.append(change)

    def get(self, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        return self.objects.get((namespace, name))

    def by(self, index: str, value: Hashable) -> list[Object]:
        """The objects for which the index function gave this value."""
        return list(self._found[index].get(value, {}).values())

    def count(self, index: str, value: Hashable) -> int:
        """How many objects ``by`` would give."""
        return len(self._found[index].get(value, ()))

    def watched(self, old: Object | None, new: Object | None) -> None:
        """Take what an informer saw; it may be older than what a write of our own has brought."""
        if old is not None and (new is None or uid(old) != uid(new)):
            self.remove(old)
        if new is not None:
            self.store(new)

    def store(self, new: Object) -> None:
        """Keep the object unless a newer version of it is known, or it is known to be gone."""
        old = self.objects.get(key(new))
        if uid(new) in self._gone:
            return
        if old is not None and uid(old) != uid(new):
            if version(old) > version(new):
                return
            self.remove(old)
            old = None
        if old is None or version(old) < version(new):
            self._put(old, new)

    def mark_deleted(self, obj: Object, stamp: str) -> None:
        """Our deletion was accepted: until the watch tells more, the object counts as being deleted."""
        old = self.objects.get(key(obj))
        if old is None or uid(old) != uid(obj) or "deletionTimestamp" in old["metadata"]:
            return
        self._put(old, {**old, "metadata": {**old["metadata"], "deletionTimestamp": stamp}})

    def remove(self, obj: Object) -> None:
        """This very object is gone."""
        self._gone[uid(obj)] = None
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)
        old = self.objects.get(key(obj))
        if old is None or uid(old) != uid(obj):
            return
        del self.objects[key(obj)]
        self._unindex(old)
        self._tell(old, None)

    def _put(self, old: Object | None, new: Object) -> None:
        if old is not None:
            self._unindex(old)
        at = key(new)
        self.objects[at] = new
        for name, values in self._indexes.items():
            for value in values(new):
                self._found[name].setdefault(value, {})[at] = new
        self._tell(old, new)

    def _unindex(self, old: Object) -> None:
        at = key(old)
        for name, values in self._indexes.items():
            for value in values(old):
                found = self._found[name].get(value, {})
                found.pop(at, None)
                if not found:
                    self._found[name].pop(value, None)

    def _tell(self, old: Object | None, new: Object | None) -> None:
        for follower in self._followers:
            follower(old, new)


def uid(obj: Object) -> str:
    """What tells an object from a later one of the same name."""
    return str(obj["metadata"]["uid"])


def version(obj: Object) -> int:
    """The resourceVersion as a number; Kubernetes 1.35 made the order of versions part of the API, too."""
    return int(obj["metadata"].get("resourceVersion") or 0)
