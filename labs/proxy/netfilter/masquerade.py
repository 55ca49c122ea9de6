"""Masquerade in two steps: a rule early on marks the packet, one at the very end obeys the mark.

In two, because whether an answer would come back past this node is known before routing, and the
address to masquerade with only after it.
"""

from __future__ import annotations

from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.netfilter.ruleset import rule

POSTROUTING = "KUBE-POSTROUTING"
MARK_MASQ = "KUBE-MARK-MASQ"


def mark_text(bit: int) -> str:
    """The mark of packets to masquerade, as the real one writes it: 0x00004000."""
    return f"{1 << bit:#010x}"


def mark_masq(mark: str) -> tuple[str, ...]:
    """The chain that marks."""
    return (f"-j MARK --or-mark {mark}",)


def postrouting(mark: str, *, random_fully: bool) -> tuple[str, ...]:
    """Masquerade what is marked, and unmark it: on an overlay network a packet may pass here again."""
    random = "--random-fully" if random_fully else ""
    return (
        f"-m mark ! --mark {mark}/{mark} -j RETURN",
        f"-j MARK --xor-mark {mark}",
        rule("kubernetes service traffic requiring SNAT", "-j MASQUERADE", random),
    )


def forward(mark: str) -> tuple[str, ...]:
    """Let through what is marked, and what belongs to a connection that was let through."""
    return (
        rule("kubernetes forwarding rules", f"-m mark --mark {mark}/{mark}", "-j ACCEPT"),
        rule(
            "kubernetes forwarding conntrack rule", "-m conntrack --ctstate RELATED,ESTABLISHED", "-j ACCEPT"
        ),
    )


FROM_POD = {
    LocalBy.NOTHING: "",
    LocalBy.CIDR: "{}-s {}",
    LocalBy.BRIDGE: "{}-i {}",
    LocalBy.INTERFACE_PREFIX: "{}-i {}+",
}
"""The match, with its negation and the detector's value."""


def from_pod(detector: LocalDetector, negation: str = "") -> str:
    """The match for packets from this cluster's pods, empty if they cannot be told apart."""
    return FROM_POD[detector.by].format(negation, detector.value)


def not_from_pod(detector: LocalDetector) -> str:
    """The match for packets from elsewhere, empty if they cannot be told apart."""
    return from_pod(detector, "! ")
