"""The store against a model of it, and what of it outlives its process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from labs.kube.objects import Object
from labs.kube.status import StatusError
from labs.kube.store import StateUnreadable, Store

NAMES = st.sampled_from(["a", "b", "c"])


def config_map(name: str, value: str = "") -> Object:
    metadata = {"name": name, "namespace": "default"}
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"key": value}}


class StoreModel(RuleBasedStateMachine):
    """Writes in any order, with restarts between them: what is read is what a dictionary would hold."""

    versions = Bundle("versions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "objects.db"
        self.store = Store(self.path)
        self.model: dict[str, str] = {}
        self.counter = self.store.version

    @rule(target=versions, name=NAMES, value=st.text(max_size=3))
    def put(self, name: str, value: str) -> int:
        self.model[name] = value
        self.counter += 1
        return self.store.put(config_map(name, value)).version

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        if self.model.pop(name, None) is not None:
            self.store.remove("ConfigMap", ("default", name))
            self.counter += 1

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.path)

    @rule(since=versions)
    def watching_from_a_version_gives_what_happened_since_or_410(self, since: int) -> None:
        try:
            watcher = self.store.history.follow("ConfigMap", since, lambda _: True)
        except StatusError:
            return  # 410: list again
        versions = [state.version for _, state in watcher.pending]
        assert versions == list(range(since + 1, self.counter + 1))

    @invariant()
    def what_is_read_is_what_was_written(self) -> None:
        found = {
            state.obj["metadata"]["name"]: state.obj["data"]["key"] for state in self.store.list("ConfigMap")
        }
        assert found == self.model
        assert self.store.version == self.counter

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


StoreModel.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestStoreModel = StoreModel.TestCase

WRITER = """
import sys
from pathlib import Path
from labs.kube.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100_000):
    metadata = {"name": f"n{number}", "namespace": "default"}
    store.put({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata})
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_the_death_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "objects.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        while writer.stdout.readline() != "200\n":
            pass
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = 200 + len(writer.stdout.readlines())

    store = Store(path)
    found = {state.obj["metadata"]["name"] for state in store.list("ConfigMap")}
    store.close()

    assert {f"n{number}" for number in range(acknowledged + 1)} <= found


def test_a_write_that_the_disk_refuses_changes_nothing(store: Store) -> None:
    kept = store.put(config_map("kept", "before"))
    store._database.execute("PRAGMA max_page_count = 1")

    with pytest.raises(StatusError) as caught:
        store.put(config_map("kept", "x" * 100_000))

    assert caught.value.code == 507
    assert "nothing was changed" in caught.value.message
    assert store.get("ConfigMap", ("default", "kept")) is kept
    assert store.version == kept.version


def test_only_the_owner_can_read_the_file(store: Store, tmp_path: Path) -> None:
    store.put(config_map("secret"))

    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("objects.db*")} == {0o600}


def test_a_second_server_on_the_same_file_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **words: connect(path, **{**words, "timeout": 0}))

    with pytest.raises(StateUnreadable, match="locked") as caught:
        Store(tmp_path / "objects.db")

    assert "no other lab uses it" in caught.value.cure


def test_a_file_that_is_no_database_is_named_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "objects.db"
    path.write_text("this is no database, whatever its name says" * 100)

    with pytest.raises(StateUnreadable, match=r"objects\.db cannot be used") as caught:
        Store(path)

    assert "lab down --purge" in caught.value.cure


def test_lists_are_ordered_by_namespace_and_name(store: Store) -> None:
    for namespace, name in (("b", "1"), ("a", "2"), ("a", "1")):
        obj: dict[str, Any] = config_map(name)
        obj["metadata"]["namespace"] = namespace
        store.put(obj)

    found = [
        (state.obj["metadata"]["namespace"], state.obj["metadata"]["name"])
        for state in store.list("ConfigMap")
    ]
    assert found == [("a", "1"), ("a", "2"), ("b", "1")]
