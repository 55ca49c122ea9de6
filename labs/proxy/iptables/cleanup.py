"""How all of it goes away again: a kube-proxy's chains and jumps, ours or a real one's, and nothing else.

What is ours is told by its chain, not by having written it: ``--cleanup`` runs in another process than
the one that wrote, and after a real kube-proxy of some version. A chain that somebody else's rule jumps
to stays, since deleting it would take that rule along; so does what kubelet shares with kube-proxy.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.proxy.iptables import static
from labs.proxy.iptables.names import PER_SERVICE
from labs.proxy.iptables.ruleset import Ruleset, Write

OLDER = ("KUBE-XLB-",)
"""Kinds of chains that a kube-proxy before 1.24 wrote."""

KUBELET_CANARY = "KUBE-KUBELET-CANARY"
"""Where it is, a kubelet keeps KUBE-FIREWALL too and would miss it."""

OURS = frozenset(chain for chains in static.CHAINS.values() for chain in chains) | {static.CANARY}


def removal(rules: Ruleset) -> Write:
    """What takes a kube-proxy's rules out of these; an empty write if there are none."""
    write = Write()
    for table, chains in rules.tables.items():
        ours = set(_ours(rules, table))
        jumps = tuple(rule for chain, rule in _others(chains, ours) if _is_jump(rule, ours))
        kept = _still_needed(rules, table, ours, jumps)
        write.chains.tables[table] = dict.fromkeys(sorted(kept), ())
        write.unjumps[table] = jumps
        write.stale[table] = tuple(sorted(ours - kept))
    return write


def _ours(rules: Ruleset, table: str) -> Iterator[str]:
    kubelet = KUBELET_CANARY in rules["mangle"]
    for chain in rules[table]:
        shared = chain == static.LOCALNET_FIREWALL and not kubelet
        if chain in OURS or shared or chain.startswith((*PER_SERVICE, *OLDER)):
            yield chain


def _others(chains: dict[str, tuple[str, ...]], ours: set[str]) -> Iterator[tuple[str, str]]:
    """(chain, "CHAIN arguments") of the rules in chains that are not ours."""
    for chain, rules in chains.items():
        if chain not in ours:
            yield from ((chain, f"{chain} {rule}") for rule in rules)


def _target(rule: str) -> str:
    words = rule.split()
    return words[words.index("-j") + 1] if "-j" in words[:-1] else ""


def _is_jump(rule: str, ours: set[str]) -> bool:
    """Whether kube-proxy wrote this rule: it leads to our chains and has kube-proxy's kind of comment."""
    target = _target(rule)
    return target in ours and (
        '--comment "kubernetes ' in rule or rule.split()[1:] == ["-j", static.LOCALNET_FIREWALL]
    )


def _still_needed(rules: Ruleset, table: str, ours: set[str], jumps: tuple[str, ...]) -> set[str]:
    """Our chains that somebody else's rules use: they are emptied and stay."""
    others = {rule for _, rule in _others(rules[table], ours)} - set(jumps)
    return {_target(rule) for rule in others} & ours
