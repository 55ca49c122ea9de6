from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm import inventory, lock
from vm.errors import InventoryInvalid, MachineError, NotRunning
from vm.lock import Process
from vm.machine import Via
from vm.plan import plan

ME = Process.of(os.getpid()) or Process(0, 0)
HAND_WRITTEN = {
    "schema": 1,
    "backend": "via",
    "plan": plan(1).to_json(),
    "kubeconfig": "/root/.kube/config",
    "machines": [{"name": "n1", "via": ["ssh", "root@n1"]}, {"name": "here", "via": []}],
}


def written(folder: Path, value: Any) -> Path:
    path = folder / "inventory.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "inventory.json"
    saved = inventory.of_namespaces(tmp_path, plan(2), "/k", ME)
    saved.save(path)
    loaded = inventory.load(path)
    assert loaded == saved
    assert list(loaded.machines) == ["control-1", "worker-1", "worker-2", "client", "balancer"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "inventory.json"
    inventory.of_namespaces(tmp_path, plan(1), "/k", ME).save(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_hand_written_one_reaches_real_servers(tmp_path: Path) -> None:
    loaded = inventory.load(written(tmp_path, HAND_WRITTEN))
    assert loaded.alive()
    assert loaded.machine("n1") == Via("n1", ("ssh", "root@n1"))
    assert loaded.machine("here").run(["echo", "here"]).stdout == "here\n"


def test_it_is_alive_as_long_as_its_first_process_holds_the_lock(tmp_path: Path) -> None:
    made = inventory.of_namespaces(tmp_path, plan(1), "/k", ME)
    assert not made.alive()
    taken = lock.take(tmp_path)
    taken.name(ME)
    assert made.alive()
    taken.name(Process(ME.pid, ME.started + 1))  # another lab has been started in the same folder
    assert not made.alive()
    taken.close()


def test_an_unknown_machine_is_answered_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no machine called `worker-1`") as caught:
        inventory.load(written(tmp_path, HAND_WRITTEN)).machine("worker-1")
    assert caught.value.cure == "the machines are: n1, here"


def test_no_file_means_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no inventory") as caught:
        inventory.load(tmp_path / "inventory.json")
    assert "lab up" in caught.value.cure


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ({**HAND_WRITTEN, "schema": 2}, "schema is 2, this version reads 1"),
        ({**HAND_WRITTEN, "backend": "docker"}, "backend is 'docker', none of namespaces, vagrant, via"),
        ({**HAND_WRITTEN, "machines": [{"name": "n1"}]}, "machine 'n1' has no `via`"),
        ({key: value for key, value in HAND_WRITTEN.items() if key != "plan"}, "KeyError: 'plan'"),
        ({**HAND_WRITTEN, "plan": {"nodes": []}}, "KeyError: 'node_ports'"),
    ],
)
def test_another_shape_is_refused_with_the_rule_it_breaks(tmp_path: Path, value: Any, rule: str) -> None:
    with pytest.raises(InventoryInvalid, match=rule) as caught:
        inventory.load(written(tmp_path, value))
    assert str(tmp_path) in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(HAND_WRITTEN)), inner),
)


@given(st.fixed_dictionaries({key: st.just(value) | json_values for key, value in HAND_WRITTEN.items()}))
def test_whatever_is_in_the_file_the_answer_is_an_inventory_or_one_error(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]
) -> None:
    path = written(tmp_path_factory.mktemp("inventory"), value)
    try:
        answer = repr(inventory.load(path).machines)
    except InventoryInvalid as error:
        answer = str(error)
    assert answer.startswith(("{", str(path)))


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "before")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="No space left on device") as caught:
        inventory.write(path, "after")
    assert "make room" in caught.value.cure
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
