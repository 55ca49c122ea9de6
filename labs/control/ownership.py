"""Who made what: ``metadata.ownerReferences``, by which the loops know their own and garbage is found."""

from __future__ import annotations

from collections.abc import Iterator

from labs.kube.client import Object


def reference(owner: Object, *, controller: bool = True) -> Object:
    """The entry that makes an object a child of ``owner``."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": True,
    }


def references(obj: Object) -> list[Object]:
    """All owner references of an object."""
    return list(obj["metadata"].get("ownerReferences") or ())


def controller(obj: Object) -> Object | None:
    """The one owner that steers the object; None for an orphan."""
    return next((owner for owner in references(obj) if owner.get("controller")), None)


def controller_uid(obj: Object) -> str:
    """The uid of the owner that steers the object, or empty."""
    owner = controller(obj)
    return str(owner["uid"]) if owner else ""


def owner_uids(obj: Object) -> Iterator[str]:
    """The uids of all owners: an index of the caches, so that dependents are found without a search."""
    return (owner["uid"] for owner in references(obj))


def released(obj: Object, uid: str) -> list[Object]:
    """The owner references without the one to ``uid``."""
    return [owner for owner in references(obj) if owner["uid"] != uid]
