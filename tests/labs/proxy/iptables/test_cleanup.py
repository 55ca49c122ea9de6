"""What cleanup takes and what it leaves."""

from __future__ import annotations

from labs.proxy.iptables.cleanup import removal
from labs.proxy.netfilter.kernel import parse


def removed(nat: str = "", filter: str = "", mangle: str = "") -> str:
    return removal(
        parse(f"*nat\n{nat}\nCOMMIT\n*filter\n{filter}\nCOMMIT\n*mangle\n{mangle}\nCOMMIT\n")
    ).text()


def test_a_real_kube_proxy_s_rules_go_older_versions_too() -> None:
    text = removed(
        ":PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-XLB-ABC - [0:0]\n:KUBE-SVC-ABC - [0:0]\n"
        '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n'
        "-A KUBE-SERVICES -j KUBE-SVC-ABC"
    )
    assert '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES' in text
    assert [line for line in text.splitlines() if line.startswith("-X")] == [
        "-X KUBE-SERVICES",
        "-X KUBE-SVC-ABC",
        "-X KUBE-XLB-ABC",
    ]


def test_others_rules_are_not_even_mentioned() -> None:
    text = removed(":PREROUTING ACCEPT [0:0]\n:KUBE-MINE - [0:0]\n:CNI-1 - [0:0]\n-A PREROUTING -j CNI-1")
    assert text == ""


def test_a_chain_that_somebody_else_uses_is_emptied_and_stays() -> None:
    text = removed(
        ":CNI - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n-A KUBE-MARK-MASQ -j MARK\n-A CNI -j KUBE-MARK-MASQ"
    )
    assert ":KUBE-MARK-MASQ" in text
    assert "-X" not in text
    assert "-D" not in text


def test_kubelet_keeps_its_firewall_chain() -> None:
    rules = ":INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL"
    assert "-D INPUT -j KUBE-FIREWALL" in removed(filter=rules)
    assert removed(filter=rules, mangle=":KUBE-KUBELET-CANARY - [0:0]") == ""
