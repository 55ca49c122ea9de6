"""Protobuf bodies: what kubectl writes is read; anything else is refused, never half read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import fieldnumbers, protobuf
from labs.kube.schema import model
from labs.kube.status import StatusError


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value % 2**64)
    text = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(text)) + text


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return protobuf.MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, raw)


def test_a_message_becomes_the_json_it_would_have_been() -> None:
    labels = field(11, field(1, "app") + field(2, "web"))
    metadata = field(1, "web") + field(2, "") + labels + field(8, b"")
    int_or_string = field(1, 1) + field(3, "http")
    port = field(1, "") + field(2, "TCP") + field(3, 80) + field(4, int_or_string) + field(5, 0)
    spec = field(1, port) + field(13, 1)

    found = protobuf.decode(body("v1", "Service", field(1, metadata) + field(2, spec)))

    assert found == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": "http"}],
            "publishNotReadyAddresses": True,
        },
    }


def test_a_zero_that_was_said_is_kept_and_numbers_may_be_negative() -> None:
    assert protobuf.decode(body("apps/v1", "Deployment", field(2, field(1, 0))))["spec"] == {"replicas": 0}
    assert protobuf.decode(body("apps/v1", "Deployment", field(2, field(1, -3))))["spec"] == {"replicas": -3}


def test_data_is_base64_and_times_are_text() -> None:
    data = field(2, field(1, "key") + field(2, b"\x00\xff"))
    metadata = field(1, field(8, field(1, 1_000_000_000)))

    found = protobuf.decode(body("v1", "Secret", metadata + data))

    assert found["data"] == {"key": "AP8="}
    assert found["metadata"]["creationTimestamp"] == "2001-09-09T01:46:40Z"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (b"{}", 400, "does not begin with"),
        (body("v1", "Pod", b""), 415, "V1Pod are not understood in protobuf here, and `kubectl debug` knows"),
        (body("v1", "Node", b""), 415, "V1Node are not understood in protobuf here; send the object as JSON"),
        (body("v1", "Namespace", field(99, 1)), 415, "field 99 of V1Namespace"),
        (body("v1", "Namespace", field(1, 7)), 400, "error decoding"),
        (body("v1", "Namespace", b"\x0a\x7f"), 400, "ends before its 127 bytes"),
        (body("v1", "Namespace", b"\x0d\x00\x00\x00\x00"), 400, "wire type 5"),
        (body("v1", "Namespace", field(1, field(1, b"\xff"))), 400, "error decoding"),
        (protobuf.MAGIC + b"\xff", 400, "error decoding"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(text: bytes, code: int, said: str) -> None:
    with pytest.raises(StatusError, match=said) as caught:
        protobuf.decode(text)

    assert caught.value.code == code


@given(st.binary(max_size=60), st.sampled_from(["Namespace", "Deployment", "Service", "TokenRequest"]))
def test_any_bytes_are_read_or_refused(text: bytes, kind: str) -> None:
    try:
        found = protobuf.decode(body("v1", kind, text))
    except StatusError:
        return
    assert found["kind"] == kind


@pytest.mark.parametrize("message", fieldnumbers.MESSAGES)
def test_the_table_names_fields_that_exist(message: str) -> None:
    names: dict[int, str] = fieldnumbers.fields(message) or {}
    known: dict[str, Any] = model(message).fields

    assert set(names.values()) <= set(known)
    assert len(set(names.values())) == len(names)
