"""The patches that need to know nothing of Kubernetes: JSON Merge Patch (RFC 7386), JSON Patch (RFC 6902).

Both leave their arguments as they are and give a new document. What they refuse, they refuse as the real
server does, which uses evanphx/json-patch.
"""

from __future__ import annotations

import copy
from typing import Any

from labs.kube.status import StatusError

JSON = Any
OPERATIONS_LIMIT = 10_000  # the real server's limit for one JSON patch


class PatchFailed(Exception):
    """The document has not what the patch needs; becomes a 422 Status."""


def merge(document: JSON, patch: JSON) -> JSON:
    """RFC 7386: maps are merged, null takes away, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for field, value in patch.items():
        if value is None:
            result.pop(field, None)
        else:
            result[field] = merge(result.get(field), value)
    return result


def apply(document: JSON, operations: JSON) -> JSON:
    """RFC 6902: a list of add, remove, replace, move, copy, test, all or none."""
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise StatusError(400, "BadRequest", "the body of a JSON patch must be a list of operations")
    if len(operations) > OPERATIONS_LIMIT:
        message = (
            f"The allowed maximum operations in a JSON patch is {OPERATIONS_LIMIT}, got {len(operations)}"
        )
        raise StatusError(413, "RequestEntityTooLarge", message)
    root = {"": copy.deepcopy(document)}
    for operation in operations:
        _operate(root, operation)
    return root[""]


def _operate(root: JSON, operation: JSON) -> None:
    name = operation.get("op")
    act = OPERATIONS.get(name)
    if act is None:
        raise PatchFailed(f"Unexpected kind: {name}")
    path = _pointer(operation.get("path"))
    act(root, path, operation)


def _add(root: JSON, path: list[str], operation: JSON) -> None:
    _put(root, path, copy.deepcopy(_value(operation)))


def _remove(root: JSON, path: list[str], _: JSON) -> None:
    _take(root, path)


def _replace(root: JSON, path: list[str], operation: JSON) -> None:
    holder = _walk(root, path[:-1])
    _item(holder, path[-1], path)
    holder[_place(holder, path[-1], path)] = copy.deepcopy(_value(operation))


def _move(root: JSON, path: list[str], operation: JSON) -> None:
    _put(root, path, _take(root, _pointer(operation.get("from"))))


def _copy(root: JSON, path: list[str], operation: JSON) -> None:
    _put(root, path, copy.deepcopy(_walk(root, _pointer(operation.get("from")))))


def _test(root: JSON, path: list[str], operation: JSON) -> None:
    found, wanted = _walk(root, path), _value(operation)
    if found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
        raise PatchFailed(f"testing value {_text(path)} failed: test failed")


OPERATIONS = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _value(operation: JSON) -> JSON:
    if "value" not in operation:
        raise PatchFailed(f"operation {operation.get('op')!r} has no value")
    return operation["value"]


def _pointer(text: JSON) -> list[str]:
    """The steps of a JSON pointer (RFC 6901), the first of them the document itself."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise PatchFailed(f"{text!r} is not a JSON pointer: it must be empty or start with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")]


def _walk(value: JSON, path: list[str]) -> JSON:
    for step in path:
        value = _item(value, step, path)
    return value


def _item(holder: JSON, step: str, path: list[str]) -> JSON:
    try:
        return holder[_place(holder, step, path)]
    except (KeyError, IndexError) as error:
        raise _missing(path) from error


def _place(holder: JSON, step: str, path: list[str]) -> Any:
    """A map's key or a list's number."""
    if isinstance(holder, dict):
        return step
    if isinstance(holder, list) and step.isascii() and step.isdigit() and (step == "0" or step[0] != "0"):
        return int(step)
    raise _missing(path)


def _put(root: JSON, path: list[str], value: JSON) -> None:
    holder = _walk(root, path[:-1])
    if isinstance(holder, list):
        place = len(holder) if path[-1] == "-" else _place(holder, path[-1], path)
        if place > len(holder):
            raise _missing(path)
        holder.insert(place, value)
    else:
        holder[_place(holder, path[-1], path)] = value


def _take(root: JSON, path: list[str]) -> JSON:
    if len(path) == 1:
        raise PatchFailed("the whole document cannot be removed")
    holder = _walk(root, path[:-1])
    value = _item(holder, path[-1], path)
    del holder[_place(holder, path[-1], path)]
    return value


def _missing(path: list[str]) -> PatchFailed:
    return PatchFailed(f"doc is missing path: {_text(path)}: missing value")


def _text(path: list[str]) -> str:
    return "/".join(step.replace("~", "~0").replace("/", "~1") for step in path)
