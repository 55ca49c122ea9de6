"""Strategic merge patch: a merge patch that knows which lists are sets of named things.

    {"spec": {"containers": [{"name": "app", "image": "new"}]}}

changes one container and leaves the others. What identifies an item is the list's merge key (``schema``).
Directives tell the rest: ``$patch: delete`` on an item, ``$patch: replace`` on a map or list,
``$deleteFromPrimitiveList/FIELD``, ``$setElementOrder/FIELD`` (kubectl apply sends it), ``$retainKeys``.
"""

from __future__ import annotations

import copy
from typing import Any

from labs.kube.schema import Field, Type, model
from labs.kube.status import StatusError

JSON = Any
ORDER, FROM_LIST = "$setElementOrder/", "$deleteFromPrimitiveList/"
DIRECTIVES = ("$patch", "$retainKeys")
NO_FIELD = Field("", Type("any"))


def merge(document: JSON, patch: JSON, model_name: str) -> JSON:
    """The document with the patch applied; neither argument is changed."""
    if not isinstance(patch, dict):
        raise StatusError(400, "BadRequest", "the body of a strategic merge patch must be a JSON object")
    return _map(document, patch, Type("model", model=model_name))


def _map(old: JSON, patch: dict[str, JSON], type_: Type) -> JSON:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace" or not isinstance(old, dict):
        old = {}
    elif directive not in (None, "merge"):
        raise _wrong(f"Unrecognized directive: {directive}")
    result = _retained(old, patch)
    for name, value in patch.items():
        if name not in DIRECTIVES and not name.startswith((ORDER, FROM_LIST)):
            _change(result, name, value, _field(type_, name), patch)
    for name, values in patch.items():
        if name.startswith(FROM_LIST):
            _drop(result, name.removeprefix(FROM_LIST), values)
        elif name.startswith(ORDER) and name.removeprefix(ORDER) not in patch:
            _reorder(result, name.removeprefix(ORDER), values, type_)
    return result


def _field(type_: Type, name: str) -> Field:
    """What is known of a field; a map of strings has any field, each of the type of its items."""
    if type_.form == "model":
        return model(type_.model).fields.get(name, NO_FIELD)
    return Field(name, type_.item) if type_.form == "map" and type_.item else NO_FIELD


def _retained(old: dict[str, JSON], patch: dict[str, JSON]) -> dict[str, JSON]:
    keep = patch.get("$retainKeys")
    if keep is None:
        return dict(old)
    if not isinstance(keep, list):
        raise _wrong(f"$retainKeys must be a list, found {keep!r}")
    return {name: value for name, value in old.items() if name in keep}


def _change(result: dict[str, JSON], name: str, value: JSON, field: Field, patch: dict[str, JSON]) -> None:
    if value is None:
        result.pop(name, None)
    elif isinstance(value, dict):
        result[name] = _map(result.get(name), value, field.type)
    elif isinstance(value, list) and (field.merge_key or field.merged_set):
        result[name] = _list(result.get(name), value, field, patch.get(ORDER + name))
    else:
        result[name] = copy.deepcopy(value)


def _list(old: JSON, patch: list[JSON], field: Field, order: JSON) -> list[JSON]:
    items = list(old) if isinstance(old, list) else []
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if item.get("$patch") != "replace"]
    if field.merge_key:
        items = _join(items, patch, field)
    else:
        items += [item for item in patch if item not in items]
    return _ordered(items, order if order is not None else [], field.merge_key)


def _join(items: list[JSON], patch: list[JSON], field: Field) -> list[JSON]:
    """Item by item; one that is not there yet is put at the end."""
    key, type_ = field.merge_key, field.type.item or Type("any")
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise _wrong(f"map: {change!r} does not contain declared merge key: {key}")
        found = next((at for at, item in enumerate(items) if item.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            items = [item for item in items if item.get(key) != change[key]]
        elif found is None:
            items.append(_map({}, change, type_))
        else:
            items[found] = _map(items[found], change, type_)
    return items


def _drop(result: dict[str, JSON], name: str, values: JSON) -> None:
    if not isinstance(values, list):
        raise _wrong(f"{FROM_LIST}{name} must be a list, found {values!r}")
    if isinstance(result.get(name), list):
        result[name] = [item for item in result[name] if item not in values]


def _reorder(result: dict[str, JSON], name: str, order: JSON, type_: Type) -> None:
    if isinstance(result.get(name), list):
        result[name] = _ordered(result[name], order, _field(type_, name).merge_key)


def _ordered(items: list[JSON], order: JSON, key: str) -> list[JSON]:
    """Those that the patch orders in its order; the others keep their places among them."""
    if not isinstance(order, list):
        raise _wrong(f"{ORDER} must be a list, found {order!r}")
    wanted = [item.get(key) if isinstance(item, dict) else item for item in order]
    names = [item.get(key) if key else item for item in items]
    ranked = sorted((wanted.index(name), at) for at, name in enumerate(names) if name in wanted)
    queue = iter([at for _, at in ranked])
    return [items[next(queue) if name in wanted else at] for at, name in enumerate(names)]


def _wrong(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)
