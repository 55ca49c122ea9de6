"""The body of a request: read within the limit, parsed by its media type, checked along the schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from labs.kube import protobuf
from labs.kube.decode import Decoder, parse_json, parse_yaml
from labs.kube.kinds import Kind
from labs.kube.objects import Object
from labs.kube.status import BODY_LIMIT, StatusError, bad_request, too_large, unsupported_media_type

JSON_TYPE, YAML_TYPE = "application/json", "application/yaml"
OBJECT_TYPES = (JSON_TYPE, YAML_TYPE, protobuf.MEDIA_TYPE)
VALIDATIONS = ("Ignore", "Strict", "Warn")


async def read(request: web.BaseRequest) -> bytes:
    """All of it; 413 as soon as it is known to be over the limit."""
    if (request.content_length or 0) > BODY_LIMIT:
        raise too_large()
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large() from error


def parse(request: web.BaseRequest, text: bytes, accepted: Sequence[str] = OBJECT_TYPES) -> Any:
    """JSON, YAML or protobuf, as the Content-Type says; 415 for anything else."""
    media_type = request.headers.get("Content-Type", JSON_TYPE).partition(";")[0].strip()
    if media_type not in accepted:
        raise unsupported_media_type(accepted)
    if media_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(text)
    return parse_yaml(text) if media_type == YAML_TYPE else parse_json(text)


async def read_object(request: web.BaseRequest, kind: Kind) -> tuple[Object, list[str]]:
    """An object of this kind, and the warnings to send with the answer."""
    obj = parse(request, await read(request))
    if not isinstance(obj, dict):
        raise bad_request(f"the body must be a JSON object of kind {kind.kind}, found {type(obj).__name__}")
    sent = f"{obj.get('apiVersion', '')}, Kind={obj.get('kind', '')}"
    obj.setdefault("apiVersion", kind.api_version)
    obj.setdefault("kind", kind.kind)
    if (obj["apiVersion"], obj["kind"]) != (kind.api_version, kind.kind):
        wanted = f"{kind.api_version}, Kind={kind.kind}"
        raise bad_request(
            f"the API version in the data ({sent}) does not match the expected API version ({wanted})"
        )
    return obj, check(request, obj, kind)


def check(request: web.BaseRequest, obj: Object, kind: Kind) -> list[str]:
    """Clean the object along its schema; unknown fields as ``fieldValidation`` asks (default: warn)."""
    mode = request.query.get("fieldValidation", "Warn")
    if mode not in VALIDATIONS:
        known = ", ".join(f'"{name}"' for name in VALIDATIONS)
        raise StatusError(
            422, "Invalid", f'fieldValidation: Unsupported value: "{mode}": supported values: {known}'
        )
    decoder = Decoder(kind)
    decoder.object(obj)
    found = [f'unknown field "{path}"' for path in decoder.unknown]
    if found and mode == "Strict":
        why = ", ".join(found)
        raise bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
            f"strict decoding error: {why}"
        )
    return found if mode == "Warn" else []
