"""Objects in, operations out: pairs in ``payloads/``.

``nothing`` is the whole of a node without Services; all others are what they add to it. ``pytest
tests/labs/proxy --update-golden`` writes the outputs anew; read the difference before committing it. What
the rules do is proved elsewhere (the cases, tests/live/proxy).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.nftables.fixed import fixed
from labs.proxy.nftables.objects import Table
from labs.proxy.nftables.options import Options
from labs.proxy.nftables.rules import table
from labs.proxy.nftables.transaction import creation, difference, text
from labs.proxy.state import Family, ProxyState

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = sorted(path.name.removesuffix(".input.yaml") for path in PAYLOADS.glob("*.input.yaml"))
POD_NETWORKS = {Family.IPV4: "10.244.0.0/16", Family.IPV6: "fd00:244::/48"}
PRIMARY = {Family.IPV4: ("192.168.56.11",), Family.IPV6: ("fd00:56::11",)}


def detector_of(given: dict[str, Any], family: Family) -> LocalDetector:
    for by, key in ((LocalBy.BRIDGE, "bridge"), (LocalBy.INTERFACE_PREFIX, "prefix")):
        if key in given:
            return LocalDetector(by, given.pop(key))
    network = given.pop("detector", POD_NETWORKS[family])
    return LocalDetector(LocalBy.CIDR, network) if network else LocalDetector()


def usual(family: Family) -> Options:
    detector = LocalDetector(LocalBy.CIDR, POD_NETWORKS[family])
    return Options(family, detector=detector, node_port_addresses=PRIMARY[family])


def payload(name: str, make_state: Callable[..., ProxyState]) -> str:
    case = yaml.safe_load((PAYLOADS / f"{name}.input.yaml").read_text())
    given = case["options"]
    family = Family(given.pop("family", "IPv4"))
    given.setdefault("node_port_addresses", PRIMARY[family])
    options = Options(family, detector=detector_of(given, family), **given)
    wanted = table(make_state(case["objects"], family=family), options)
    if name == "nothing":
        return text(creation(Table(), wanted).operations, options.ip)
    return text(difference(fixed(usual(family)), wanted).operations, options.ip)


@pytest.mark.parametrize("name", NAMES)
def test_the_payload_is_as_written_down(
    name: str, make_state: Callable[..., ProxyState], update_golden: bool
) -> None:
    found, golden = payload(name, make_state), PAYLOADS / f"{name}.output.txt"
    if update_golden:
        golden.write_text(found)
    assert found == golden.read_text()
