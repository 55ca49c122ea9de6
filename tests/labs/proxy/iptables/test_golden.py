"""Objects in, the whole payload out: pairs in ``payloads/``.

``pytest tests/labs/proxy --update-golden`` writes the outputs anew; read the difference before committing
it. What the rules do is proved elsewhere (test_walk.py, tests/live).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from labs.proxy.iptables.options import Options
from labs.proxy.iptables.rules import rules
from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.netfilter.ruleset import Write
from labs.proxy.state import Family, ProxyState

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = sorted(path.name.removesuffix(".input.yaml") for path in PAYLOADS.glob("*.input.yaml"))


def options_of(given: dict[str, Any]) -> Options:
    network = given.pop("detector", "10.244.0.0/16")
    detector = LocalDetector(LocalBy.CIDR, network) if network else LocalDetector()
    kinds: dict[str, Callable[[Any], Any]] = {
        "family": Family,
        "counters": frozenset,
        "node_port_addresses": tuple,
    }
    values = {name: kinds.get(name, lambda same: same)(value) for name, value in given.items()}
    return Options(detector=detector, **values)


def payload(name: str, make_state: Callable[..., ProxyState]) -> str:
    case = yaml.safe_load((PAYLOADS / f"{name}.input.yaml").read_text())
    options = options_of(case["options"])
    return Write(rules(make_state(case["objects"], family=options.family), options)).text()


@pytest.mark.parametrize("name", NAMES)
def test_the_payload_is_as_written_down(
    name: str, make_state: Callable[..., ProxyState], update_golden: bool
) -> None:
    found, golden = payload(name, make_state), PAYLOADS / f"{name}.output.txt"
    if update_golden:
        golden.write_text(found)
    assert found == golden.read_text()
