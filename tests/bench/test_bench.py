"""The benchmark works: a few Services, through its own entry, in namespaces of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

BENCH = Path(__file__).with_name("bench.py")


def test_a_part_prints_figures_beside_limits() -> None:
    argv = [sys.executable, str(BENCH), "sync", "--services=5", "--changes=1"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)

    rows = [line.split("|")[1:5] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert done.returncode == 0, done.stderr
    assert len(rows) == 2 + 4 * 2 + 1, done.stdout
    assert all("×" in here and "×" in limit for _, here, limit, _ in rows[2:-1])


def test_an_unknown_part_is_named_with_those_there_are() -> None:
    done = subprocess.run([sys.executable, str(BENCH), "rely"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "no part 'rely': there are lab, sync, scale, relay, first-packet, machines" in done.stderr
