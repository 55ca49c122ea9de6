"""How an object goes: at once, with grace, or when those who hold a finalizer have let go.

A running pod is only marked: ``deletionTimestamp`` and the seconds of grace; its node's agent stops it and
then deletes it with grace 0. An object with finalizers stays, marked, until the last is removed (the registry
sees to that). Dependants are the garbage collector's work (``labs.control``): ``Foreground`` and ``Orphan``
are told to it as finalizers, as in Kubernetes; for ``Background`` it sees that the owner is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labs.kube.objects import Object, Stored, copy, dig, now
from labs.kube.registry import Registry
from labs.kube.status import bad_request, conflict
from labs.kube.target import Target

POLICIES = {"Foreground": "foregroundDeletion", "Orphan": "orphan", "Background": ""}
POLICY_FINALIZERS = ("foregroundDeletion", "orphan")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What the client asks for; ``grace`` in seconds, None: what the object says."""

    grace: int | None = None
    policy: str = ""
    uid: str = ""
    version: str = ""
    dry_run: bool = False

    @classmethod
    def read(cls, body: Object, query: dict[str, str]) -> DeleteOptions:
        """From the body, or, as for ``kubectl delete --raw``, from the query."""
        grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
        policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
        if policy and policy not in POLICIES:
            known = ", ".join(f'"{name}"' for name in sorted(POLICIES))
            raise bad_request(
                f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "{policy}": '
                f"supported values: {known}"
            )
        if body.get("orphanDependents"):
            policy = "Orphan"
        preconditions = body.get("preconditions") or {}
        return cls(
            _seconds(grace),
            policy,
            preconditions.get("uid", ""),
            preconditions.get("resourceVersion", ""),
            bool(body.get("dryRun") or query.get("dryRun")),
        )


def _seconds(grace: Any) -> int | None:
    if grace is None:
        return None
    try:
        return max(0, int(grace))
    except (TypeError, ValueError) as error:
        raise bad_request(f"gracePeriodSeconds: {grace!r} is not a whole number of seconds") from error


def delete(registry: Registry, target: Target, options: DeleteOptions) -> tuple[Stored, bool]:
    """Delete or mark; the object's last state and whether it is gone."""
    old = registry.get(target)
    _preconditions(target, old, options)
    obj = copy(old)
    grace = _grace(target, obj, options)
    _mark_finalizers(obj, options.policy)
    waits = obj["metadata"].get("finalizers") or dig(obj, "spec", "finalizers")
    if not grace and not waits:
        return (old if options.dry_run else registry.remove(target.kind, obj)), True
    if not _mark(obj, grace):
        return old, False
    if target.kind.kind == "Namespace":
        obj.setdefault("status", {})["phase"] = "Terminating"
    return registry.keep(obj, options.dry_run), False


def _preconditions(target: Target, old: Stored, options: DeleteOptions) -> None:
    data = old.obj["metadata"]
    checks = (("UID", options.uid, data["uid"]), ("ResourceVersion", options.version, str(old.version)))
    for word, wanted, found in checks:
        if wanted and wanted != found:
            why = f"Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {found}"
            raise conflict(target.kind, target.name, why)


def _grace(target: Target, obj: Object, options: DeleteOptions) -> int:
    """Only pods take time, and only those that a node has and that have not ended."""
    if target.kind.kind != "Pod":
        return 0
    if not dig(obj, "spec", "nodeName") or dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    default = dig(obj, "spec", "terminationGracePeriodSeconds")
    return options.grace if options.grace is not None else 30 if default is None else int(default)


def _mark_finalizers(obj: Object, policy: str) -> None:
    """Told apart from the other finalizers: a new policy replaces the one of an earlier delete."""
    if not policy:
        return
    data = obj["metadata"]
    kept = [name for name in data.get("finalizers") or () if name not in POLICY_FINALIZERS]
    data["finalizers"] = [*kept, POLICIES[policy]] if POLICIES[policy] else kept
    if not data["finalizers"]:
        del data["finalizers"]


def _mark(obj: Object, grace: int) -> bool:
    """Set the time of the deletion; a later delete can only shorten the grace. False: nothing to change."""
    data = obj["metadata"]
    earlier = data.get("deletionGracePeriodSeconds")
    if data.get("deletionTimestamp") and (earlier is None or grace >= earlier):
        return False
    data["deletionTimestamp"] = now(grace)
    data["deletionGracePeriodSeconds"] = grace
    if "generation" in data:
        data["generation"] += 1
    return True
