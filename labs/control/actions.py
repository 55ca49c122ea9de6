"""What a loop may decide: the verbs of the API as data, gathered in a plan.

Loops decide in pure functions, facts in, plan out; only in ``writer.py`` a plan meets
the API. So a rule of Kubernetes is tested with a table of facts and no server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labs.kube.client import Object


@dataclass(frozen=True, slots=True)
class Create:
    """Make a new object."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Update:
    """Replace an object; refused by the API if it has changed since it was read."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Patch:
    """Change some fields (JSON merge patch); ``patch`` names only what changes, so it meets no conflict."""

    obj: Object
    patch: Object
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete this very object, not another one of the same name; ``policy`` as in DeleteOptions."""

    obj: Object
    grace: int | None = None
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Bind:
    """Tie a pod to a node: the scheduler's one verb."""

    pod: Object
    node: str


Action = Create | Update | Patch | Delete | Bind


@dataclass(frozen=True, slots=True)
class Note:
    """An Event to record about an object."""

    about: Object
    reason: str
    message: str
    type: str = "Normal"


@dataclass(slots=True)
class Plan:
    """What to do now, what to tell, and when to look again (seconds) although nothing may change."""

    actions: list[Action] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    again: float | None = None

    def do(self, *actions: Action) -> None:
        """Add actions."""
        self.actions.extend(actions)

    def note(self, about: Object, reason: str, message: str, type: str = "Normal") -> None:
        """Add an Event."""
        self.notes.append(Note(about, reason, message, type))

    def look_again(self, seconds: float) -> None:
        """Ask for another look; the earliest wish counts."""
        self.again = seconds if self.again is None else min(self.again, seconds)


def status(obj: Object, wanted: Object) -> list[Action]:
    """The write that makes the object's status as wanted; none if it is so already."""
    changed = difference(obj.get("status") or {}, wanted)
    return [Patch(obj, {"status": changed}, "status")] if changed else []


def annotate(obj: Object, wanted: dict[str, str]) -> list[Action]:
    """The write that makes these annotations so; none if they are."""
    found = obj["metadata"].get("annotations") or {}
    changed = {key: value for key, value in wanted.items() if found.get(key) != value}
    return [Patch(obj, {"metadata": {"annotations": changed}})] if changed else []


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) from one object to another: removed keys become null."""
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict):
            inner = difference(old[key], value)
            if inner:
                patch[key] = inner
        elif value != old[key]:
            patch[key] = value
    return patch
