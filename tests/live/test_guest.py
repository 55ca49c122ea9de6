"""The guest in which mode ipvs is tried (tests/live/ipvs) leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from guest_kernel.boot import TIED

pytestmark = pytest.mark.live

STARTS = f"""
import subprocess, time
print(subprocess.Popen({[*TIED, "sleep", "600"]!r}).pid, flush=True)
time.sleep(600)
"""


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_tests_that_started_it(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout
        guest = int(tests.stdout.readline())
        deadline = time.monotonic() + 20
        while not Path(f"/proc/{guest}/cmdline").read_bytes().startswith(b"sleep"):
            assert time.monotonic() < deadline
        os.kill(tests.pid, how)
        while runs(guest):
            assert time.monotonic() < deadline, "the guest outlives its tests"
            time.sleep(0.02)
