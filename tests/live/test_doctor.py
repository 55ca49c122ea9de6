"""Doctor on this kernel: what it says is so, and it leaves the host as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vm.doctor import examine
from vm.needs import KERNEL_NEEDS, Need
from vm.probe import attempt

pytestmark = pytest.mark.live

HOST = "ip addr; ip route; ip netns; iptables-save | grep -v '^#'; nft list ruleset; cat /proc/self/mounts"


def host() -> str:
    return subprocess.run(["sh", "-c", HOST], capture_output=True, text=True, check=False, timeout=30).stdout


def test_this_host_runs_the_default_mode_and_is_left_as_it_was(tmp_path: Path) -> None:
    before = host()
    seen = examine(tmp_path / "home")
    assert seen.lacks("iptables") == []
    names = {need.name for need in KERNEL_NEEDS}
    assert [(each.name, each.found) for each in seen.findings if each.name in names and not each.ok] == []
    assert host() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("need", KERNEL_NEEDS, ids=lambda need: need.name)
def test_each_probe_works_without_those_before_it(need: Need) -> None:
    code, said = attempt({need.name: need.probe})[need.name]
    assert code == 0, said


def test_a_probe_that_fails_gives_its_code_and_last_words_and_the_next_goes_on() -> None:
    found = attempt({"bad": "echo first; echo second; exit 7", "good": "true"})
    assert (found["bad"], found["good"]) == ((7, "second"), (0, ""))
