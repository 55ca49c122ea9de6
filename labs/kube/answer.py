"""The form of an answer: JSON as it is, a table for people, or metadata alone, as the Accept header asks.

``application/json;as=Table;v=v1;g=meta.k8s.io`` is what kubectl sends for ``get``: the server, not the
client, knows the columns of a kind. Protobuf is never chosen; every client that offers it offers JSON too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from aiohttp import web

from labs.kube import tables
from labs.kube.kinds import Kind
from labs.kube.objects import Object, Stored, encode, headless
from labs.kube.status import StatusError

JSON_TYPES = ("application/json", "application/*", "*/*", "")
YAML_TYPES = ("application/yaml",)
PLAIN, TABLE, METADATA, METADATA_LIST = "", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"


def form(request: web.BaseRequest) -> tuple[str, bool]:
    """The first form of the Accept header we can give, and whether as YAML; 406 if there is none."""
    accept = request.headers.get("Accept", "*/*")
    for part in accept.split(","):
        media_type, *parameters = (word.strip() for word in part.split(";"))
        asked = dict(word.partition("=")[::2] for word in parameters)
        shape = asked.get("as", PLAIN)
        if asked.get("stream") or shape not in (PLAIN, TABLE, METADATA, METADATA_LIST):
            continue
        if shape == TABLE and asked.get("v") == "v1beta1":
            continue
        if media_type in JSON_TYPES + YAML_TYPES:
            return shape, media_type in YAML_TYPES
    message = "only the following media types are accepted: application/json, application/yaml"
    raise StatusError(406, "NotAcceptable", message)


def one(request: web.BaseRequest, kind: Kind, state: Stored, code: int = 200) -> web.Response:
    """An answer that is one object."""
    shape, as_yaml = form(request)
    if shape == TABLE:
        included = request.query.get("includeObject", "Metadata")
        return document(tables.table(kind, [state.obj], included, {}), code)
    if shape == METADATA:
        return document(tables.partial(state.obj), code)
    if as_yaml:
        return _yaml(state.obj, code)
    return raw(state.raw, code)


def many(request: web.BaseRequest, kind: Kind, states: Sequence[Stored], metadata: Object) -> web.Response:
    """An answer that is a list."""
    shape, as_yaml = form(request)
    if shape == TABLE:
        included = request.query.get("includeObject", "Metadata")
        return document(tables.table(kind, [state.obj for state in states], included, metadata))
    if shape == METADATA_LIST:
        items = [tables.partial(state.obj) for state in states]
        head = {"kind": METADATA_LIST, "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return document({**head, "items": items})
    if as_yaml:
        head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
        return _yaml({**head, "items": [state.obj for state in states]})
    return raw(list_text(kind, (headless(kind, state) for state in states), metadata))


def list_text(kind: Kind, items: Iterable[bytes], metadata: Object) -> bytes:
    """The JSON of a list, joined from the texts its items already have."""
    head = encode({"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata})
    return head[:-1] + b',"items":[' + b",".join(items) + b"]}"


def document(body: Any, code: int = 200) -> web.Response:
    """Anything as JSON."""
    return raw(encode(body), code)


def raw(text: bytes, code: int = 200) -> web.Response:
    """A text that is JSON already, with the line end that makes ``get --raw`` pleasant to read."""
    return web.Response(body=text + b"\n", status=code, content_type="application/json")


def text(body: str, code: int = 200) -> web.Response:
    """Plain text."""
    return web.Response(text=body, status=code)


def _yaml(body: Any, code: int = 200) -> web.Response:
    return web.Response(
        text=yaml.safe_dump(body, sort_keys=False), status=code, content_type="application/yaml"
    )


def refusal(error: StatusError) -> web.Response:
    """The Status of an error, with the headers that go with its code."""
    headers: Mapping[str, str] = {}
    if error.code == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    response = document(error.status, error.code)
    response.headers.update(headers)
    return response


def warn(response: web.StreamResponse, warnings: Sequence[str]) -> None:
    """``Warning`` headers, which kubectl prints."""
    for warning in warnings:
        escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
