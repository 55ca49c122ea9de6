"""The table of cases, on paper: each flow walked through the rules that each mode has the kernel print.

What the same flows do when they are sent is in tests/live/proxy/test_cases.py. ``--update-golden`` writes the
rules of each case down in ``goldens/MODE/``; read the difference before committing it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proxy_cases.case import Case, cases
from proxy_stage.paper import Paper, paper

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def walking() -> Iterator[Paper]:
    with paper() as made:
        yield made


@pytest.mark.parametrize("case", cases(), ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_every_flow_ends_on_paper_as_the_case_says(walking: Paper, mode: str, case: Case) -> None:
    wrong, _ = walking.play(case, mode)
    assert not wrong, "\n".join([case.about, *wrong])
