"""Objects made at random along the schema: each is stored or refused with a Status, and nothing else happens.

What is stored can be written again unchanged, patched with nothing, shown as a table and removed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.kube import patch, strategic, tables
from labs.kube.decode import Decoder
from labs.kube.kinds import KINDS
from labs.kube.objects import copy, encode
from labs.kube.registry import Registry
from labs.kube.schema import Type, model
from labs.kube.status import StatusError
from labs.kube.target import Target

WORKLOADS = ("DaemonSet", "Deployment", "ReplicaSet")
WORDS = [
    *("web", "a", "", "TCP", "Always", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    *("Local", "ClientIP", "None", "10.96.0.9", "RollingUpdate", "Recreate", "IPv4", "25%"),
]
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(WORDS),
    "int32": st.sampled_from([-1, 0, 1, 80, 30001, 70000]),
    "int64": st.sampled_from([-1, 0, 30]),
    "boolean": st.booleans(),
    "number": st.floats(0, 9),
    "any": st.just({}),
    "bytes": st.sampled_from(["", "AA=="]),
    "time": st.just("2026-11-23T09:00:00Z"),
    "quantity": st.sampled_from(["1", "100m", 2, "1Gi"]),
    "int-or-string": st.sampled_from([0, 1, 80, "http", "25%"]),
}


@cache
def values(type_: Type, depth: int) -> st.SearchStrategy[Any]:
    if type_.form == "list" and type_.item is not None:
        return st.lists(values(type_.item, depth), max_size=2)
    if type_.form == "map" and type_.item is not None:
        return st.dictionaries(st.sampled_from(["app", "cpu", "b"]), values(type_.item, depth), max_size=2)
    if type_.form != "model":
        return SCALARS[type_.form]
    if depth == 0:
        return st.just({})
    fields = {name: values(field.type, depth - 1) for name, field in model(type_.model).fields.items()}
    needed = {name: fields.pop(name) for name in list(fields) if model(type_.model).fields[name].required}
    some = st.lists(st.sampled_from(sorted(fields)), max_size=5, unique=True) if fields else st.just([])
    optional = some.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names}))
    return st.tuples(st.fixed_dictionaries(needed), optional).map(lambda parts: {**parts[0], **parts[1]})


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_object_is_stored_or_refused(
    registry: Registry, make: Any, kind: str, data: st.DataObject
) -> None:
    row = KINDS[kind]
    target = Target(row, "default" if row.namespaced else "", "one")
    bases = {"Pod": make.pod, "Service": make.service, **dict.fromkeys(WORKLOADS, make.deployment)}
    base = {**bases.get(kind, lambda name: make.obj(kind, name))("one"), "kind": kind}
    drawn = data.draw(values(Type("model", model=row.model_name), 6))
    obj = patch.merge(base, {**drawn, "apiVersion": row.api_version, "kind": kind})
    obj["metadata"] = {**obj["metadata"], **base["metadata"]}
    for field in ("resourceVersion", *(() if row.namespaced else ("namespace",))):
        obj["metadata"].pop(field, None)

    if is_accepted(registry, target, obj):
        stored = registry.get(target)
        assert registry.update(target, copy(stored)) is stored
        assert registry.change(target, lambda old: strategic.merge(old, {}, row.model_name)) is stored
        assert tables.table(row, [stored.obj], "Object", {})["rows"]
        registry.remove(row, stored.obj)


def is_accepted(registry: Registry, target: Target, obj: dict[str, Any]) -> bool:
    """Whether it was stored; if not, the refusal is a Status of the client's making, which JSON can hold."""
    try:
        Decoder(target.kind).object(obj)
        registry.create(Target(target.kind, target.namespace), obj)
    except StatusError as refusal:
        error = refusal
    else:
        return True
    assert 400 <= error.code < 500
    assert encode(error.status)
    return False
