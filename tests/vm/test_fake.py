from __future__ import annotations

import pytest

from vm.command import Completed
from vm.errors import CommandFailed, CommandTimeout
from vm.fake import FakeMachine
from vm.machine import Machine


def test_it_is_a_machine_that_answers_from_its_script() -> None:
    machine: Machine = FakeMachine("n1", {"iptables-save -t nat": "*nat\n"})
    assert machine.run(["iptables-save", "-t", "nat"]).stdout == "*nat\n"


def test_it_fails_and_raises_as_scripted() -> None:
    failed = Completed(("false",), 1, "", "no")
    machine = FakeMachine(script={"false": failed, "sleep 9": CommandTimeout(("sleep", "9"), 1)})
    with pytest.raises(CommandFailed, match="no"):
        machine.run(["false"])
    assert machine.run(["false"], check=False) == failed
    with pytest.raises(CommandTimeout):
        machine.run(["sleep", "9"])


def test_what_is_not_in_the_script_is_not_found() -> None:
    machine = FakeMachine("n1")
    assert machine.shell(["ls", "a b"]) == 127
    assert machine.asked == [("ls", "a b")]
    with pytest.raises(CommandFailed, match="not in the script of the fake machine n1"):
        machine.run(["ls"])


def test_it_keeps_files() -> None:
    machine = FakeMachine()
    machine.put("text", "/a")
    assert machine.get("/a") == "text"
    with pytest.raises(CommandFailed, match="/b: No such file"):
        machine.get("/b")
