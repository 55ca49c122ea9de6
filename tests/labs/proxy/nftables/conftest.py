"""The nftables mode on an nft of text, told of changes and asked to sync."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from labs.proxy.changes import Changes
from labs.proxy.configuration import KubeProxyConfiguration, NFTables
from labs.proxy.mode import Result, Setup
from labs.proxy.nftables.fake import Nft
from labs.proxy.nftables.mode import NftablesMode
from labs.proxy.state import Family

CONFIG = KubeProxyConfiguration(
    mode="nftables", cluster_cidr="10.244.0.0/16", node_port_addresses=("primary",)
)


class Told:
    """A mode, its kernel, and changes given to it in syncs."""

    def __init__(self, kernel: Nft, changes: Changes) -> None:
        self.kernel, self.changes = kernel, changes
        self.now = 0.0
        self.mode = self.proxy()

    def proxy(self, section: NFTables | None = None) -> NftablesMode:
        """Another one on the same kernel, as after a restart."""
        config = replace(CONFIG, nftables=section or NFTables())
        return NftablesMode(Setup(Family.IPV4, config, self.kernel), clock=lambda: self.now)

    async def __call__(self, *objects: Any, gone: tuple[Any, ...] = ()) -> Result:
        for item in objects:
            self.see(None, item)
        for item in gone:
            self.see(item, None)
        changed = self.changes.apply()
        return await self.mode.sync(self.changes.state, changed)

    def see(self, old: Any, new: Any) -> None:
        kinds = {"Service": self.changes.service, "ServiceCIDR": self.changes.service_cidr}
        kinds.get((new or old)["kind"], self.changes.endpoint_slice)(old, new)

    @property
    def last(self) -> list[str]:
        """The operations of the last transaction, the table left out."""
        return [line.replace(" ip kube-proxy", "") for line in self.kernel.transactions[-1].splitlines()]


@pytest.fixture
def kernel() -> Nft:
    return Nft()


@pytest.fixture
def told(kernel: Nft, changes: Changes) -> Told:
    return Told(kernel, changes)


@pytest.fixture
def service_cidr() -> Callable[..., Any]:
    def make(*cidrs: str, name: str = "kubernetes") -> Any:
        return {"kind": "ServiceCIDR", "metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}

    return make
