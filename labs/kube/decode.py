"""A request's body becomes an object of a kind, or a 400 that says where it is wrong.

Unknown fields are an error, a warning or ignored, as ``fieldValidation`` asks; a value of the wrong type is
always an error, with the text of the real server (Go's JSON decoder). Like Go, decoding drops nulls and empty
lists and maps, so that the same object written in two ways is stored as one.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from labs.kube.kinds import Kind
from labs.kube.objects import Object, age
from labs.kube.schema import Field, Model, Type, model
from labs.kube.status import bad_request

BITS = {"int32": 31, "int64": 63}
GO_TYPES = {"boolean": "bool", "number": "float64", "any": "runtime.RawExtension", "time": "string"}
# These hold what the user means even when empty: ``emptyDir: {}`` is a map of no known fields.
DROPPED_WHEN_EMPTY = ("list", "map")


@dataclass(slots=True)
class Decoder:
    """Walks an object along its schema, cleaning it in place; ``unknown`` collects what is not in it."""

    kind: Kind
    unknown: list[str] = field(default_factory=list)

    def object(self, obj: Object) -> None:
        """Check and clean a whole object; StatusError 400 for a wrong type."""
        root = model(self.kind.model_name)
        self._struct(obj, root, "")

    def _struct(self, value: Any, struct: Model, path: str) -> None:
        for name in list(value):
            known = struct.fields.get(name)
            where = f"{path}.{name}" if path else name
            if known is None:
                self.unknown.append(where)
                del value[name]
            elif value[name] is None:
                del value[name]
            else:
                self._field(value, struct, known, where)

    def _field(self, holder: Any, struct: Model, known: Field, path: str) -> None:
        value = holder[known.name]
        holder[known.name] = self._value(value, known.type, path, struct)
        if known.type.form in DROPPED_WHEN_EMPTY and not value and not known.required:
            del holder[known.name]

    def _value(self, value: Any, type_: Type, path: str, struct: Model) -> Any:
        if type_.form == "model":
            if not isinstance(value, dict):
                raise self._mismatch(value, type_, path, struct)
            self._struct(value, model(type_.model), path)
        elif type_.form == "list":
            self._list(value, type_, path, struct)
        elif type_.form == "map":
            self._map(value, type_, path, struct)
        elif type_.form == "bytes":
            self._bytes(value, type_, path, struct)
        elif type_.form == "quantity":
            return self._quantity(value, type_, path, struct)
        elif not SCALARS[type_.form](value):
            raise self._mismatch(value, type_, path, struct)
        return value

    def _list(self, value: Any, type_: Type, path: str, struct: Model) -> None:
        if not isinstance(value, list) or type_.item is None:
            raise self._mismatch(value, type_, path, struct)
        for number, item in enumerate(value):
            value[number] = self._value(item, type_.item, f"{path}[{number}]", struct)

    def _map(self, value: Any, type_: Type, path: str, struct: Model) -> None:
        if not isinstance(value, dict) or type_.item is None:
            raise self._mismatch(value, type_, path, struct)
        for name, item in list(value.items()):
            given = "" if item is None and type_.item.form == "string" else item  # as Go reads it
            value[name] = self._value(given, type_.item, f"{path}.{name}", struct)

    def _bytes(self, value: Any, type_: Type, path: str, struct: Model) -> None:
        if not isinstance(value, str):
            raise self._mismatch(value, type_, path, struct)
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._refusal(f"{path}: illegal base64 data: {error}") from error

    def _quantity(self, value: Any, type_: Type, path: str, struct: Model) -> str:
        """A number is welcome where a quantity is asked for, and stored as text."""
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise self._mismatch(value, type_, path, struct)
        return str(value)

    def _mismatch(self, value: Any, type_: Type, path: str, struct: Model) -> Exception:
        plain = ".".join(part.partition("[")[0] for part in path.split("."))
        number = isinstance(value, int) and not isinstance(value, bool) and type_.form in BITS
        found = f"number {value}" if number or isinstance(value, float) else _json_type(value)
        return self._refusal(
            f"json: cannot unmarshal {found} into Go struct field {struct.go_name}.{plain} "
            f"of type {go_type(type_)}"
        )

    def _refusal(self, why: str) -> Exception:
        kind, version = self.kind.kind, self.kind.version
        return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {why}')


def _is_int(bits: int) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits

    return fits


SCALARS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "int32": _is_int(31),
    "int64": _is_int(63),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "int-or-string": lambda value: isinstance(value, str) or _is_int(31)(value),
    "time": lambda value: isinstance(value, str) and age(value) is not None,
    "any": lambda _: True,
}


def go_type(type_: Type) -> str:
    """The type's name in the real server's source."""
    if type_.item is not None:
        return ("[]" if type_.form == "list" else "map[string]") + go_type(type_.item)
    if type_.form == "model":
        return f"v1.{model(type_.model).go_name}"
    return GO_TYPES.get(type_.form, type_.form)


def _json_type(value: Any) -> str:
    names = {str: "string", bool: "bool", dict: "object", list: "array", int: "number", type(None): "null"}
    return names.get(type(value), "number")


def parse_json(text: bytes) -> Any:
    """The document; 400 for what is none, for a number JSON does not have, for a bottomless nesting."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = (
            f"error decoding the body: the object provided is unrecognized: {error or 'nested too deep'}"
        )
        raise bad_request(message) from error


class _PlainLoader(yaml.SafeLoader):
    """YAML as JSON would have it: dates are text; and no aliases, with which few words can mean many."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not understood here; write the value out")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    letter: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for letter, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: bytes) -> Any:
    """The document; 400 for what is none."""
    try:
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise bad_request(f"error decoding the body: yaml: {error or 'nested too deep'}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid number {name}")
