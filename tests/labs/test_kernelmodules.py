"""Mode ipvs where its module is not loaded: nothing is loaded before somebody said yes."""

from __future__ import annotations

import io
import shlex

import pytest

from labs import kernelmodules
from labs.kernelmodules import consent, require_here, require_on
from labs.proxy.ipvs import needs
from vm.command import Completed
from vm.errors import HostCannot
from vm.fake import Answer, FakeMachine

LOOKED = shlex.join(("sh", "-c", needs.LOOK, "sh", "sh"))
MODPROBE = "modprobe --all ip_vs ip_vs_sh"


def node(found: str, **script: Answer) -> FakeMachine:
    return FakeMachine("worker-1", {LOOKED: found, **script})


def load(machine: FakeMachine, *, says: bool) -> list[str]:
    """Ask for scheduler sh; what the question was."""
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return says

    require_on([machine], "sh", ask)
    return asked


def test_a_machine_that_has_ipvs_is_not_asked_about() -> None:
    machine = node("loaded\nmodule\nscheduler\n")
    assert load(machine, says=False) == []
    assert [shlex.join(argv) for argv in machine.asked] == [LOOKED]


def test_after_a_yes_the_modules_are_loaded() -> None:
    machine = node("module\nscheduler\n", **{MODPROBE: ""})
    (question,) = load(machine, says=True)
    assert "Load ip_vs and ip_vs_sh until the host is restarted?" in question
    assert shlex.join(machine.asked[-1]) == MODPROBE


def test_after_a_no_nothing_is_loaded_and_the_line_to_type_is_said() -> None:
    machine = node("module\nscheduler\n")
    with pytest.raises(HostCannot, match="not loaded") as raised:
        load(machine, says=False)
    assert "`sudo modprobe -a ip_vs ip_vs_sh`" in raised.value.cure
    assert [shlex.join(argv) for argv in machine.asked] == [LOOKED]


@pytest.mark.parametrize("found", ["", "contained\nmodule\nscheduler\n", "loaded\nmodule\n"])
def test_what_no_module_cures_is_no_question(found: str) -> None:
    with pytest.raises(HostCannot):
        require_on([node(found)], "sh", pytest.fail)


def test_a_module_that_cannot_be_loaded_is_named_with_the_reason() -> None:
    refusal = Completed(("modprobe",), 1, "", "modprobe: ERROR: could not insert 'ip_vs': Not permitted\n")
    with pytest.raises(HostCannot, match=r"ip_vs and ip_vs_sh cannot be loaded: .*Not permitted"):
        load(node("module\nscheduler\n", **{MODPROBE: refusal}), says=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "may"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_only_a_clear_yes_is_one(typed: str, *, may: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(kernelmodules.sys, "stdin", Terminal(typed))
    monkeypatch.setattr(kernelmodules.sys, "stderr", shown)
    assert consent("Load it?") is may
    assert shown.getvalue() == "Load it? [y/N] "


def test_where_there_is_no_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernelmodules.sys, "stdin", io.StringIO("y\n"))
    assert not consent("Load it?")


def test_a_cluster_yet_to_be_made_needs_root_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "here", lambda: needs.Facts(loaded=True))
    require_here(root=True)
    with pytest.raises(HostCannot, match="in a user namespace") as raised:
        require_here(root=False)
    assert "`lab up --root`" in raised.value.cure
