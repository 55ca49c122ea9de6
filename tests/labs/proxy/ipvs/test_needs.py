"""What a machine lacks for mode ipvs, and what its owner is told to do."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from labs.proxy.ipvs.needs import LOOK, Facts, Missing, available, here, missing
from vm.fake import FakeMachine

READY = Facts(loaded=True, contained=False, module=True, scheduler=True)


def lacking(**facts: bool) -> Missing:
    found = missing(Facts(**facts), "rr")
    assert found is not None
    return found


def test_a_root_with_the_module_loaded_lacks_nothing() -> None:
    assert missing(READY, "rr") is None


def test_a_kernel_with_ipvs_built_in_lacks_nothing() -> None:
    assert missing(Facts(loaded=True), "rr") is None


def test_a_kernel_without_ipvs_leaves_only_other_machines() -> None:
    found = lacking()
    assert "this one has none" in found.why
    assert "lab up --backend vagrant" in found.cure
    assert "--root" not in found.cure


def test_a_user_namespace_is_cured_by_root() -> None:
    found = lacking(module=True, scheduler=True, contained=True)
    assert "user namespace" in found.why
    assert "lab up --root" in found.cure


def test_a_module_that_is_not_loaded_is_named_and_not_loaded_by_us() -> None:
    found = lacking(module=True, scheduler=True)
    assert found.modules == ("ip_vs", "ip_vs_rr")
    assert "sudo modprobe -a ip_vs ip_vs_rr" in str(found)
    assert "changes the host" in found.cure


def test_a_scheduler_that_the_kernel_does_not_have_is_named() -> None:
    found = lacking(loaded=True, module=True)
    assert "'rr'" in found.why
    assert "ipvs.scheduler" in found.cure


@pytest.mark.parametrize(
    ("printed", "lacks"), [("loaded\nmodule\nscheduler\n", False), ("contained\nmodule\n", True), ("", True)]
)
def test_a_machine_is_asked_by_one_command(printed: str, lacks: bool) -> None:
    machine = FakeMachine("worker-1", {shlex.join(("sh", "-c", LOOK, "sh", "rr")): printed})
    assert (available(machine) is not None) is lacks


def test_a_real_shell_prints_what_is_asked_for() -> None:
    """On this machine, whatever it has: the words are facts and the shell does not complain."""
    done = subprocess.run(["sh", "-c", LOOK, "sh", "rr"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert dict.fromkeys(done.stdout.split(), True) == {
        name: True for name, found in asdict(here("rr")).items() if found
    }


def test_this_machine_is_read_from_proc(proc: Path, tmp_path: Path) -> None:
    assert here("rr", proc, tmp_path) == Facts(loaded=True)
    (proc / "net/ip_vs").unlink()
    (proc / "self/uid_map").write_text("         0       1000          1\n")
    assert here("rr", proc, tmp_path) == Facts(contained=True)
