from __future__ import annotations

import os
from pathlib import Path

import pytest

from vm import lock
from vm.errors import AlreadyRunning, MachineError
from vm.lock import Process


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    taken = lock.take(tmp_path)
    assert lock.held(tmp_path)
    taken.close()
    assert not lock.held(tmp_path)


def test_a_second_lab_in_the_same_folder_is_told_what_to_do(tmp_path: Path) -> None:
    taken = lock.take(tmp_path)
    with pytest.raises(AlreadyRunning, match=f"in {tmp_path}") as caught:
        lock.take(tmp_path)
    taken.close()
    assert "lab down" in caught.value.cure


def test_the_holder_is_known_by_pid_and_start_time(tmp_path: Path) -> None:
    taken = lock.take(tmp_path)
    me = Process.of(os.getpid())
    assert me is not None
    assert lock.holder(tmp_path) is None
    taken.name(me)
    assert lock.holder(tmp_path) == me
    taken.name(Process(me.pid, me.started - 1))  # the pid has been given to another process since
    assert lock.holder(tmp_path) is None
    taken.close()


def test_a_name_without_the_lock_is_not_believed(tmp_path: Path) -> None:
    taken = lock.take(tmp_path)
    me = Process.of(os.getpid())
    assert me is not None
    taken.name(me)
    taken.close()
    assert lock.holder(tmp_path) is None


def test_the_name_of_the_last_holder_is_wiped(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "started": 0}')
    lock.take(tmp_path).close()
    assert (tmp_path / "lock").read_text().strip() == "{}"


def test_nothing_is_held_where_there_is_nothing(tmp_path: Path) -> None:
    assert not lock.held(tmp_path / "nowhere")
    assert lock.holder(tmp_path / "nowhere") is None


def test_the_state_folder_is_its_owners_only(tmp_path: Path) -> None:
    lock.take(tmp_path / "state").close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "lock").stat().st_mode & 0o777 == 0o600


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=f"state folder {tmp_path}/file/state") as caught:
        lock.take(tmp_path / "file" / "state")
    assert "LAB_HOME" in caught.value.cure
