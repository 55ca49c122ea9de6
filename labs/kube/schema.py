"""The types of all fields, read from the official Python client's models.

The models say of each field its JSON name, its type and its description; that is enough to decode strictly,
to explain, and to merge. They are read when a kind is first needed and kept as small tables, because a
pydantic model checks ten times slower and its errors are not those of Kubernetes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from labs.kube.mergekeys import MERGE_KEYS, MERGED_SETS, RETAIN_KEYS

# What the models call "object" or "str" though it is more than that; by the field's name alone.
INT_OR_STRING = frozenset({"targetPort", "maxSurge", "maxUnavailable", "minAvailable"})
PORT_MODELS = frozenset({"V1HTTPGetAction", "V1TCPSocketAction"})  # their ``port`` may be a name
QUANTITIES = frozenset({"limits", "requests", "capacity", "allocatable", "overhead", "default", "min", "max"})
QUANTITY_FIELDS = frozenset({"sizeLimit", "divisor"})
INT64 = frozenset(
    {
        "activeDeadlineSeconds",
        "deletionGracePeriodSeconds",
        "expirationSeconds",
        "fsGroup",
        "generation",
        "observedGeneration",
        "revision",
        "runAsGroup",
        "runAsUser",
        "sizeBytes",
        "templateGeneration",
        "terminationGracePeriodSeconds",
        "tolerationSeconds",
    }
)


@dataclass(frozen=True, slots=True)
class Type:
    """One type: ``form`` is model, list, map or a scalar; ``item`` what a list or map holds."""

    form: str
    item: Type | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model, by its JSON name."""

    name: str
    type: Type
    description: str = ""
    required: bool = False
    merge_key: str = ""  # of a list: what tells its items apart in a strategic merge patch
    merged_set: bool = False  # a list of plain values that a strategic merge patch adds to
    retain_keys: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """A struct of the API."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    description: str = ""

    @property
    def go_name(self) -> str:
        """``ServicePort``: the name in the real server's messages."""
        return re.sub(r"^(Core|Discovery|Events|Authentication)?V\d+", "", self.name)


@cache
def model(name: str) -> Model:
    """The fields of one model class of the official client."""
    from kubernetes.aio.client import models

    source = getattr(models, name)
    description = re.sub(r"\s*Attributes:.*", "", source.__doc__ or "", flags=re.DOTALL).strip()
    infos = {info.serialization_alias or attribute: info for attribute, info in source.model_fields.items()}
    fields = {}
    for attribute, text in source.openapi_types.items():
        json_name = source.attribute_map[attribute]
        info = infos[json_name]
        fields[json_name] = Field(
            json_name,
            _refine(name, json_name, parse(text)),
            info.description or "",
            info.is_required(),
            MERGE_KEYS.get((name, json_name), ""),
            (name, json_name) in MERGED_SETS,
            (name, json_name) in RETAIN_KEYS,
        )
    return Model(name, fields, description)


def _refine(model_name: str, name: str, found: Type) -> Type:
    if name in INT_OR_STRING or (model_name in PORT_MODELS and name == "port"):
        return Type("int-or-string")
    if name in QUANTITIES and found.form == "map" and found.item == Type("string"):
        return Type("map", Type("quantity"))
    if name in QUANTITY_FIELDS:
        return Type("quantity")
    if name in INT64 and found == Type("int32"):
        return Type("int64")
    return found


SCALARS = {
    "str": "string",
    "int": "int32",
    "bool": "boolean",
    "float": "number",
    "object": "any",
    "datetime": "time",
    "bytearray": "bytes",
    "bytes": "bytes",
}


@cache
def parse(text: str) -> Type:
    """``Dict[str, List[V1Pod]]`` as the generator writes it."""
    if match := re.fullmatch(r"(?:List|list)\[(.*)\]", text):
        return Type("list", parse(match[1]))
    if match := re.fullmatch(r"(?:Dict|dict)[\[(]str, ?(.*)[\])]", text):
        return Type("map", parse(match[1]))
    if text in SCALARS:
        return Type(SCALARS[text])
    return Type("model", model=text)


def lookup(name: str, *path: str) -> Any:
    """The type at a path of JSON names, through lists and maps; None where there is none."""
    here: Type | None = Type("model", model=name)
    for step in path:
        while here is not None and here.item is not None:
            here = here.item
        known = model(here.model).fields.get(step) if here is not None and here.model else None
        here = known.type if known else None
    return here
