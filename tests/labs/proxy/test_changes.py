"""Changes between syncs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.changes import Changes, Tracker
from labs.proxy.state import Changed, Endpoint, Family, Node, ServicePortName

Make = Callable[..., Any]
WEB = ServicePortName("default", "web", "http")


def test_a_service_and_its_endpoints_appear_change_and_go(
    changes: Changes, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    web, slice_ = make_service(), make_slice(make_endpoint("10.244.1.5"))
    assert changes.service(None, web)
    assert changes.endpoint_slice(None, slice_)
    assert changes.apply() == Changed(frozenset({WEB}))
    assert changes.state.services[WEB].cluster_ip == "10.96.0.10"
    assert changes.state.endpoints_of(WEB) == (Endpoint("10.244.1.5", 8080),)
    moved = make_slice(make_endpoint("10.244.1.6"))
    assert changes.endpoint_slice(slice_, moved)
    assert changes.apply().names == {WEB}
    assert changes.endpoint_slice(moved, None)
    assert changes.service(web, None)
    assert changes.apply().names == {WEB}
    assert not changes.state.services
    assert not changes.state.endpoints


def test_a_change_that_is_undone_is_none(changes: Changes, make_service: Make) -> None:
    web = make_service()
    changes.service(None, web)
    changes.apply()
    assert changes.service(web, make_service(clusterIP="10.96.0.11"))
    assert not changes.service(make_service(clusterIP="10.96.0.11"), web)
    assert changes.pending == {"service": 0, "endpoint": 0}
    assert changes.apply() == Changed()


def test_what_no_rule_depends_on_is_no_change(changes: Changes, make_service: Make) -> None:
    web = make_service()
    changes.service(None, web)
    changes.apply()
    assert not changes.service(web, {**web, "metadata": {**web["metadata"], "labels": {"a": "b"}}})


def test_a_renamed_port_concerns_both_names(changes: Changes, make_service: Make) -> None:
    web = make_service()
    changes.service(None, web)
    changes.apply()
    changes.service(web, make_service(ports=[{"name": "www", "port": 80}]))
    assert changes.apply().names == {WEB, WEB._replace(port="www")}


def test_endpoints_of_two_slices_come_together(
    changes: Changes, make_slice: Make, make_endpoint: Make
) -> None:
    first, second = (
        make_slice(make_endpoint("10.244.1.5")),
        make_slice(make_endpoint("10.244.2.7"), name="web-2"),
    )
    changes.endpoint_slice(None, first)
    changes.endpoint_slice(None, second)
    changes.apply()
    assert [str(end) for end in changes.state.endpoints_of(WEB)] == ["10.244.1.5:8080", "10.244.2.7:8080"]
    changes.endpoint_slice(first, None)
    changes.apply()
    assert [str(end) for end in changes.state.endpoints_of(WEB)] == ["10.244.2.7:8080"]


def test_an_endpoint_that_moves_between_slices_in_one_sync_is_no_change(
    changes: Changes, make_slice: Make, make_endpoint: Make
) -> None:
    first, second = (
        make_slice(make_endpoint("10.244.1.5")),
        make_slice(make_endpoint("10.244.1.5"), name="web-2"),
    )
    changes.endpoint_slice(None, first)
    changes.apply()
    changes.endpoint_slice(None, second)
    changes.endpoint_slice(first, None)
    assert changes.apply() == Changed()


def test_a_slice_that_changes_its_service_leaves_the_old_one(
    changes: Changes, make_slice: Make, make_endpoint: Make
) -> None:
    mine, theirs = (
        make_slice(make_endpoint("10.244.1.5")),
        make_slice(make_endpoint("10.244.1.5"), service="other"),
    )
    changes.endpoint_slice(None, mine)
    changes.apply()
    assert changes.endpoint_slice(mine, theirs)
    assert changes.apply().names == {WEB, WEB._replace(name="other")}
    assert changes.state.endpoints_of(WEB) == ()


def test_unchanged_facts_keep_their_identity(changes: Changes, make_service: Make) -> None:
    web = make_service()
    changes.service(None, web)
    changes.apply()
    before = changes.state.services[WEB]
    changes.service(None, make_service("other", clusterIP="10.96.0.11"))
    changes.apply()
    assert changes.state.services[WEB] is before


def test_a_node_that_moves_concerns_everything(changes: Changes) -> None:
    assert not changes.node_changed(changes.node)
    assert changes.node_changed(replace(changes.node, zone="zone-b"))
    assert changes.apply() == Changed(everything=True)
    assert changes.apply() == Changed()


def test_trigger_times_are_given_once_and_nonsense_is_passed_over(
    changes: Changes, make_slice: Make, make_endpoint: Make
) -> None:
    def annotated(ip: str, written: str) -> Any:
        key = "endpoints.kubernetes.io/last-change-trigger-time"
        return make_slice(make_endpoint(ip), annotations={key: written})

    changes.endpoint_slice(None, annotated("10.244.1.5", "2026-11-23T09:00:00.5Z"))
    changes.endpoint_slice(None, annotated("10.244.1.6", "yesterday"))
    (when,) = changes.take_triggers()
    assert when.isoformat() == "2026-11-23T09:00:00.500000+00:00"
    assert changes.take_triggers() == []


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(1, 3)), st.booleans())))
def test_a_tracker_ends_with_the_last_value_of_each_key(steps: list[tuple[int, int | None, bool]]) -> None:
    tracker: Tracker[int, int] = Tracker()
    last: dict[int, int] = {}
    for key, value, take in steps:
        tracker.update(key, value)
        if value is None:
            last.pop(key, None)
        else:
            last[key] = value
        if take:
            assert all(before != after for before, after in tracker.take().values())
    tracker.take()
    assert tracker.applied == last


def test_each_family_sees_its_own(make_service: Make, make_slice: Make, make_endpoint: Make) -> None:
    six = Changes(Family.IPV6, Node("worker-1"))
    assert not six.service(None, make_service())
    assert not six.endpoint_slice(None, make_slice(make_endpoint("10.244.1.5")))
    assert six.endpoint_slice(None, make_slice(make_endpoint("fd00::5"), name="six"))
