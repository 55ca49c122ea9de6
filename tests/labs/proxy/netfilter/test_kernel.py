"""The door: what is run, what is understood of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from labs.proxy.netfilter.kernel import Kernel, RestoreFailed, explain, parse, variant
from labs.proxy.netfilter.ruleset import Ruleset, Write
from labs.proxy.state import Family
from vm.command import Completed


@pytest.mark.parametrize(
    ("text", "random_fully", "wait"),
    [
        ("iptables v1.8.9 (nf_tables)", True, ()),
        ("iptables v1.8.9 (legacy)", True, ("-w", "5", "-W", "100000")),
        ("iptables v1.6.1", False, ("-w", "5", "-W", "100000")),
        ("what is this", False, ("-w", "5", "-W", "100000")),
    ],
)
def test_the_variant_decides_the_arguments(text: str, random_fully: bool, wait: tuple[str, ...]) -> None:
    assert variant(text).random_fully is random_fully
    assert variant(text).wait == wait


def test_a_save_is_read_as_chains() -> None:
    text = (
        "# Generated\n*security\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
        "*nat\n:PREROUTING ACCEPT [5:300]\n:KUBE-X - [0:0]\n"
        '-A KUBE-X -m comment --comment "a b" -j RETURN\nCOMMIT\n'
    )
    assert parse(text)["nat"] == {"PREROUTING": (), "KUBE-X": ('-m comment --comment "a b" -j RETURN',)}


PARSE = "iptables-restore: Chain 'NOPE' does not exist\nError occurred at line: 4"
COMMIT = "iptables-restore v1.8.9 (nf_tables): \nline 3: RULE_APPEND failed"


@pytest.mark.parametrize("stderr", [PARSE, COMMIT, "iptables-restore: line 3 failed"])
def test_a_refusal_shows_the_line(stderr: str) -> None:
    payload = "*nat\n:A - [0:0]\n-A A -j NOPE\nCOMMIT\n"
    assert "line 3: -A A -j NOPE" in explain(Completed(("iptables-restore",), 2, "", stderr), payload)


def test_a_refusal_without_a_line_is_told_as_it_is() -> None:
    assert "another app is holding" in explain(
        Completed(("x",), 4, "", "another app is holding the lock"), "*nat\n"
    )


async def test_ipv6_has_programs_of_its_own(kernel: Any) -> None:
    write = Write(Ruleset({"filter": {"A": ("-j DROP",)}, "nat": {}, "mangle": {}}))
    await Kernel(Family.IPV6, kernel).restore(write)
    assert kernel.commands == ["ip6tables --version", "ip6tables-restore --noflush --counters"]
    assert kernel.payloads == ["*filter\n:A - [0:0]\n-A A -j DROP\nCOMMIT\n"]


async def test_a_refused_restore_raises(kernel: Any) -> None:
    kernel.refuse = "DROP"
    with pytest.raises(RestoreFailed, match="line 3: -A A -j DROP"):
        await Kernel(Family.IPV4, kernel).restore(
            Write(Ruleset({"filter": {"A": ("-j DROP",)}, "nat": {}, "mangle": {}}))
        )


async def test_the_legacy_variant_gets_a_large_write_at_once_with_its_chains_from_z_to_a(kernel: Any) -> None:
    async def legacy(argv: tuple[str, ...], **more: Any) -> Completed:
        if "--version" in argv:
            return Completed(argv, 0, "iptables v1.8.9 (legacy)", "")
        answer: Completed = await kernel(argv, **more)
        return answer

    chains = {f"KUBE-SEP-{(number * 10) % 1001:04}": ("-j RETURN",) for number in range(1001)}
    await Kernel(Family.IPV4, legacy).restore(Write(Ruleset({"filter": {}, "nat": chains, "mangle": {}})))

    (payload,) = kernel.payloads
    declared = [line for line in payload.splitlines() if line.startswith(":")]
    assert declared == sorted(declared, reverse=True)
    assert len(declared) == 1001
    assert payload.count("COMMIT") == 1
    assert kernel.tables["nat"].keys() >= chains.keys()
