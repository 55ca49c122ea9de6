"""Objects as they are here: plain JSON dictionaries, never changed after they are stored.

A stored object keeps its JSON text beside it, so that it is serialised once however many clients read or
watch it. Whoever wants to change one works on ``copy(stored)`` and hands the result to the registry.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labs.kube.kinds import Kind

Object = dict[str, Any]
Key = tuple[str, str]  # (namespace, name); the namespace of cluster-wide kinds is empty


@dataclass(frozen=True, slots=True)
class Stored:
    """One state of one object: never changed, so it may be held and sent at any time."""

    obj: Object
    raw: bytes  # the same as JSON, starting with kind and apiVersion
    version: int


_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(obj: Any) -> bytes:
    """JSON as short as it gets, in ASCII, so that even a lone surrogate survives the way to a client."""
    return _encode(obj).encode()


def copy(stored: Stored) -> Object:
    """A copy that may be changed; parsing the text again is the fastest deep copy there is."""
    obj: Object = json.loads(stored.raw)
    return obj


def stored(obj: Object, version: int) -> Stored:
    """Freeze an object at a version; kind and apiVersion come first, as ``headless`` relies on."""
    metadata = {**obj["metadata"], "resourceVersion": str(version)}
    rest = {field: value for field, value in obj.items() if field not in ("kind", "apiVersion", "metadata")}
    whole = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata, **rest}
    return Stored(whole, encode(whole), version)


def headless(kind: Kind, state: Stored) -> bytes:
    """The JSON without kind and apiVersion: as the real server puts items into a typed list."""
    head = len(f'{{"kind":"{kind.kind}","apiVersion":"{kind.api_version}",')
    return b"{" + state.raw[head:]


def key(obj: Object) -> Key:
    """(namespace, name) of an object."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def now(seconds_ahead: float = 0) -> str:
    """The time as Kubernetes writes it: UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_ahead))


def age(timestamp: str | None) -> float | None:
    """Seconds since a timestamp; None where there is none or it cannot be read."""
    try:
        return time.time() - datetime.fromisoformat(timestamp or "").astimezone(UTC).timestamp()
    except ValueError:
        return None


def dig(obj: Any, *fields: str) -> Any:
    """``dig(pod, "spec", "nodeName")``: the value there, or None where any step is missing."""
    for field in fields:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(field)
    return obj
