"""What is asked of a fresh machine, and what its answers mean."""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
from pathlib import Path

import pytest

from vm import command, survey
from vm.errors import CommandFailed, HostCannot
from vm.fake import FakeMachine
from vm.survey import Survey
from vm.virtual import VirtualMachine
from vm.wheelhouse import Guest


def test_this_very_machine_says_its_python_and_lacks_what_is_made_up() -> None:
    words = "iproute2=ip,ss no-such-package=no-such-program"
    now = f"{time.time():.0f}"
    said = command.run(["sh", "-c", survey.LOOK, "sh", words, now]).stdout.splitlines()
    assert Guest.of(said[0]).machine
    assert said[1:] == ["no-such-package"]


def test_a_survey_is_the_python_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.4)
    pairs = " ".join(f"{name}={','.join(each)}" for name, each in survey.programs_of().items())
    asked = shlex.join(["sh", "-c", survey.LOOK, "sh", pairs, "1000"])
    machine = FakeMachine("worker-1", {asked: "3 11 x86_64\nipset\nipvsadm\n"})
    assert survey.survey({"worker-1": machine}) == {
        "worker-1": Survey(Guest("3.11", "x86_64"), ("ipset", "ipvsadm"))
    }


@pytest.mark.parametrize(
    ("there", "here", "told"),
    [(1000, 1004, ""), (1000, 4600, "--utc --set @4600\n"), (4600, 1000, "--utc --set @1000\n")],
    ids=["right", "suspended for an hour", "of the future"],
)
def test_a_machines_clock_is_set_where_it_is_wrong(tmp_path: Path, there: int, here: int, told: str) -> None:
    program = tmp_path / "date"
    program.write_text(f'#!/bin/sh\n[ "$1" = +%s ] && echo {there} || echo "$*" >{tmp_path}/told\n')
    program.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command.run(["sh", "-c", survey.LOOK, "sh", "", str(here)], env=env)
    file = tmp_path / "told"
    assert (file.read_text() if file.exists() else "") == told


def test_machines_of_different_boxes_are_refused_by_name() -> None:
    old, new = Survey(Guest("3.11", "x86_64"), ()), Survey(Guest("3.13", "x86_64"), ())
    assert survey.one({"worker-1": old, "worker-2": old}) == old.guest
    with pytest.raises(HostCannot, match=r"worker-2: 3\.13 on x86_64") as caught:
        survey.one({"worker-1": old, "worker-2": new})
    assert "of one box" in caught.value.cure


def test_guests_need_the_hosts_programs_and_those_of_ipvs() -> None:
    found = survey.programs_of("# a comment\nipset learner ipset sets\n")
    assert found == {"ipset": ("ipset",), "ipvsadm": ("ipvsadm",), "kmod": ("modprobe",)}


def test_an_error_of_one_machine_is_told_as_it_is() -> None:
    machines = {name: FakeMachine(name) for name in ("control-1", "worker-1")}
    with pytest.raises(CommandFailed, match="not in the script of the fake machine"):
        survey.survey(machines)


def test_an_interruption_ends_the_look_at_machines_that_do_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid.$$\nexec sleep 60\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    machines = {name: VirtualMachine(name, tmp_path / "config", name) for name in ("control-1", "worker-1")}

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while len(list(tmp_path.glob("pid.*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        survey.survey(machines)
    assert time.monotonic() - began < 30
    for file in tmp_path.glob("pid.*"):
        status = Path(f"/proc/{file.read_text().strip()}/status")
        assert not status.exists(), status.read_text()
