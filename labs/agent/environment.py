"""The environment of a container: ``env``, ``envFrom``, the downward API, ``$(VAR)``.

Order matters: ``envFrom`` first, ``env`` over it, and a ``$(VAR)`` sees what stands above it, and the
service variables. A reference that cannot be resolved stops the container (CreateContainerConfigError),
unless it is optional; a ``$(VAR)`` that nobody defined stays as it is written.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labs.errors import LabError

Object = dict[str, Any]
Find = Callable[[str, str], Object | None]  # (namespace, name) → object

REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


class ConfigurationInvalid(LabError):
    """The container refers to something that is not there."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """Where references lead: the ConfigMaps and Secrets of the cluster."""

    config_map: Find
    secret: Find


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$(VAR)`` → its value, ``$$`` → ``$``; an unknown ``$(VAR)`` stays."""

    def value(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "$"
        return variables.get(match.group(1), match.group(0))

    return REFERENCE.sub(value, text)


def environment(
    pod: Object, container: Object, lookups: Lookups, services: Mapping[str, str]
) -> dict[str, str]:
    """The container's variables; raises ConfigurationInvalid naming the reference that leads nowhere."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found.update(_from(source, pod, lookups))
    for entry in container.get("env", ()):
        value = _value(entry, pod, lookups, {**services, **found})
        if value is not None:
            found[entry["name"]] = value
    return {**services, **found}


def field(pod: Object, path: str) -> str:
    """A ``fieldRef``: ``metadata.name``, ``metadata.labels['app']``, ``status.podIP``, …"""
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path)
    if keyed:
        return str(pod["metadata"].get(keyed.group(1), {}).get(keyed.group(2), ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    if path in ("status.podIPs", "status.hostIPs"):
        return ",".join(entry["ip"] for entry in value or ())
    if isinstance(value, dict):
        return "\n".join(f'{key}="{value[key]}"' for key in sorted(value))
    return str(value)


def _from(source: Object, pod: Object, lookups: Lookups) -> dict[str, str]:
    kind = "configMapRef" if "configMapRef" in source else "secretRef"
    reference = source[kind]
    data = _data(kind, reference, pod, lookups)
    prefix = source.get("prefix", "")
    return {prefix + key: value for key, value in (data or {}).items()}


def _value(entry: Object, pod: Object, lookups: Lookups, variables: Mapping[str, str]) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value", ""), variables)
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            return _key(kind, source[kind], pod, lookups)
    known = "fieldRef, configMapKeyRef, secretKeyRef"
    raise ConfigurationInvalid(f"env {entry['name']}: valueFrom {', '.join(source)} is not one of {known}")


def _key(kind: str, reference: Object, pod: Object, lookups: Lookups) -> str | None:
    data = _data(kind, reference, pod, lookups)
    if data is not None and reference["key"] in data:
        return data[reference["key"]]
    if reference.get("optional"):
        return None
    noun = NOUNS[kind]
    place = f"{pod['metadata']['namespace']}/{reference['name']}"
    raise ConfigurationInvalid(f"couldn't find key {reference['key']} in {noun} {place}")


NOUNS = {
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
}


def _data(kind: str, reference: Object, pod: Object, lookups: Lookups) -> dict[str, str] | None:
    """The object's data as text; None where it is missing and may be."""
    noun = NOUNS[kind]
    find = lookups.config_map if noun == "ConfigMap" else lookups.secret
    found = find(pod["metadata"]["namespace"], reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigurationInvalid(f'{noun.lower()} "{reference["name"]}" not found')
    data = found.get("data") or {}
    if noun == "ConfigMap":
        return dict(data)
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
