"""The script of `make live-vagrant`, with stand-ins for the host's programs: what it leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

HERE = Path("tests/live/vagrant")
ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "id": "echo 0",
    "dpkg-query": "exit 1",
    **dict.fromkeys(("ip", "nft", "pgrep"), "exit 0"),
}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return tmp_path / "policy-rc.d"


def run(tree: Path, policy: Path, apt: str) -> int:
    """The script's exit code, where apt-get does that."""
    (tree / HERE).mkdir(parents=True)
    (tree / "vm").mkdir()
    for each in (HERE / "packages.txt", Path("vm/packages.txt")):
        shutil.copy(ROOT / each, tree / each)
    script = tree / HERE / "run.sh"
    script.write_text((ROOT / HERE / "run.sh").read_text().replace("/usr/sbin/policy-rc.d", str(policy)))
    (tree / "bin").mkdir()
    for name, does in {**PROGRAMS, "apt-get": apt}.items():
        (tree / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tree / "bin" / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tree}/bin:{os.environ['PATH']}", "FOLDER": str(tree / "cache")}
    words = ["bash", str(script)]
    done = subprocess.run(
        words, env=env, capture_output=True, timeout=30, check=False, start_new_session=True
    )
    assert b"packages" in done.stdout
    return done.returncode


@pytest.mark.parametrize("does", ["exit 100", "kill -INT 0; sleep 1"], ids=["fails", "is interrupted"])
def test_the_host_may_start_its_services_again_when_apt(tmp_path: Path, policy: Path, does: str) -> None:
    assert run(tmp_path, policy, f"[ -x {policy} ] && touch {tmp_path}/seen; {does}") in (100, -signal.SIGINT)
    assert (tmp_path / "seen").exists(), "while it installs, nothing is started"
    assert not policy.exists()


def test_a_policy_of_the_host_stays(tmp_path: Path, policy: Path) -> None:
    policy.write_text("mine")
    assert run(tmp_path, policy, "exit 100") == 100
    assert policy.read_text() == "mine"
