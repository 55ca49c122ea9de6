"""The revisions of a DaemonSet: ControllerRevisions, each with a template as a patch.

``kubectl rollout undo daemonset`` applies that patch; the revision whose template the DaemonSet then has
becomes the newest again.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.control import templates
from labs.control.actions import Action, Create, Delete, Patch
from labs.control.ownership import reference
from labs.control.templates import REVISION_LABEL
from labs.kube.client import Object


def current(daemonset: Object, revisions: Sequence[Object]) -> Object | None:
    """The revision with the DaemonSet's template."""
    wanted = content(daemonset["spec"]["template"])
    return next((found for found in revisions if found.get("data") == wanted), None)


def hash_of(daemonset: Object, revisions: Sequence[Object]) -> str:
    """The label that pods of the present template carry."""
    found = current(daemonset, revisions)
    if found is not None:
        return str(found["metadata"]["labels"][REVISION_LABEL])
    collisions = (daemonset.get("status") or {}).get("collisionCount")
    return templates.template_hash(daemonset["spec"]["template"], collisions)


def write(daemonset: Object, revisions: Sequence[Object]) -> list[Action]:
    """Make the revision of the present template the newest, making it if there is none."""
    newest = max((found["revision"] for found in revisions), default=0)
    found = current(daemonset, revisions)
    if found is None:
        return [Create(make(daemonset, hash_of(daemonset, revisions), newest + 1))]
    if found["revision"] < newest:
        return [Patch(found, {"revision": newest + 1})]
    return []


def outdated(daemonset: Object, revisions: Sequence[Object], used: set[str]) -> list[Action]:
    """Forget the oldest revisions beyond the limit, except those that some pod still has."""
    limit = daemonset["spec"].get("revisionHistoryLimit", 10)
    present = current(daemonset, revisions)
    old = sorted((found for found in revisions if found is not present), key=lambda found: found["revision"])
    unused = [found for found in old if found["metadata"]["labels"].get(REVISION_LABEL) not in used]
    surplus = max(0, len(old) - limit)
    return [Delete(found) for found in unused[:surplus]]


def make(daemonset: Object, revision_hash: str, number: int) -> Object:
    """A ControllerRevision of the DaemonSet's template."""
    metadata = daemonset["metadata"]
    labels = (daemonset["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name']}-{revision_hash}",
            "namespace": metadata["namespace"],
            "labels": {**labels, REVISION_LABEL: revision_hash},
            "annotations": dict(metadata.get("annotations") or {}),
            "ownerReferences": [reference(daemonset)],
        },
        "data": content(daemonset["spec"]["template"]),
        "revision": number,
    }


def content(template: Object) -> Object:
    """The strategic merge patch that brings this template back."""
    return {"spec": {"template": {**template, "$patch": "replace"}}}
