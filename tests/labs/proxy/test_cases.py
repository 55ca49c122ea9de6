"""The table of cases, on paper: each flow walked through the rules that each mode has the kernel print.

What the same flows do when they are sent is in tests/live/proxy/test_cases.py. ``--update-golden`` writes the
rules of each case down in ``goldens/MODE/``; read the difference before committing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy_cases.case import Case, cases
from proxy_cases.printed import normal
from proxy_stage.paper import Paper, paper

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live

GOLDENS = Path(__file__).parent / "goldens"
ON_PAPER = sorted(MODES.keys() - {"ipvs"})
"""Mode ipvs is walked, and written down, on a kernel of text: ipvs/test_paper.py, ipvs/test_golden.py."""


@pytest.fixture(scope="module")
def walking() -> Iterator[Paper]:
    with paper() as made:
        yield made


@pytest.mark.parametrize("case", cases(), ids=str)
@pytest.mark.parametrize("mode", ON_PAPER)
def test_every_flow_ends_on_paper_as_the_case_says(walking: Paper, mode: str, case: Case) -> None:
    wrong = walking.play(case, mode).wrong
    assert not wrong, "\n".join([case.about, *wrong])


@pytest.mark.parametrize("case", [case for case in cases() if case.family == "IPv4" or case.alone], ids=str)
@pytest.mark.parametrize("mode", ON_PAPER)
def test_the_kernel_holds_these_rules_and_no_others(
    walking: Paper, mode: str, case: Case, update_golden: bool
) -> None:
    """Compared in normal form: versions of iptables-save print the same rule in several ways."""
    golden = GOLDENS / mode / f"{case.name}.txt"
    printed = walking.play(case, mode).printed
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text("\n\n".join(printed) + "\n")
    steps = golden.read_text().removesuffix("\n").split("\n\n")
    assert [normal(mode, text) for text in printed] == [normal(mode, text) for text in steps]
