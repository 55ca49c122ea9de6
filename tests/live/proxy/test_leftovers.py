"""What a real kube-proxy left on a node goes when ours starts in another mode, and nothing else does.

Its rules stand in ``leftovers/``, written by hand as the real ones write them. All modes are there at once,
and of one only a part: so a node looks on which kube-proxy was killed while it changed from mode to mode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from proxy_stage.whole import whole
from proxy_stage.world import World, needs

from labs.proxy.modes import MODES

pytestmark = pytest.mark.live

HERE = Path(__file__).with_name("leftovers")
LEAVE = {
    "iptables.rules": "iptables-restore --noflush",
    "userspace.rules": "iptables-restore --noflush",
    "nftables.nft": "nft -f -",
    "ipvs.sh": "sh -e",
}
SEE = "iptables-save; ip6tables-save; nft list table ip mine; nft list tables; ipset save"
PROGRAM_S_OWN = re.compile(r"^table ip6? (nat|filter|mangle|raw|security)$")
BY_CHANCE = re.compile(r" \[\d+:\d+\]$|(?<=--to-ports )\d+|(?<=:)\d+$|(?<=--dport )[3-6]\d{4}|initval \w+")
"""Counters, the ports that userspace mode listens on, and where a hash begins."""
FAST = [
    mode for mode in MODES if mode != "ipvs"
]  # which runs on an emulated machine, where this takes minutes


def seen(world: World) -> list[str]:
    """The node's rules, tables and sets, but for what iptables makes by being asked."""
    lines = (BY_CHANCE.sub("…", line) for line in world("sh", "-c", SEE).splitlines())
    return sorted(line for line in lines if line[:1] != "#" and not PROGRAM_S_OWN.match(line))


def start(mode: str, folder: Path, files: Mapping[str, str]) -> list[str]:
    """What is seen on a node with these files' rules once kube-proxy has synced there."""
    folder.mkdir()
    leave = "\n".join(f"{program} < {HERE / file}" for file, program in files.items())
    with whole({"mode": mode}, folder, before=f"sh -e {HERE / 'others.sh'}\n{leave}\n") as proxy:
        needs(proxy.world, mode)
        synced = "sync_proxy_rules_last_timestamp_seconds"
        for family in ("IPv4", "IPv6"):
            proxy.until(lambda of=family: proxy.metric(synced, ip_family=of), f"a sync of {family}")
        return seen(proxy.world)


@pytest.mark.parametrize("mode", FAST)
def test_a_node_with_everybodys_leftovers_becomes_as_one_that_never_had_any(
    tmp_path: Path, mode: str
) -> None:
    clean, dirty = start(mode, tmp_path / "clean", {}), start(mode, tmp_path / "dirty", LEAVE)
    assert dirty == clean
    assert ":DOCKER -…" in dirty, "somebody else's is there"
