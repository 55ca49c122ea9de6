import pytest

from labs.control.cache import Cache


def pod(name="web", version=1, uid="a", node=""):
    metadata = {"namespace": "default", "name": name, "uid": uid, "resourceVersion": str(version)}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": node}}


@pytest.fixture
def cache():
    return Cache("Pod", {"node": lambda obj: [obj["spec"]["nodeName"]] if obj["spec"]["nodeName"] else []})


@pytest.fixture
def seen(cache):
    changes = []
    cache.follow(
        lambda old, new: changes.append(
            (old and old["metadata"]["resourceVersion"], new and new["metadata"]["resourceVersion"])
        )
    )
    return changes


def test_an_own_write_is_known_before_the_watch_and_told_once(cache, seen):
    cache.store(pod(version=5))
    cache.watched(None, pod(version=5))
    assert seen == [(None, "5")]


def test_a_late_watch_event_does_not_undo_an_own_write(cache, seen):
    cache.watched(None, pod(version=3))
    cache.store(pod(version=9, node="worker-1"))
    cache.watched(pod(version=3), pod(version=4))
    assert cache.get("default", "web")["metadata"]["resourceVersion"] == "9"
    assert seen == [(None, "3"), ("3", "9")]


def test_versions_are_numbers_not_texts(cache):
    cache.store(pod(version=9))
    cache.store(pod(version=10))
    assert cache.get("default", "web")["metadata"]["resourceVersion"] == "10"


def test_the_answer_to_a_write_does_not_raise_what_was_seen_to_go(cache):
    cache.watched(None, pod(version=1))
    cache.watched(pod(version=2), None)
    cache.store(pod(version=2))
    assert cache.get("default", "web") is None


def test_a_successor_of_the_same_name_is_a_removal_and_an_addition(cache, seen):
    cache.watched(None, pod(version=1, uid="a"))
    cache.watched(pod(version=1, uid="a"), pod(version=5, uid="b"))
    assert seen == [(None, "1"), ("1", None), (None, "5")]


def test_the_end_of_a_predecessor_does_not_take_the_successor(cache):
    cache.store(pod(version=7, uid="b"))
    cache.watched(pod(version=3, uid="a"), None)
    assert cache.get("default", "web")["metadata"]["uid"] == "b"


def test_an_index_follows_the_object(cache):
    cache.store(pod(version=1))
    assert cache.by("node", "worker-1") == []
    cache.store(pod(version=2, node="worker-1"))
    assert [found["metadata"]["name"] for found in cache.by("node", "worker-1")] == ["web"]
    cache.store(pod(version=3, node="worker-2"))
    assert (cache.count("node", "worker-1"), cache.count("node", "worker-2")) == (0, 1)
    cache.remove(pod(version=3))
    assert cache.count("node", "worker-2") == 0


def test_an_accepted_deletion_counts_until_the_watch_tells_more(cache):
    cache.store(pod(version=1))
    cache.mark_deleted(pod(version=1), "2026-11-23T09:00:00Z")
    assert cache.get("default", "web")["metadata"]["deletionTimestamp"] == "2026-11-23T09:00:00Z"
    cache.mark_deleted(pod(uid="other"), "later")
    assert cache.get("default", "web")["metadata"]["deletionTimestamp"] == "2026-11-23T09:00:00Z"
