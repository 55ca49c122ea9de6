"""What a watcher is told, and when it has to list again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import watch
from labs.kube.objects import Object, stored
from labs.kube.status import StatusError
from labs.kube.watch import Event, History


def state(version: int, colour: str) -> watch.Stored:
    metadata = {"name": "one", "labels": {"colour": colour}}
    return stored({"kind": "Node", "apiVersion": "v1", "metadata": metadata}, version)


def is_red(obj: Object) -> bool:
    return obj["metadata"]["labels"]["colour"] == "red"


@given(st.lists(st.sampled_from(["red", "blue", None]), min_size=1, max_size=12), st.data())
def test_following_from_any_version_leads_to_the_same_state(
    colours: list[str | None], data: st.DataObject
) -> None:
    history, old, states = History(0), None, [None]
    for version, colour in enumerate(colours, 1):
        new = state(version, colour) if colour else None
        if old is not None or new is not None:
            history.record("Node", Event(version, old, new))
        old = new
        states.append(new)
    since = data.draw(st.integers(0, len(colours)))
    begun = states[since]
    known = begun if begun is not None and is_red(begun.obj) else None

    for happened, seen in history.follow("Node", since, is_red).pending:
        assert (happened == "ADDED") == (known is None)
        assert happened != "DELETED" or known is not None
        known = None if happened == "DELETED" else seen

    assert known == (old if old is not None and is_red(old.obj) else None)


def test_a_deletion_carries_its_own_version_to_go_on_from() -> None:
    history = History(0)
    history.record("Node", Event(5, state(3, "red"), None))

    [(happened, seen)] = history.follow("Node", 3, is_red).pending

    assert happened == "DELETED"
    assert seen.obj["metadata"]["resourceVersion"] == "5"


def test_a_version_that_has_left_the_window_is_gone() -> None:
    history = History(0, window=2)
    for version in range(1, 5):
        history.record("Node", Event(version, None, state(version, "red")))

    assert len(history.follow("Node", 2, is_red).pending) == 2
    with pytest.raises(StatusError, match=r"too old resource version: 1 \(2\)") as caught:
        history.follow("Node", 1, is_red)
    assert caught.value.code == 410


def test_events_leave_the_window_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(0)
    history.record("Node", Event(1, None, state(1, "red"), moment=1000.0))
    history.record("Node", Event(2, None, state(2, "red"), moment=1001.0 + watch.KEPT))

    with pytest.raises(StatusError, match="too old"):
        history.follow("Node", 0, is_red)
    assert len(history.follow("Node", 1, is_red).pending) == 1


def test_versions_from_before_a_restart_are_gone_and_the_last_one_is_not() -> None:
    history = History(7)

    assert not history.follow("Node", 7, is_red).pending
    with pytest.raises(StatusError, match="too old"):
        history.follow("Node", 6, is_red)


def test_a_watcher_that_does_not_keep_up_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BACKLOG", 2)
    history = History(0)
    watcher = history.follow("Node", 0, is_red)

    for version in range(1, 5):
        history.record("Node", Event(version, None, state(version, "red")))

    assert watcher.over == "the watcher is too far behind"
    assert len(watcher.pending) == 2


def test_one_who_left_is_told_nothing() -> None:
    history = History(0)
    watcher = history.follow("Node", 0, is_red)
    history.leave(watcher)

    history.record("Node", Event(1, None, state(1, "red")))

    assert not watcher.pending
