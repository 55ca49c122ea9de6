"""Request bodies in protobuf become the JSON they would have been.

Only what kubectl sends is understood (``fieldnumbers``); a field that is not in the table is refused by name,
never dropped. Answers are always JSON, which every client that sends protobuf accepts.

    wire format: a message is (number << 3 | wire type) as varint, then a varint (0), 8 bytes (1),
    a length and so many bytes (2), or 4 bytes (5); maps are repeated messages {1: key, 2: value}
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

from labs.kube.fieldnumbers import EMBEDDED, SAID_WHEN_ZERO, fields
from labs.kube.schema import Type, model
from labs.kube.status import StatusError

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
VARINT, BYTES = 0, 2
MODELS = {  # by kind; the class of every other kind is "V1" + kind
    "TokenRequest": "AuthenticationV1TokenRequest",
}
JSON_INSTEAD = "; send the object as JSON, as `kubectl create -f` and `kubectl apply -f` do"
SENDERS = {  # who sends a kind that we do not read, and what to use instead
    "V1Pod": ", and `kubectl debug` knows no other way: `lab shell NODE` or `lab shell POD` opens a shell "
    "there, with all of the host's tools",
}


def decode(body: bytes) -> Any:
    """The object in a body of kubectl; StatusError 400 if it is no such body, 415 for what is unknown."""
    if not body.startswith(MAGIC):
        raise StatusError(400, "BadRequest", "the body is not protobuf: it does not begin with k8s\\x00")
    try:
        return _envelope(body[len(MAGIC) :])
    except (IndexError, UnicodeDecodeError, TypeError) as error:
        raise StatusError(400, "BadRequest", f"error decoding the protobuf body: {error}") from error


def _envelope(text: bytes) -> Any:
    """``runtime.Unknown``: apiVersion and kind, then the object itself."""
    parts = dict(_read(text))
    head = {number: value.decode() for number, value in _read(parts.get(1, b""))}
    kind = head.get(2, "")
    obj = _message(parts.get(2, b""), MODELS.get(kind, f"V1{kind}"))
    return {"apiVersion": head.get(1, ""), "kind": kind, **obj}


def _read(text: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field on the wire."""
    at = 0
    while at < len(text):
        tag, at = _varint(text, at)
        number, wire = tag >> 3, tag & 7
        if wire not in (VARINT, BYTES):
            raise TypeError(f"field {number} has the wire type {wire}, which no Kubernetes message uses")
        value, at = _varint(text, at)
        if wire == BYTES:
            content = text[at : at + value]
            if len(content) < value:
                raise IndexError(f"field {number} ends before its {value} bytes")
            at += value
            yield number, content
        else:
            yield number, value


def _varint(text: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (text[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if text[at - 1] < 0x80:
            return value, at


def _message(text: bytes, name: str) -> dict[str, Any]:
    names = fields(name)
    if names is None:
        raise _unknown(f"messages of the type {name}", SENDERS.get(name, JSON_INSTEAD))
    known = model(name).fields
    result: dict[str, Any] = {}
    for number, found in _read(text):
        if number not in names:
            raise _unknown(f"field {number} of {name}")
        field = names[number]
        value = dict(_read(found)).get(1, b"") if (name, field) in EMBEDDED else found
        type_ = known[field].type
        if type_.form == "list" and type_.item is not None:
            result.setdefault(field, []).append(_value(value, type_.item))
        elif type_.form == "map" and type_.item is not None:
            entry = dict(_read(value))
            result.setdefault(field, {})[entry.get(1, b"").decode()] = _value(entry.get(2, b""), type_.item)
        else:
            result[field] = _value(value, type_)
    return {field: value for field, value in result.items() if _was_said(field, value)}


def _was_said(field: str, value: Any) -> bool:
    """Go writes the zero of a plain field too; as JSON it would have left it out."""
    return value not in ("", 0, False, None) or (value is not None and field in SAID_WHEN_ZERO)


def _value(value: Any, type_: Type) -> Any:
    if type_.form == "model":
        return _message(value, type_.model)
    if type_.form == "boolean":
        return bool(value)
    if type_.form in ("int32", "int64"):
        return value - (1 << 64) if value >> 63 else value
    return SPECIAL.get(type_.form, bytes.decode)(value)


def _time(text: bytes) -> str | None:
    seconds = dict(_read(text)).get(1, 0)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else None


def _int_or_string(text: bytes) -> int | str:
    parts = dict(_read(text))
    return str(parts.get(3, b"").decode()) if parts.get(1) else int(parts.get(2, 0))


def _quantity(text: bytes) -> str:
    return str(dict(_read(text)).get(1, b"0").decode())


SPECIAL: dict[str, Callable[[bytes], Any]] = {
    "time": _time,
    "int-or-string": _int_or_string,
    "quantity": _quantity,
    "bytes": lambda text: base64.b64encode(text).decode(),
}


def _unknown(what: str, instead: str = JSON_INSTEAD) -> StatusError:
    message = f"{what} are not understood in protobuf here{instead}"
    return StatusError(415, "UnsupportedMediaType", message)
