"""A world on paper: performs plans on objects in memory, so that loops can be played against each other.

It knows of the API what the loops rely on: uids and versions, the generation that counts changes of ``spec``,
merge patches, and that a pod on a node is only marked by a deletion until its node has ended it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from labs.control.actions import Action, Bind, Create, Delete, Patch, Update
from labs.control.moments import stamp
from labs.control.ownership import controller_uid
from labs.kube.client import Object

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class FakeWorld:
    """Objects by kind, namespace and name; ``perform`` applies actions; ``now`` moves by ``pass_time``."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.now = START
        self._serial = itertools.count(1)

    def add(self, obj: Object) -> Object:
        """Store a new object; raises ValueError if the name is taken."""
        at = _place(obj)
        if at in self.objects:
            raise ValueError(f"{at} exists already")
        serial = next(self._serial)
        made = deepcopy(obj)
        made["metadata"].update(
            uid=f"uid-{serial}",
            resourceVersion=str(serial),
            generation=1,
            creationTimestamp=stamp(self.now),
        )
        self.objects[at] = made
        return made

    def perform(self, actions: Iterable[Action]) -> None:
        """Apply a plan's actions."""
        for action in actions:
            match action:
                case Create(obj):
                    self.add(obj)
                case Patch(obj, patch, _):
                    self.change(obj, patch)
                case Update(obj):
                    self.objects[_place(obj)] = self._newer(obj, obj)
                case Bind(pod, node):
                    self.change(pod, {"spec": {"nodeName": node}})
                case Delete(obj):
                    self._delete(obj)

    def change(self, obj: Object, patch: Object) -> Object:
        """Merge a patch into the newest state of the object."""
        old = self.objects[_place(obj)]
        new = self.objects[_place(obj)] = self._newer(old, merge(old, patch))
        return new

    def remove(self, obj: Object) -> None:
        """Take the object away for good, as the API does when its node has ended a pod."""
        self.objects.pop(_place(obj), None)

    def get(self, kind: str, name: str, namespace: str = "default") -> Object:
        """One object; KeyError if there is none."""
        return self.objects[(kind, namespace, name)]

    def all(self, kind: str, owner: str = "") -> list[Object]:
        """Objects of a kind, oldest first; only those that ``owner`` (a uid) steers, where given."""
        return [
            obj
            for (found, _, _), obj in self.objects.items()
            if found == kind and (not owner or controller_uid(obj) == owner)
        ]

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on."""
        self.now += timedelta(seconds=seconds)

    def _newer(self, old: Object, new: Object) -> Object:
        changed = old.get("spec") != new.get("spec")
        metadata = {
            **new["metadata"],
            "resourceVersion": str(next(self._serial)),
            "generation": old["metadata"].get("generation", 1) + changed,
        }
        return {**new, "metadata": metadata}

    def _delete(self, obj: Object) -> None:
        found = self.objects.get(_place(obj))
        if found is None or found["metadata"]["uid"] != obj["metadata"]["uid"]:
            return
        if found["kind"] == "Pod" and found["spec"].get("nodeName"):
            self.change(found, {"metadata": {"deletionTimestamp": stamp(self.now)}})
        else:
            self.remove(found)


def merge(old: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _place(obj: Object) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
