"""Where the machines' private network lies on this host: 192.168.56.0/24, or the next one that is free.

All numbers of the lab follow from the plan's, so another network is the same plan with another beginning.
Only /24s below 192.168.64.0 are tried: VirtualBox allows no others to its host-only networks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface, ip_network

from vm import command
from vm.errors import CommandNotFound, HostCannot
from vm.plan import Plan

NETWORKS = tuple(f"192.168.{third}.0/24" for third in range(56, 64))


def addresses() -> dict[str, list[str]]:
    """This host's IPv4 addresses with their lengths, by the name of the card; empty where `ip` is missing."""
    try:
        said = command.run(["ip", "-json", "-4", "address"], check=False).stdout
    except CommandNotFound:  # macOS: Vagrant itself finds a clash there
        return {}
    return {
        card["ifname"]: [f"{each['local']}/{each['prefixlen']}" for each in card["addr_info"]]
        for card in json.loads(said or "[]")
    }


def holders(network: str, cards: Mapping[str, list[str]]) -> list[str]:
    """The cards that have an address in that network."""
    wanted = ip_network(network)
    return [
        card
        for card, held in cards.items()
        if any(ip_interface(address).network.overlaps(wanted) for address in held)
    ]


def free(cards: Mapping[str, list[str]]) -> tuple[str, str]:
    """The first network that nobody has, and who has the default one, or "".

    A host-only network of VirtualBox is for everybody who starts machines there, and does not count as taken.
    """
    taken = {network: _foreign(holders(network, cards)) for network in NETWORKS}
    for network in NETWORKS:
        if not taken[network]:
            return network, ", ".join(taken[NETWORKS[0]])
    held = "; ".join(f"{', '.join(cards)} has {network}" for network, cards in taken.items())
    raise HostCannot(f"no private network is free for machines: {held}", "take one of these cards down")


def moved(plan: Plan, network: str) -> Plan:
    """The same plan in that network."""
    if network == plan.fabric:
        return plan
    before, after = (re.escape(plan.fabric.rpartition(".")[0]) + r"\.", network.rpartition(".")[0] + ".")
    text = re.sub(rf'"{before}', f'"{after}', json.dumps(plan.to_json()))
    return replace(Plan.from_json(json.loads(text)))


def _foreign(cards: list[str]) -> list[str]:
    return [card for card in cards if not card.startswith("vboxnet")]
