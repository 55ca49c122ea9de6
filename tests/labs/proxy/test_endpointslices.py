"""EndpointSlice objects, read and merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.endpointslices import SliceEndpoint, endpoints_of, merge, service_of, trace
from labs.proxy.state import Endpoint, Family, ServicePortName

Make = Callable[..., Any]
WEB = ServicePortName("default", "web", "http")


def only(slice_: Any) -> Endpoint:
    ((_, found),) = endpoints_of(slice_, Family.IPV4, "worker-1")
    return found


@pytest.mark.parametrize(
    ("conditions", "ready", "serving", "terminating"),
    [
        ({}, True, True, False),
        ({"ready": None, "serving": None, "terminating": None}, True, True, False),
        ({"ready": False}, False, False, False),
        ({"ready": False, "serving": True, "terminating": True}, False, True, True),
        ({"ready": True, "terminating": True}, True, True, True),
    ],
)
def test_conditions_have_the_api_s_defaults(
    make_slice: Make, conditions: Any, ready: bool, serving: bool, terminating: bool
) -> None:
    found = only(make_slice({"addresses": ["10.244.1.5"], "conditions": conditions}))
    assert (found.ready, found.serving, found.terminating) == (ready, serving, terminating)


def test_local_is_what_runs_on_this_node(make_slice: Make, make_endpoint: Make) -> None:
    assert only(make_slice(make_endpoint("10.244.1.5", "worker-1"))).local
    assert not only(make_slice(make_endpoint("10.244.1.5", "worker-2"))).local
    assert not only(make_slice({"addresses": ["10.244.1.5"]})).local


def test_hints_are_read(make_slice: Make) -> None:
    hints = {"forZones": [{"name": "zone-a"}], "forNodes": [{"name": "worker-1"}]}
    found = only(make_slice({"addresses": ["10.244.1.5"], "hints": hints}))
    assert found.zone_hints == {"zone-a"}
    assert found.node_hints == {"worker-1"}


def test_a_slice_of_several_ports_has_each_endpoint_once_a_port(
    make_slice: Make, make_endpoint: Make
) -> None:
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2, "protocol": "UDP"}, {"name": "c"}]
    found = endpoints_of(make_slice(make_endpoint("10.244.1.5"), ports=ports), Family.IPV4, "")
    assert [(name.port, name.protocol, str(endpoint)) for name, endpoint in found] == [
        ("a", "TCP", "10.244.1.5:1"),
        ("b", "UDP", "10.244.1.5:2"),
    ]


def test_the_other_family_names_and_orphans_have_no_endpoints(make_slice: Make, make_endpoint: Make) -> None:
    slice_ = make_slice(make_endpoint("10.244.1.5"))
    assert endpoints_of(slice_, Family.IPV6, "") == ()
    assert endpoints_of({**slice_, "addressType": "FQDN"}, Family.IPV4, "") == ()
    del slice_["metadata"]["labels"]
    assert service_of(slice_) is None
    assert endpoints_of(slice_, Family.IPV4, "") == ()


def test_of_an_address_in_two_slices_the_ready_one_counts() -> None:
    ready, not_ready = Endpoint("10.244.1.5", 80), Endpoint("10.244.1.5", 80, ready=False)
    for order in ([ready, not_ready], [not_ready, ready]):
        assert merge([(SliceEndpoint(WEB, endpoint),) for endpoint in order]) == {WEB: (ready,)}


@given(st.lists(st.lists(st.integers(1, 30)), max_size=4))
def test_merged_endpoints_are_in_string_order_each_once(slices: list[list[int]]) -> None:
    merged = merge(
        [tuple(SliceEndpoint(WEB, Endpoint(f"10.0.0.{n}", 80)) for n in found) for found in slices]
    )
    texts = [str(endpoint) for endpoint in merged.get(WEB, ())]
    assert texts == sorted({f"10.0.0.{n}:80" for found in slices for n in found})


def test_the_trace_of_a_slice_tells_whose_it_was_and_no_more(make_slice: Make, make_endpoint: Make) -> None:
    whole = make_slice(make_endpoint("10.244.1.5"))
    whole["metadata"]["resourceVersion"] = "7"
    whole["metadata"]["annotations"] = {"long": "text"}
    kept = trace(whole)

    assert service_of(kept) == service_of(whole) is not None
    assert kept.keys() == {"metadata"}
    assert kept["metadata"].keys() == {"namespace", "name", "resourceVersion", "labels"}
