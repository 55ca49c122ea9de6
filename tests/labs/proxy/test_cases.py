"""The table of cases, on paper: each flow walked through the rules that each mode has the kernel print.

What the same flows do when they are sent is in tests/live/proxy/test_cases.py. ``--update-golden`` writes the
rules of each case down in ``goldens/MODE/``; read the difference before committing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy_cases.case import Case, cases
from proxy_stage.paper import Paper, paper

from checker.rulesets.iptables_save import parse
from labs.proxy.modes import MODES

pytestmark = pytest.mark.live

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture(scope="module")
def walking() -> Iterator[Paper]:
    with paper() as made:
        yield made


@pytest.mark.parametrize("case", cases(), ids=str)
@pytest.mark.parametrize("mode", sorted(MODES.keys() - {"ipvs"}))  # on a kernel of text: ipvs/test_paper.py
def test_every_flow_ends_on_paper_as_the_case_says(walking: Paper, mode: str, case: Case) -> None:
    walking.needs(mode)
    wrong, _ = walking.play(case, mode)
    assert not wrong, "\n".join([case.about, *wrong])


@pytest.mark.parametrize("case", [case for case in cases() if case.family == "IPv4" or case.alone], ids=str)
def test_iptables_holds_these_rules_and_no_others(walking: Paper, case: Case, update_golden: bool) -> None:
    """Compared in normal form: versions of iptables-save print the same rule in several ways."""
    golden = GOLDENS / "iptables" / f"{case.name}.txt"
    _, printed = walking.play(case, "iptables")
    if update_golden:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text("\n\n".join(printed) + "\n")
    written = golden.read_text().split("\n\n")
    assert [parse(text).normal() for text in printed] == [parse(text).normal() for text in written]
