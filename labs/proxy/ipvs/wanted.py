"""What the kernel should have: all Service ports' shares together, kept up at the cost of what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from labs.proxy.ipvs.claims import Claims
from labs.proxy.ipvs.options import Options
from labs.proxy.ipvs.rules import rules
from labs.proxy.ipvs.servers import Served, ServerKey
from labs.proxy.ipvs.share import Barred, Entry, Share, share_of
from labs.proxy.netfilter.ruleset import Ruleset
from labs.proxy.state import ProxyState, ServicePortName

NOTHING = Share()


@dataclass(slots=True)
class Touched:
    """What may have changed and must be looked at."""

    entries: set[Entry] = field(default_factory=set)
    servers: set[ServerKey] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


class Wanted:
    """The sum of the shares."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.entries: Claims[Entry, bool] = Claims()
        self.servers: Claims[ServerKey, Served] = Claims()
        self.addresses: Claims[str, bool] = Claims()
        self._barred: Claims[Barred, bool] = Claims()
        self._shares: dict[ServicePortName, Share] = {}
        self._sizes: Counter[str] = Counter()  # members by set

    @classmethod
    def of(cls, state: ProxyState, options: Options) -> Wanted:
        """What this state wants."""
        wanted = cls(options)
        wanted.update(state, state.services)
        return wanted

    def update(self, state: ProxyState, names: Iterable[ServicePortName]) -> Touched:
        """Follow the state in these Service ports."""
        touched = Touched()
        for name in names:
            self._replace(
                name,
                share_of(state, name, self.options) if name in state.services else NOTHING,
                touched,
            )
        return touched

    def _replace(self, name: ServicePortName, after: Share, touched: Touched) -> None:
        before = self._shares.pop(name, NOTHING)
        if after is not NOTHING:
            self._shares[name] = after
        members = before.entries.keys() | after.entries.keys()
        self._sizes.subtract(self._present(members))
        touched.entries |= self.entries.replace(name, before.entries, after.entries)
        self._sizes.update(self._present(members))
        touched.servers |= self.servers.replace(name, before.servers, after.servers)
        touched.addresses |= self.addresses.replace(name, before.addresses, after.addresses)
        self._barred.replace(name, before.barred, after.barred)

    def _present(self, members: Iterable[Entry]) -> Counter[str]:
        return Counter(entry.set for entry in members if entry in self.entries)

    @property
    def filled(self) -> frozenset[str]:
        """The names of the sets that have members."""
        return frozenset(name for name, size in self._sizes.items() if size)

    def rules(self) -> Ruleset:
        """The iptables half."""
        return rules(self.filled, self._barred, self.options)

    def everything(self) -> Touched:
        """All that is wanted."""
        return Touched(set(self.entries), set(self.servers), set(self.addresses))

    def table(self) -> dict[ServerKey, Served]:
        """The whole table of virtual servers."""
        found = {key: self.servers.get(key) for key in self.servers}
        return {key: served for key, served in found.items() if served is not None}
