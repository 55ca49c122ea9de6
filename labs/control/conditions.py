"""Conditions: the list in a status by which an object says how it is.

``lastTransitionTime`` moves only when the status of the condition changes; that is what clients measure from.
"""

from __future__ import annotations

from typing import Any

from labs.kube.client import Object


def find(obj: Object, type: str) -> Object | None:
    """The condition of this type in the object's status."""
    conditions = obj.get("status", {}).get("conditions") or ()
    return next((entry for entry in conditions if entry.get("type") == type), None)


def holds(obj: Object, type: str) -> bool:
    """True if the condition's status is True."""
    entry = find(obj, type)
    return entry is not None and entry.get("status") == "True"


def replaced(conditions: list[Object], new: Object, *, renew: bool = False) -> list[Object]:
    """The list with ``new`` in the place of the condition of its type; the same list if it says the same.

    ``renew``: take its time of update even then.
    """
    old = next((entry for entry in conditions if entry["type"] == new["type"]), None)
    if old is None:
        return [*conditions, new]
    if not renew and all(old.get(field) == new.get(field) for field in ("status", "reason", "message")):
        return conditions
    if old.get("status") == new.get("status") and "lastTransitionTime" in old:
        new = {**new, "lastTransitionTime": old["lastTransitionTime"]}
    return [new if entry is old else entry for entry in conditions]


def make(type: str, status: str, reason: str, message: str, **more: Any) -> Object:
    """A condition; ``more`` are its time stamps."""
    return {"type": type, "status": status, "reason": reason, "message": message, **more}
