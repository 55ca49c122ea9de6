"""Lab 6 where every learner has IPVS: done from start to end, and wrong in every way we know of."""

from __future__ import annotations

from typing import Any

import pytest
from lab_proof.claims import Claims, done
from lab_proof.proof import Proof

from labs import course


@pytest.fixture(scope="class")
def proof(lab: Any) -> Proof:
    """The lab, on the machines of all tests here."""
    return done(lab, course.find(6), 4711)


class TestLab06(Claims):
    """Mode ipvs on three kernels."""
