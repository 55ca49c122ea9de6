"""Pod templates: pods made from them, and the hash by which two of them are told apart."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

from labs.control.ownership import reference
from labs.kube.client import Object

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no 0, 1, 3: no word appears by chance
HASH_LABEL = "pod-template-hash"
REVISION_LABEL = "controller-revision-hash"


def suffix(source: random.Random) -> str:
    """Five characters, as ``metadata.generateName`` appends them."""
    return "".join(source.choice(ALPHABET) for _ in range(5))


def template_hash(template: Object, collisions: int | None = None) -> str:
    """A short name for a template; ``collisions`` changes it when the name was taken by another template.

    Kubernetes hashes the text of a Go structure, so its letters differ from ours. The form is the same: an
    FNV-1a sum as decimal digits, written with letters that make no words.
    """
    text = json.dumps(bare(template), sort_keys=True, separators=(",", ":")) + str(collisions or "")
    total = 0x811C9DC5
    for byte in text.encode():
        total = (total ^ byte) * 0x01000193 & 0xFFFFFFFF
    return "".join(ALPHABET[ord(digit) % len(ALPHABET)] for digit in str(total))


def bare(template: Object) -> Object:
    """The template without what the loops themselves add to it."""
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    metadata.pop("creationTimestamp", None)
    metadata.pop("labels", None)
    return {**template, "metadata": {**metadata, **({"labels": labels} if labels else {})}}


def same(left: Object, right: Object) -> bool:
    """True if both templates make the same pods."""
    return bare(left) == bare(right)


def labelled(template: Object, **labels: Any) -> Object:
    """A copy with more labels; pass ``**{name: value}``."""
    copy = deepcopy(template)
    metadata = copy["metadata"] = dict(copy.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return copy


def pod_from(owner: Object, template: Object, source: random.Random) -> Object:
    """A new pod of this owner."""
    metadata = template.get("metadata") or {}
    prefix = f"{owner['metadata']['name'][:57]}-"
    made = {
        "name": prefix + suffix(source),
        "generateName": prefix,
        "namespace": owner["metadata"]["namespace"],
        "labels": dict(metadata.get("labels") or {}),
        "ownerReferences": [reference(owner)],
    }
    if metadata.get("annotations"):
        made["annotations"] = dict(metadata["annotations"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": deepcopy(template["spec"])}
