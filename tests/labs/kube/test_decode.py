"""Bodies are decoded as strictly as by the real server, and refused in its words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube.decode import Decoder, parse_json, parse_yaml
from labs.kube.kinds import KINDS
from labs.kube.status import StatusError


def decode(kind: str, obj: dict[str, Any]) -> list[str]:
    decoder = Decoder(KINDS[kind])
    decoder.object(obj)
    return decoder.unknown


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"ports": [{"port": "x"}]}, "string into Go struct field ServicePort.spec.ports.port of type int32"),
        ({"ports": [{"port": 2**31}]}, "number 2147483648 into Go struct field ServicePort.spec.ports.port"),
        (
            {"ports": [{"port": 1.5}]},
            "number 1.5 into Go struct field ServicePort.spec.ports.port of type int32",
        ),
        ({"ports": {}}, r"object into Go struct field ServiceSpec.spec.ports of type \[\]v1.ServicePort"),
        ({"selector": {"a": 1}}, r"number into Go struct field ServiceSpec.spec.selector.a of type string"),
        ({"publishNotReadyAddresses": "no"}, "string into Go struct field .* of type bool"),
        ({"ports": [{"port": True}]}, "bool into Go struct field"),
        (
            {"ports": [{"port": 1, "targetPort": []}]},
            "array into Go struct field ServicePort.spec.ports.targetPort",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_as_by_go(spec: Any, said: str) -> None:
    with pytest.raises(StatusError, match=said) as caught:
        decode("Service", {"spec": spec})

    assert caught.value.code == 400
    assert caught.value.message.startswith('Service in version "v1" cannot be handled as a Service: json: ')


def test_unknown_fields_are_collected_with_their_paths_and_dropped() -> None:
    obj = {"spec": {"ports": [{"port": 1, "bogus": 2}]}, "extra": 1}

    assert decode("Service", obj) == ["spec.ports[0].bogus", "extra"]
    assert obj == {"spec": {"ports": [{"port": 1}]}}


def test_nulls_and_empty_collections_leave_no_trace() -> None:
    obj = {
        "metadata": {"labels": {}, "name": None},
        "spec": {"ports": [], "selector": {}, "type": "ClusterIP"},
    }

    decode("Service", obj)

    assert obj == {"metadata": {}, "spec": {"type": "ClusterIP"}}


def test_an_empty_struct_is_kept_because_it_means_something() -> None:
    obj = {"spec": {"containers": [], "volumes": [{"name": "a", "emptyDir": {}}]}}

    decode("Pod", obj)

    assert obj["spec"]["volumes"] == [{"name": "a", "emptyDir": {}}]


def test_a_quantity_may_be_a_number_and_is_stored_as_text() -> None:
    obj = {"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}]}}

    decode("Pod", obj)

    assert obj["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_data_of_a_secret_must_be_base64() -> None:
    with pytest.raises(StatusError, match="illegal base64"):
        decode("Secret", {"data": {"key": "not base64!"}})


FIELDS = st.sampled_from(["replicas", "template", "spec", "containers", "labels", "name"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner),
)


@given(VALUES)
def test_any_json_is_decoded_or_refused_and_decoding_again_changes_nothing(value: Any) -> None:
    obj = {"metadata": copy.deepcopy(value), "spec": value}
    try:
        decode("Deployment", obj)
    except StatusError:
        return
    before = copy.deepcopy(obj)

    assert decode("Deployment", obj) == []
    assert obj == before


@pytest.mark.parametrize("text", [b"{", b"", b"nope", b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe"])
def test_what_is_no_json_is_a_bad_request(text: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        parse_json(text)

    assert caught.value.code == 400


def test_yaml_is_read_as_json_would_have_it() -> None:
    assert parse_yaml(b"{date: 2026-11-23, number: 7, truth: true}") == {
        "date": "2026-11-23",
        "number": 7,
        "truth": True,
    }


@pytest.mark.parametrize(
    "text", [b"a: [", b"a: &x [1]\nb: *x", b"[" * 5000, b"a: !!python/object:os.system {}"]
)
def test_yaml_that_is_broken_or_means_more_than_it_says_is_a_bad_request(text: bytes) -> None:
    with pytest.raises(StatusError, match="yaml") as caught:
        parse_yaml(text)

    assert caught.value.code == 400
