"""The OpenAPI v3 documents: what ``kubectl explain`` prints and what ``kubectl apply`` patches by.

Made on demand from the schema and kept: one document a group and version. Of the paths only what kubectl
looks for is there: that patches know ``fieldValidation`` and ``dryRun``, so it leaves checking to the server.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from aiohttp import web

from labs.kube.kinds import GROUP_VERSIONS, ROWS, Kind
from labs.kube.objects import Object, encode
from labs.kube.schema import Field, Model, Type, model

PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
QUERY_WORDS = ("dryRun", "fieldManager", "fieldValidation", "pretty")
META, CORE = "io.k8s.apimachinery.pkg.apis.meta.v1", "io.k8s.api.core.v1"
META_MODELS = frozenset(
    {
        "V1Condition",
        "V1FieldSelectorRequirement",
        "V1LabelSelector",
        "V1LabelSelectorRequirement",
        "V1ManagedFieldsEntry",
        "V1ObjectMeta",
        "V1OwnerReference",
    }
)
VERSION_TWO = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
REF = "#/components/schemas/"
FORMATS: dict[str, Object] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number", "format": "double"},
    "any": {"type": "object"},
    "bytes": {"type": "string", "format": "byte"},
    "time": {"type": "string", "format": "date-time"},
    "quantity": {"type": "string"},
    "int-or-string": {"type": "string", "format": "int-or-string"},
}


def index() -> Object:
    """``GET /openapi/v3``: where the documents are; the hash in a URL lets clients keep them."""
    return {
        "paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(path)}"} for path in _paths()}
    }


def _paths() -> list[str]:
    return [_path(*group) for group in GROUP_VERSIONS]


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


@cache
def _hash(path: str) -> str:
    """Of what a document is made from, so that asking for the index does not make them all."""
    rows = [repr(row) for row in ROWS if _path(row.group, row.version) == path]
    return hashlib.sha256("".join(rows).encode()).hexdigest()[:32].upper()


def document(path: str) -> bytes | None:
    """``GET /openapi/v3/apis/apps/v1``: the JSON text; None for a path that is not in the index."""
    return _document(path) if path in _paths() else None


@cache
def _document(path: str) -> bytes:
    kinds = [row for row in ROWS if _path(row.group, row.version) == path]
    schemas: dict[str, Object] = {}
    for kind in kinds:
        _collect(kind.model_name, kind.group, schemas)
        schemas[_name(kind.model_name, kind.group)]["x-kubernetes-group-version-kind"] = [_gvk(kind)]
    return encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.37.0"},
            "paths": dict(entry for kind in kinds for entry in _kind_paths(kind)),
            "components": {"schemas": schemas},
        }
    )


def _gvk(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _collect(name: str, group: str, schemas: dict[str, Object]) -> None:
    """The schema of a model and of all that it is made of."""
    key = _name(name, group)
    if key in schemas:
        return
    found = model(name)
    schemas[key] = {}  # first, as some models contain themselves
    schemas[key] = _schema(found, group)
    for field in found.fields.values():
        inner = field.type
        while inner.item is not None:
            inner = inner.item
        if inner.form == "model":
            _collect(inner.model, group, schemas)


def _name(name: str, group: str) -> str:
    """The name Kubernetes gives the type; the part before the last dot is where the model comes from."""
    plain = re.sub(r"^(?:Core|Discovery|Events)?V1", "", name)
    if name in META_MODELS:
        return f"{META}.{plain}"
    return f"io.k8s.api.{group.split('.', maxsplit=1)[0]}.v1.{plain}" if group else f"{CORE}.{plain}"


def _schema(found: Model, group: str) -> Object:
    schema: Object = {
        "type": "object",
        "description": found.description,
        "properties": {field.name: _property(field, group) for field in found.fields.values()},
    }
    needed = [field.name for field in found.fields.values() if field.required]
    return {**schema, "required": needed} if needed else schema


def _property(field: Field, group: str) -> Object:
    about = field.description or (model(field.type.model).description if field.type.model else "")
    schema = {"description": about, **_type(field.type, group)}
    strategies = [word for word, holds in _strategies(field) if holds]
    if strategies:
        schema["x-kubernetes-patch-strategy"] = ",".join(strategies)
    if field.merge_key:
        schema["x-kubernetes-patch-merge-key"] = field.merge_key
    return schema


def _strategies(field: Field) -> Iterator[tuple[str, bool]]:
    yield "merge", bool(field.merge_key) or field.merged_set
    yield "retainKeys", field.retain_keys


def _type(type_: Type, group: str) -> Object:
    if type_.form == "model":
        return {"allOf": [{"$ref": REF + _name(type_.model, group)}]}
    if type_.item is None:
        return dict(FORMATS[type_.form])
    item = _type(type_.item, group)
    return {"type": "array", "items": item} if type_.form == "list" else _map(item)


def _map(item: Object) -> Object:
    return {"type": "object", "additionalProperties": item}


def version_two() -> web.Response:
    """``GET /openapi/v2``: an empty document, in the protobuf that kubectl asks for.

    kubectl looks there only for a kind that version 3 does not have; finding nothing there either, it says
    that there is no such kind, instead of that a download failed.
    """
    return web.Response(body=b"\n\x032.0", content_type=VERSION_TWO)


def _kind_paths(kind: Kind) -> Iterator[tuple[str, Object]]:
    root = kind.path("{namespace}" if kind.namespaced else "")
    parameters = [{"name": word, "in": "query", "schema": {"type": "string"}} for word in QUERY_WORDS]
    operation: dict[str, Any] = {
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-group-version-kind": _gvk(kind),
    }
    body = {"content": {name: {"schema": {"type": "object"}} for name in PATCH_TYPES}}
    yield root, {"post": {**operation, "x-kubernetes-action": "post"}}
    patch = {**operation, "requestBody": body, "x-kubernetes-action": "patch"}
    yield f"{root}/{{name}}", {"patch": patch, "put": {**operation, "x-kubernetes-action": "put"}}
