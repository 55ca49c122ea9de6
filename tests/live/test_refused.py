"""A mode that this kernel cannot run: `lab mode` and `lab up` say so before they change anything."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.live

CURES = ("--backend vagrant", "lab up --root", "sudo modprobe -a ip_vs")


@pytest.fixture(autouse=True)
def without_ipvs() -> None:
    if Path("/proc/net/ip_vs").exists():
        pytest.skip("this kernel has IPVS, so nothing is refused")


def test_lab_mode_names_the_cure_and_the_old_mode_goes_on(lab):
    done = lab.run("mode", "ipvs", "--scheduler", "sh")
    assert done.returncode == 1
    assert "mode ipvs needs" in done.stderr
    assert any(cure in done.stderr for cure in CURES)
    assert lab.on("worker-1", "curl", "-s", "http://127.0.0.1:10249/proxyMode") == "iptables"


def test_lab_up_starts_nothing_in_it(fresh):
    done = fresh.run("up", "--mode", "ipvs")
    assert done.returncode == 1
    assert "mode ipvs needs" in done.stderr
    assert fresh.run("status").returncode == 1
