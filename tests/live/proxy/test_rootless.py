"""An ordinary user's kernel takes what root's does: there a socket's buffer cannot grow with what is sent.

One transaction of some 300 rules was refused then, «Message too long». As root the user is `nobody`.
"""

from __future__ import annotations

from typing import Any

import pytest
from proxy_cases.objects import service
from proxy_stage.world import namespaces, needs, ordinary, proxy_in

pytestmark = pytest.mark.live

Object = dict[str, Any]
MANY = 400  # Services with two endpoints: some 4,000 rules of iptables
WAYS = {
    "iptables": {"mode": "iptables"},
    "nftables, by netlink": {"mode": "nftables"},
    "nftables, by nft": {"mode": "nftables", "featureGates": {"NFTablesNetlink": False}},
    "userspace": {"mode": "userspace"},
}
DUMP = "iptables-save; nft list ruleset"


def one(number: int) -> list[Object]:
    """A Service and its slice."""
    spec = {"clusterIP": f"10.96.{number // 200 + 1}.{number % 200 + 1}", "ports": [{"port": 80}]}
    ips = [f"10.244.{half}.{number % 200 + 1}" for half in (1, 2)]
    return [
        service(f"web-{number}", spec, "IPv4"),
        {
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": "default",
                "name": f"web-{number}-1",
                "labels": {"kubernetes.io/service-name": f"web-{number}"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in ips],
        },
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_ordinary_user_has_many_services_at_once_and_takes_them_away_again(way: str) -> None:
    config = dict(WAYS[way])
    with namespaces(ordinary()) as world:
        needs(world, config["mode"])
        with proxy_in(world, config, mode=config["mode"]) as proxy:
            proxy.set(*(each for number in range(MANY) for each in one(number)))
            rules = world("sh", "-c", DUMP)
            missing = [n for n in range(MANY) if f"10.96.{n // 200 + 1}.{n % 200 + 1}" not in rules]
            assert missing == []
            proxy.become(*one(7))
            rules = world("sh", "-c", DUMP)
            assert "10.96.1.8" in rules
            assert "10.96.2." not in rules
