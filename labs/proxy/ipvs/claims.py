"""Who wants what: several Service ports may want the same thing, and it goes when the last one leaves.

Two ports of a Service bind the same ClusterIP; two Services may name the same external IP. Counting the
owners makes a change cost what it changes, however many Services there are. Where owners want different
values, the one whose name comes first has its way, whatever order they came in.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from labs.proxy.state import ServicePortName

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Claims(Generic[Key, Value]):
    """Things wanted, by key, with the value of the first owner."""

    def __init__(self) -> None:
        self._claims: dict[Key, dict[ServicePortName, Value]] = {}

    def replace(
        self, owner: ServicePortName, before: Collection[Key], after: Mapping[Key, Value]
    ) -> set[Key]:
        """The owner wants ``after`` instead of ``before``; the keys that this may have changed."""
        touched = {key for key in before if key not in after}
        for key in touched:
            self._leave(owner, key)
        for key, value in after.items():
            owners = self._claims.setdefault(key, {})
            if owner not in owners or owners[owner] != value:
                owners[owner] = value
                touched.add(key)
        return touched

    def _leave(self, owner: ServicePortName, key: Key) -> None:
        owners = self._claims[key]
        del owners[owner]
        if not owners:
            del self._claims[key]

    def get(self, key: Key) -> Value | None:
        """What it should be; None if nobody wants it."""
        owners = self._claims.get(key)
        return owners[min(owners)] if owners else None

    def __contains__(self, key: object) -> bool:
        return key in self._claims

    def __iter__(self) -> Iterator[Key]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)
