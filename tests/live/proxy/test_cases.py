"""The table of cases, sent: every flow of every case goes through a live kernel, in every mode there is.

The network is made once a mode, its servers too; a case gives the proxy its objects, and then all flows of a
step are on their way at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proxy_cases.case import Case, cases
from proxy_stage.stage import Stage, stage

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def playing() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.mark.parametrize("case", cases(), ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_every_flow_ends_as_the_case_says(playing: Stage, mode: str, case: Case) -> None:
    playing.needs(mode)
    wrong = playing.play(case, mode)
    assert not wrong, "\n".join([case.about, *wrong])
