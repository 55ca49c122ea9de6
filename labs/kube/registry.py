"""Create, read, update: what every kind has in common when it is written.

One write is one synchronous call from reading the current state to the store, so no two writes can meet half
way: there are no locks and no retries. The steps are those of the real registry: metadata, defaults, checks,
storage. What differs between kinds is a row in ``strategy``.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable

from labs.kube import metadata
from labs.kube.admission import ADMISSION
from labs.kube.allocate import Allocator
from labs.kube.fields import FieldError
from labs.kube.kinds import KINDS, Kind
from labs.kube.objects import Object, Stored, copy, dig, now, stored
from labs.kube.status import already_exists, bad_request, conflict, forbidden, invalid, not_found
from labs.kube.store import Store
from labs.kube.strategy import strategy
from labs.kube.target import Target

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # of generated names: no vowels, so no words
NAME_ROOM = 58  # characters of generateName that are kept, so that 5 more make a valid name
SYSTEM_FIELDS = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


class Registry:
    """Reads and writes objects by the rules of their kind."""

    def __init__(self, store: Store, allocator: Allocator) -> None:
        self.store = store
        self.allocator = allocator
        self.when_created: dict[str, Callable[[Object], None]] = {}  # by kind: what follows a creation
        for service in store.list("Service"):
            allocator.hold(service.obj)

    def get(self, target: Target) -> Stored:
        """The newest state; 404 if there is none."""
        state = self.store.get(target.kind.kind, target.key)
        if state is None:
            raise not_found(target.kind, target.name)
        return state

    def create(self, target: Target, obj: Object, dry_run: bool = False) -> Stored:
        """Store a new object."""
        kind, rules = target.kind, strategy(target.kind.kind)
        _begin(target, obj)
        self._check_namespace(kind, obj)
        if not rules.keeps_status:
            obj.pop("status", None)
        if rules.counts_generations:
            obj["metadata"]["generation"] = 1
        rules.default(obj)
        if kind.kind in ADMISSION:
            ADMISSION[kind.kind](self.store, obj)
        rules.on_create(obj)
        checks = (metadata.validate(kind, obj), rules.validate(obj), rules.validate_create(obj))
        self._check(kind, obj, [error for errors in checks for error in errors])
        at = (target.namespace, obj["metadata"]["name"])
        if self.store.get(kind.kind, at):
            raise already_exists(kind, at[1])
        self._allocate(kind, obj, None)
        state = self.keep(obj, dry_run)
        if not dry_run and kind.kind in self.when_created:
            self.when_created[kind.kind](state.obj)
        return state

    def update(self, target: Target, obj: Object, dry_run: bool = False) -> Stored:
        """Replace the object, or the part of it that the target's subresource is."""
        kind, old = target.kind, self.get(target)
        _match(kind, target.name, obj, old)
        obj = _carry_over(target, obj, old)
        rules = strategy(kind.kind)
        rules.default(obj)
        rules.on_update(obj, old.obj)
        errors = [*metadata.validate(kind, obj), *metadata.validate_update(obj, old.obj)]
        if target.subresource == "status":
            errors += rules.validate_status(obj)
        else:
            errors += [*rules.validate(obj), *rules.validate_update(obj, old.obj)]
        self._check(kind, obj, errors)
        self._allocate(kind, obj, old.obj)
        if rules.counts_generations and _is_new_generation(kind.kind, obj, old.obj):
            obj["metadata"]["generation"] = old.obj["metadata"].get("generation", 0) + 1
        if obj == old.obj:
            return old
        if _is_finished(obj) and not dry_run:
            return self.remove(kind, obj)
        return self.keep(obj, dry_run)

    def change(self, target: Target, make: Callable[[Object], Object], dry_run: bool = False) -> Stored:
        """Update by a function of the current state: a patch."""
        return self.update(target, make(copy(self.get(target))), dry_run)

    def remove(self, kind: Kind, obj: Object) -> Stored:
        """Take the object out of the store and give back what it had been allocated."""
        at = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        last = self.store.remove(kind.kind, at)
        if kind.kind == "Service":
            self.allocator.release(at)
        return stored(obj, self.store.version) if obj is not last.obj else last

    def keep(self, obj: Object, dry_run: bool = False) -> Stored:
        """Store an object that has passed all checks, or, on a dry run, only show what it would be."""
        if dry_run:
            return stored(obj, self.store.version)
        state = self.store.put(obj)
        if state.obj["kind"] == "Service":
            self.allocator.hold(state.obj)
        return state

    def _allocate(self, kind: Kind, obj: Object, old: Object | None) -> None:
        if kind.kind == "Service":
            self._check(kind, obj, self.allocator.assign(obj, old))

    @staticmethod
    def _check(kind: Kind, obj: Object, errors: list[FieldError]) -> None:
        if errors:
            raise invalid(kind, obj["metadata"].get("name", ""), errors)

    def _check_namespace(self, kind: Kind, obj: Object) -> None:
        if not kind.namespaced:
            return
        namespace = obj["metadata"]["namespace"]
        found = self.store.get("Namespace", ("", namespace))
        if found is None:
            raise not_found(KINDS["Namespace"], namespace)
        if found.obj["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(kind, obj["metadata"]["name"], why, [cause])


def _begin(target: Target, obj: Object) -> None:
    """The metadata that the server gives."""
    data = obj.setdefault("metadata", {})
    if data.pop("resourceVersion", None):
        raise bad_request("resourceVersion should not be set on objects to be created")
    for field in SYSTEM_FIELDS:
        data.pop(field, None)
    if not data.get("name") and data.get("generateName"):
        tail = "".join(secrets.choice(ALPHABET) for _ in range(5))
        data["name"] = data["generateName"][:NAME_ROOM] + tail
    if target.kind.namespaced:
        data["namespace"] = target.namespace
    data["uid"] = str(uuid.uuid4())
    data["creationTimestamp"] = now()


def _match(kind: Kind, name: str, obj: Object, old: Stored) -> None:
    data = obj["metadata"]
    sent = data.get("resourceVersion")
    if sent and sent != str(old.version):
        raise conflict(kind, name)
    uid = old.obj["metadata"]["uid"]
    if data.get("uid", uid) != uid:
        why = f"Precondition failed: UID in precondition: {data['uid']}, UID in object meta: {uid}"
        raise conflict(kind, name, why)


def _carry_over(target: Target, obj: Object, old: Stored) -> Object:
    """What a writer of this subresource cannot change stays as it was."""
    before = old.obj["metadata"]
    data = {field: value for field, value in obj["metadata"].items() if field not in SYSTEM_FIELDS}
    data |= {field: before[field] for field in SYSTEM_FIELDS if field in before}
    data["resourceVersion"] = str(old.version)
    has_status = "status" in target.kind.subresources
    if target.subresource == "status":
        kept = {field: value for field, value in copy(old).items() if field != "status"}
        status = {"status": obj["status"]} if "status" in obj else {}
        return {**kept, "metadata": data, **status}
    if has_status:
        obj = {field: value for field, value in obj.items() if field != "status"}
        if "status" in old.obj:
            obj["status"] = old.obj["status"]
    return {**obj, "metadata": data}


def _is_new_generation(kind: str, new: Object, old: Object) -> bool:
    """A status does not make a new generation; of the rest each kind has its own idea."""
    if kind == "EndpointSlice":
        fields = ("endpoints", "ports", "addressType")
        return any(new.get(field) != old.get(field) for field in fields)
    annotations = kind == "Deployment" and dig(new, "metadata", "annotations") != dig(
        old, "metadata", "annotations"
    )
    return bool(annotations) or new.get("spec") != old.get("spec")


def _is_finished(obj: Object) -> bool:
    """Its deletion waited for finalizers, and the last has gone."""
    data = obj["metadata"]
    waits = data.get("finalizers") or dig(obj, "spec", "finalizers") or data.get("deletionGracePeriodSeconds")
    return bool(data.get("deletionTimestamp")) and not waits
