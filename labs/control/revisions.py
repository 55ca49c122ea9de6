"""Revisions of a Deployment: each is a ReplicaSet, numbered by an annotation that kubectl reads.

``kubectl rollout history`` lists them, ``rollout undo`` copies the template of one back into the Deployment:
the ReplicaSet of that template then becomes the newest revision again, with a new number.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.control import templates
from labs.control.ownership import reference
from labs.control.rollouts import Limits
from labs.kube.client import Object

PREFIX = "deployment.kubernetes.io/"
REVISION = PREFIX + "revision"
HISTORY = PREFIX + "revision-history"
DESIRED = PREFIX + "desired-replicas"
MOST = PREFIX + "max-replicas"
NOT_COPIED = {
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
}


def current(deployment: Object, replicasets: Sequence[Object]) -> Object | None:
    """The oldest ReplicaSet with the Deployment's template: its new one; None before it is made."""
    template = deployment["spec"]["template"]
    return next((rs for rs in replicasets if templates.same(rs["spec"]["template"], template)), None)


def number(replicaset: Object) -> int:
    """The revision; 0 where the annotation is absent or no number."""
    text = annotation(replicaset, REVISION)
    return int(text) if text.isdigit() else 0


def annotation(obj: Object, name: str) -> str:
    """An annotation, or empty."""
    return str((obj["metadata"].get("annotations") or {}).get(name, ""))


def name_for(deployment: Object) -> str:
    """The ReplicaSet for the Deployment's template."""
    return f"{deployment['metadata']['name']}-{_hash(deployment)}"


def make(deployment: Object, size: int, limits: Limits, revision: int) -> Object:
    """A ReplicaSet of ``size`` pods for the Deployment's template."""
    spec = deployment["spec"]
    label = {templates.HASH_LABEL: _hash(deployment)}
    template = templates.labelled(spec["template"], **label)
    selector = dict(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **label}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name_for(deployment),
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {**copied(deployment), **sizes(limits), REVISION: str(revision)},
            "ownerReferences": [reference(deployment)],
        },
        "spec": {
            "replicas": size,
            "selector": selector,
            "template": template,
            **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
        },
    }


def copied(deployment: Object) -> dict[str, str]:
    """The Deployment's annotations that its ReplicaSet gets: among them kubernetes.io/change-cause."""
    found = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in found.items() if key not in NOT_COPIED}


def sizes(limits: Limits) -> dict[str, str]:
    """What the Deployment asked for when the ReplicaSet was last sized: a change shows that it was scaled."""
    return {DESIRED: str(limits.replicas), MOST: str(limits.most)}


def renumbered(new: Object, old: Sequence[Object]) -> dict[str, str]:
    """The annotations that make ``new`` the newest revision; empty if it is."""
    wanted = max((number(rs) for rs in old), default=0) + 1
    before = number(new)
    if before >= wanted:
        return {}
    marks = {REVISION: str(wanted)}
    if before:
        history = [entry for entry in annotation(new, HISTORY).split(",") if entry]
        marks[HISTORY] = ",".join([*history, str(before)])
    return marks


def outdated(replicasets: Sequence[Object], limit: int) -> list[Object]:
    """The empty old ReplicaSets beyond ``revisionHistoryLimit``, lowest revision first."""
    surplus = len(replicasets) - limit
    if surplus <= 0:
        return []
    return [rs for rs in sorted(replicasets, key=number)[:surplus] if _is_empty(rs)]


def _is_empty(replicaset: Object) -> bool:
    status, metadata = replicaset.get("status") or {}, replicaset["metadata"]
    return (
        not replicaset["spec"].get("replicas", 1)
        and not status.get("replicas", 0)
        and metadata.get("generation", 1) <= status.get("observedGeneration", 0)
        and "deletionTimestamp" not in metadata
    )


def _hash(deployment: Object) -> str:
    collisions = (deployment.get("status") or {}).get("collisionCount")
    return templates.template_hash(deployment["spec"]["template"], collisions)
