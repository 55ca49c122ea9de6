"""What the files of a ConfigMap, Secret, downward API or projected volume hold. Pure, but for tokens.

Each kind of source is one row of ``SOURCES``; a projected volume is a list of such sources.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labs.agent.atomic import File
from labs.agent.environment import Lookups, field
from labs.errors import LabError

Object = dict[str, Any]
Token = Callable[[str, str, Object], Awaitable[str]]  # (namespace, service account, source) → token


class VolumeUnavailable(LabError):
    """What the volume is made of is not there (yet)."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where contents come from."""

    lookups: Lookups
    token: Token


async def payload(pod: Object, volume: Object, sources: Sources) -> dict[str, File]:
    """The volume's files by path; raises VolumeUnavailable naming the object or key that is missing."""
    mode = int(_source(volume).get("defaultMode") or 0o644)
    if "projected" not in volume:
        return await _one(pod, volume, mode, sources)
    found: dict[str, File] = {}
    for source in volume["projected"].get("sources", ()):
        found |= await _one(pod, source, mode, sources)
    return found


def _source(volume: Object) -> Object:
    return next((value for key, value in volume.items() if isinstance(value, dict)), {})


async def _one(pod: Object, source: Object, mode: int, sources: Sources) -> dict[str, File]:
    if "configMap" in source:
        return _keys(pod, source["configMap"], "configmap", mode, sources.lookups)
    if "secret" in source:
        return _keys(pod, source["secret"], "secret", mode, sources.lookups)
    if "downwardAPI" in source:
        return _downward(pod, source["downwardAPI"], mode)
    if "serviceAccountToken" in source:
        wanted = source["serviceAccountToken"]
        account = pod["spec"].get("serviceAccountName") or "default"
        text = await sources.token(pod["metadata"]["namespace"], account, wanted)
        return {wanted["path"]: File(text.encode(), mode)}
    known = "configMap, secret, downwardAPI, serviceAccountToken"
    raise VolumeUnavailable(f"volume source {', '.join(source)} is not one of {known}")


def _keys(pod: Object, source: Object, noun: str, mode: int, lookups: Lookups) -> dict[str, File]:
    name = source.get("name") or source.get("secretName", "")
    find = lookups.config_map if noun == "configmap" else lookups.secret
    found = find(pod["metadata"]["namespace"], name)
    if found is None:
        if source.get("optional"):
            return {}
        raise VolumeUnavailable(f'{noun} "{name}" not found')
    contents = data(found)
    items = source.get("items")
    if not items:
        return {key: File(value, mode) for key, value in contents.items()}
    missing = [item["key"] for item in items if item["key"] not in contents]
    if missing and not source.get("optional"):
        raise VolumeUnavailable(f"{noun} references non-existent config key: {', '.join(missing)}")
    present = (item for item in items if item["key"] in contents)
    return {item["path"]: File(contents[item["key"]], int(item.get("mode") or mode)) for item in present}


def data(obj: Object) -> Mapping[str, bytes]:
    """All keys of a ConfigMap or Secret as bytes."""
    plain = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    if obj.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in plain.items()}
    coded = {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return plain | coded


def _downward(pod: Object, source: Object, mode: int) -> dict[str, File]:
    found = {}
    for item in source.get("items", ()):
        if "fieldRef" not in item:
            raise VolumeUnavailable(f"downwardAPI item {item.get('path')}: only fieldRef is served here")
        text = field(pod, item["fieldRef"]["fieldPath"])
        found[item["path"]] = File(text.encode(), int(item.get("mode") or mode))
    return found
