"""Chains that nothing leads to any more, empty, waiting for a second until they can be deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

GRACE = 1.0
"""Seconds. A packet may still be in the chain; and before Linux 6.2 a chain stays «busy» for a moment."""


class StaleChains:
    """When each became stale."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._since)

    def become(self, chains: Iterable[str], now: float) -> None:
        """These and no others are stale; those that were before keep their time."""
        self._since = {chain: self._since.get(chain, now) for chain in chains}

    def take_due(self, now: float) -> list[str]:
        """Those that may be deleted, each told once."""
        due = sorted(chain for chain, since in self._since.items() if now - since >= GRACE)
        for chain in due:
            del self._since[chain]
        return due

    @property
    def wait(self) -> float:
        """Seconds after which there will be some to delete; 0 if there is nothing to wait for."""
        return GRACE if self._since else 0.0
