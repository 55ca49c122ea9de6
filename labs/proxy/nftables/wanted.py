"""All that the table should hold, kept by Service port, so that a change costs what it touches.

Two Service ports may claim the same element: the ports of one Service its ClusterIP, two Services the pod
behind both, or by mistake the same external IP and port. The element stays while one of them claims it;
where their verdicts differ the first by name has it, so that the same state always gives the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from labs.proxy.nftables.objects import Chain, Element, ServiceObjects, Table
from labs.proxy.state import ServicePortName

Claims = tuple[tuple[ServicePortName, Element], ...]
"""Who wants an element, in the order of names; the first has it."""
Place = tuple[str, str]
"""(set, key)"""
Named = tuple[ServicePortName, ServiceObjects]
Changes = Mapping[ServicePortName, ServiceObjects | None]
"""A Service port's new objects, or None for one that is gone."""


class Wanted:
    """The fixed objects and those of the Service ports."""

    def __init__(self) -> None:
        self._fixed = Table()
        self._services: dict[ServicePortName, ServiceObjects] = {}
        self._claims: dict[str, dict[str, Claims]] = {}

    def replace(self, fixed: Table, changed: Changes) -> tuple[Table, Table]:
        """Take these objects instead of those before; returns the objects touched, before and after."""
        old = [(name, self._services.pop(name)) for name in changed if name in self._services]
        new = [(name, found) for name, found in changed.items() if found is not None]
        places = dict.fromkeys((*_places(old), *_places(new)))
        before = self._touched(old, places)
        for name, found in old:
            self._release(name, found)
        for name, found in new:
            self._claim(name, found)
        self._services.update(new)
        after = self._touched(new, places)
        if fixed != self._fixed:
            _include(before, self._fixed)
            _include(after, fixed)
            self._fixed = fixed
        return before, after

    def table(self) -> Table:
        """The whole."""
        whole = _own(self._services.items())
        for set_, found in self._claims.items():
            whole.elements[set_] = {key: claims[0][1] for key, claims in found.items()}
        _include(whole, self._fixed)
        return whole

    def _touched(self, found: Iterable[Named], places: Iterable[Place]) -> Table:
        """The chains and sets of these Service ports, and who has the elements at these places now."""
        table = _own(found)
        for set_, key in places:
            if claims := self._claims.get(set_, {}).get(key):
                table.elements.setdefault(set_, {})[key] = claims[0][1]
        return table

    def _claim(self, name: ServicePortName, found: ServiceObjects) -> None:
        for set_, key, element in found.elements:
            claims = self._claims.setdefault(set_, {})
            others = claims.get(key, ())
            claims[key] = ((name, element),) if not others else _with(others, name, element)

    def _release(self, name: ServicePortName, found: ServiceObjects) -> None:
        for set_, key, _ in found.elements:
            claims = self._claims[set_]
            left = tuple(claim for claim in claims.get(key, ()) if claim[0] != name)
            if left:
                claims[key] = left
            else:
                claims.pop(key, None)


def _with(others: Claims, name: ServicePortName, element: Element) -> Claims:
    """A Service port's own first claim counts: its ClusterIP before an external IP that is the same."""
    if any(claim[0] == name for claim in others):
        return others
    return tuple(sorted((*others, (name, element))))


def _places(found: Iterable[Named]) -> Iterator[Place]:
    for _, objects in found:
        yield from ((set_, key) for set_, key, _ in objects.elements)


def _own(found: Iterable[Named]) -> Table:
    """The chains and sets that belong to one Service port alone."""
    table = Table()
    for _, objects in found:
        table.chains.update({name: Chain(rules) for name, rules in objects.chains.items()})
        table.sets.update(objects.affinity)
    return table


def _include(table: Table, fixed: Table) -> None:
    """Put the fixed objects in front; no Service port claims an element of a set that has fixed ones."""
    table.chains = fixed.chains | table.chains
    table.sets = fixed.sets | table.sets
    table.elements = fixed.elements | table.elements
