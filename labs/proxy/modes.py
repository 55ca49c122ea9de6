"""The modes there are; ``names`` has the same names for who only wants those."""

from __future__ import annotations

from collections.abc import Callable

from labs.proxy.config import ConfigInvalid
from labs.proxy.iptables.mode import IptablesMode
from labs.proxy.ipvs.mode import IpvsMode
from labs.proxy.mode import Mode, Setup
from labs.proxy.names import DEFAULT
from labs.proxy.nftables.mode import NftablesMode
from labs.proxy.userspace.mode import UserspaceMode

MODES: dict[str, Callable[[Setup], Mode]] = {
    "iptables": IptablesMode,
    "ipvs": IpvsMode,
    "nftables": NftablesMode,
    "userspace": UserspaceMode,
}


def mode(name: str, setup: Setup) -> Mode:
    """The mode of this name, the empty one being the default; raises ConfigInvalid naming those there are."""
    made = MODES.get(name or DEFAULT)
    if made is None:
        known = ", ".join(sorted(MODES))
        raise ConfigInvalid(
            f"mode: found {name!r}, this kube-proxy has: {known}", "set `mode` to one of these"
        )
    return made(setup)
