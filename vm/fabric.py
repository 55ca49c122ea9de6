"""Where the machines' networks lie on this host: 192.168.56.0/24 or the next that is free; and Vagrant's.

All numbers of the lab follow from the plan's, so another network is the same plan with another beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import Any

from vm import command, providers
from vm.errors import CommandNotFound, HostCannot
from vm.plan import Plan

LENGTH = 24
NETWORKS = tuple(f"192.168.{third}.0/24" for third in range(56, 64))
MANAGEMENT = tuple(f"192.168.{third}.0/24" for third in (121, *range(123, 129)))
"""vagrant-libvirt's usual network, and those tried instead; 122 is that of libvirt itself."""


def addresses() -> dict[str, list[str]]:
    """Who has which IPv4 network here: addresses with their lengths, and routes, by the name of the card.

    A route wider than a /24 is no claim: that of the machines is more specific and wins. Empty where there is
    no `ip`: on macOS Vagrant itself finds a clash.
    """
    found: dict[str, list[str]] = {}
    for card in _ip("address"):
        found[card["ifname"]] = [f"{each['local']}/{each['prefixlen']}" for each in card["addr_info"]]
    for route in _ip("route"):
        network = ip_network("0.0.0.0/0" if route["dst"] == "default" else route["dst"])
        if network.prefixlen >= LENGTH and "dev" in route:
            found.setdefault(route["dev"], []).append(str(network))
    return found


def holders(network: str, cards: Mapping[str, list[str]]) -> list[str]:
    """The cards that have an address in that network."""
    wanted = ip_network(network)
    return [
        card
        for card, held in cards.items()
        if any(ip_interface(address).network.overlaps(wanted) for address in held)
    ]


def free(cards: Mapping[str, list[str]]) -> tuple[str, str]:
    """The first network that nobody has, and who has the default one, or ""."""
    taken = {network: holders(network, cards) for network in NETWORKS}
    for network in NETWORKS:
        if not taken[network]:
            return network, ", ".join(taken[NETWORKS[0]])
    held = "; ".join(f"{', '.join(cards)} has {network}" for network, cards in taken.items())
    raise HostCannot(f"no private network is free for machines: {held}", "take one of these cards down")


def management(cards: Mapping[str, list[str]], own: str) -> tuple[dict[str, str], str]:
    """Settings for the network by which Vagrant reaches machines, and who has libvirt's usual one, or "".

    ``own`` is the bridge of that usual one, "" where it is not up: its address is no clash.
    """
    others = {card: held for card, held in cards.items() if card != own}
    taken = ", ".join(holders(MANAGEMENT[0], others))
    if not taken:
        return {}, ""
    for network in MANAGEMENT[1:]:
        if not holders(network, others):
            name = f"vagrant-libvirt-{network.split('.')[2]}"
            return {"management_network_name": name, "management_network_address": network}, taken
    return {}, taken


def bridge(network: str = "vagrant-libvirt") -> str:
    """The bridge of one of libvirt's networks, "" where there is none of that name."""
    found = re.search(r"(?m)^Bridge: +(\S+)", providers.virsh("net-info", network))
    return found[1] if found else ""


def moved(plan: Plan, network: str) -> Plan:
    """The same plan in that network."""
    if network == plan.fabric:
        return plan
    before, after = (re.escape(plan.fabric.rpartition(".")[0]) + r"\.", network.rpartition(".")[0] + ".")
    text = re.sub(rf'"{before}', f'"{after}', json.dumps(plan.to_json()))
    return replace(Plan.from_json(json.loads(text)))


def _ip(what: str) -> list[dict[str, Any]]:
    try:
        said = command.run(["ip", "-json", "-4", what], check=False).stdout
    except CommandNotFound:
        return []
    found: list[dict[str, Any]] = json.loads(said or "[]")
    return found
