"""Payloads as kube-proxy writes them, one Service in one situation each, and what real iptables printed.

`payloads/NAME.payload` was loaded into an empty network namespace by iptables 1.8.9, both variants, and saved
as `saves/NAME.VARIANT.save`. `tests/live/test_rulesets.py` does the same afresh for every payload.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from checker.rulesets.iptables_save import parse
from checker.rulesets.model import Ruleset

HERE = Path(__file__).parent


@cache
def _payload(name: str) -> Ruleset:
    return parse((HERE / "payloads" / f"{name}.payload").read_text())


@pytest.fixture
def payload() -> Callable[[str], Ruleset]:
    return _payload


@pytest.fixture
def saved() -> Callable[[str], str]:
    return lambda name: (HERE / "saves" / f"{name}.save").read_text()


@pytest.fixture
def nat() -> Callable[..., Ruleset]:
    """A nat table from the rules of PREROUTING and of user chains, without the lines around them."""

    def build(*lines: str, table: str = "nat") -> Ruleset:
        chains = dict.fromkeys(line.split()[1] for line in lines)
        declared = [f":{chain} - [0:0]" for chain in chains if chain not in BASE]
        return parse("\n".join((f"*{table}", *declared, *lines, "COMMIT")))

    return build


BASE = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
