"""The schema read from source says what the imported models say."""

from __future__ import annotations

import pytest

from labs.kube import schema
from labs.kube.kinds import ROWS, Kind
from labs.kube.schema import Type


def reachable(name: str) -> set[str]:
    found, queue = set(), [name]
    while queue:
        at = queue.pop()
        if at in found:
            continue
        found.add(at)
        for field in schema.model(at).fields.values():
            inner = field.type
            while inner.item is not None:
                inner = inner.item
            if inner.form == "model":
                queue.append(inner.model)
    return found


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.kind)
def test_fields_are_those_of_the_official_models(kind: Kind) -> None:
    from kubernetes.aio.client import models

    for name in reachable(kind.model_name):
        infos = {
            info.serialization_alias or attribute: info
            for attribute, info in getattr(models, name).model_fields.items()
        }
        found = schema.model(name).fields
        assert {field: found[field].required for field in found} == {
            field: info.is_required() for field, info in infos.items()
        }, name


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("StrictStr", Type("string")),
        ("Optional[StrictInt]", Type("int32")),
        ("Optional[Dict[str, List[StrictStr]]]", Type("map", Type("list", Type("string")))),
        ("Optional[StrictInt | StrictStr]", Type("int-or-string")),
        ("Optional[Dict[str, Any]]", Type("any")),
        ("V1PodSpec", Type("model", model="V1PodSpec")),
    ],
)
def test_types_are_read_as_the_generator_writes_them(text: str, type_: Type) -> None:
    assert schema.parse(text) == type_


def test_numbers_that_need_64_bits_and_quantities_are_known() -> None:
    assert schema.model("V1PodSpec").fields["terminationGracePeriodSeconds"].type == Type("int64")
    assert schema.model("V1ResourceRequirements").fields["limits"].type == Type("map", Type("quantity"))
    assert schema.model("V1GitRepoVolumeSource").fields["revision"].type == Type("string")


def test_names_and_descriptions_are_the_api_references() -> None:
    port = schema.model("V1ServicePort")

    assert port.go_name == "ServicePort"
    assert port.description == "ServicePort contains information on service's port."
    assert port.fields["port"].description == "The port that will be exposed by this service."
