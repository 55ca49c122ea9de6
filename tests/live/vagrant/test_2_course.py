"""The course on virtual machines: lab 3 as anywhere, and lab 6 where every learner has IPVS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from lab_proof.claims import Claims, done
from lab_proof.proof import Proof

from labs import course


def test_lab_3_is_solved_and_passed(lab: Any, record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    lab("start", "3", timeout=900)
    lab("solve", "3", timeout=900)
    checked = lab.run("check", "3", "--json", timeout=900)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    record_property("figure", f"lab 3 from start to its last point: {time.monotonic() - began:.0f} s")
    record = json.loads(checked.stdout)
    assert record["points"] == record["of"]


@pytest.fixture(scope="class")
def proof(lab: Any) -> Proof:
    """The lab, on the machines of all tests here."""
    return done(lab, course.find(6), 4711)


class TestLab06(Claims):
    """Done from start to end on three kernels with IPVS, and wrong in every way that we know of."""
