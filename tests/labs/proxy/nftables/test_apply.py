"""The door: what is run, what is understood of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from labs.proxy.nftables.apply import Program
from labs.proxy.nftables.fake import Nft
from labs.proxy.nftables.objects import Chain, Element, Set, Table
from labs.proxy.nftables.transaction import LARGEST, NARROW, creation, text
from vm.command import Completed
from vm.errors import CommandFailed

PRINTED = """{"nftables": [
  {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
  {"table": {"family": "ip", "name": "kube-proxy", "handle": 1}},
  {"set": {"family": "ip", "name": "cluster-ips", "table": "kube-proxy", "type": "ipv4_addr", "handle": 4,
           "comment": "Active ClusterIPs", "elem": ["10.96.0.10"]}},
  {"set": {"family": "ip", "name": "affinity-X", "table": "kube-proxy", "type": "ipv4_addr", "handle": 5,
           "size": 65535, "flags": ["timeout", "dynamic"], "timeout": 10800,
           "elem": [{"elem": {"val": "192.168.56.200", "expires": 10799}}]}},
  {"set": {"family": "ip", "name": "hairpin-connections", "table": "kube-proxy",
           "type": ["ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"], "handle": 6,
           "elem": [{"concat": ["10.244.1.5", "10.244.1.5", 6, 8080]}]}},
  {"map": {"family": "ip", "name": "no-endpoint-services", "table": "kube-proxy",
           "type": ["ipv4_addr", "inet_proto", "inet_service"], "handle": 7, "map": "verdict",
           "elem": [[{"elem": {"val": {"concat": ["10.96.0.10", 132, 80]}, "comment": "default/web:http"}},
                     {"drop": null}],
                    [{"concat": ["10.96.0.11", 17, 53]}, {"goto": {"target": "reject-chain"}}]]}},
  {"map": {"family": "ip", "name": "service-nodeports", "table": "kube-proxy",
           "type": ["inet_proto", "inet_service"], "handle": 8, "map": "verdict"}},
  {"chain": {"family": "ip", "table": "kube-proxy", "name": "nat-output", "handle": 1, "type": "nat",
             "hook": "output", "prio": -100, "policy": "accept"}},
  {"chain": {"family": "ip", "table": "kube-proxy", "name": "reject-chain", "handle": 2}},
  {"rule": {"family": "ip", "table": "kube-proxy", "chain": "reject-chain", "handle": 9,
            "expr": [{"reject": {"type": "icmp", "expr": "port-unreachable"}}]}}]}"""
"""As nft 1.0.6 prints it."""


class Answers:
    """Always the same one."""

    def __init__(self, code: int, stdout: str = "", stderr: str = "") -> None:
        self.answer = (code, stdout, stderr)
        self.asked: list[str] = []

    async def __call__(self, argv: tuple[str, ...], **_: Any) -> Completed:
        self.asked.append(" ".join(argv))
        return Completed(tuple(argv), *self.answer)


async def test_a_listing_is_read_as_objects_without_their_rules() -> None:
    run = Answers(0, PRINTED)
    by_address = "ipv4_addr . inet_proto . inet_service : verdict"
    assert await Program("ip", run).list() == Table(
        chains={
            "nat-output": Chain(None, "type nat hook output priority -100"),
            "reject-chain": Chain(None),
        },
        sets={
            "cluster-ips": Set("ipv4_addr"),
            "affinity-X": Set("ipv4_addr", timeout=10800),
            "hairpin-connections": Set("ipv4_addr . ipv4_addr . inet_proto . inet_service"),
            "no-endpoint-services": Set(by_address),
            "service-nodeports": Set("inet_proto . inet_service : verdict"),
        },
        elements={
            "cluster-ips": {"10.96.0.10": Element()},
            "hairpin-connections": {"10.244.1.5 . 10.244.1.5 . tcp . 8080": Element()},
            "no-endpoint-services": {
                "10.96.0.10 . sctp . 80": Element("drop", "default/web:http"),
                "10.96.0.11 . udp . 53": Element("goto reject-chain"),
            },
            "service-nodeports": {},
        },
    )
    assert run.asked == ["nft --json --numeric-protocol list table ip kube-proxy"]


async def test_no_table_is_an_empty_one() -> None:
    assert not await Program("ip6", Answers(1, "", "Error: No such file or directory")).list()


async def test_a_listing_that_fails_is_no_empty_table() -> None:
    with pytest.raises(CommandFailed, match="Operation not permitted"):
        await Program("ip", Answers(1, "", "Error: Operation not permitted")).list()


async def test_a_chain_is_in_use_only_where_the_kernel_calls_it_busy() -> None:
    for said, expected in (
        ("Error: Could not process rule: Device or resource busy", True),
        ("Error: No such file or directory", False),
        ("", False),
    ):
        run = Answers(1 if said else 0, "", said)
        assert await Program("ip", run).in_use("services") is expected
        assert run.asked == ["nft --check -f -"]


async def test_what_the_fake_prints_is_what_was_written() -> None:
    whole = Table(
        chains={
            "nat-output": Chain((), "type nat hook output priority -100"),
            "reject-chain": Chain(("reject",)),
        },
        sets={"s": Set("ipv4_addr . inet_service"), "m": Set("inet_proto . inet_service : verdict")},
        elements={
            "s": {"10.0.0.1 . 80": Element(comment="a b")},
            "m": {"tcp . 80": Element("goto reject-chain", "c"), "udp . 80": Element("drop")},
        },
    )
    kernel = Program("ip", Nft())
    await kernel.apply(creation(Table(), whole))
    found = await kernel.list()
    assert (found.sets, found.elements) == (whole.sets, whole.elements)
    assert found.chains == {name: Chain(None, chain.base) for name, chain in whole.chains.items()}


async def test_what_is_too_long_for_the_kernel_is_sent_in_smaller_transactions_from_there_on() -> None:
    """Two transactions of our own size; the kernel takes the first and not the second."""
    chains = {f"service-{number}": Chain(("accept",)) for number in range(LARGEST // 2)}
    change = creation(Table(), Table(chains, {}, {}))
    sent: list[str] = []

    async def run(argv: tuple[str, ...], *, input: str | None = None, **_: Any) -> Completed:
        lines = (input or "").splitlines()
        if sent and len(lines) > NARROW:
            raise CommandFailed(argv, 1, "netlink: Error: Could not process rule: Message too long")
        sent.extend(lines)
        return Completed(argv, 0, "", "")

    program = Program("ip", run)
    await program.apply(change)
    assert sent == text(change.operations, "ip").splitlines()
    sent.clear()
    await program.apply(change)
    assert sent == text(change.operations, "ip").splitlines()


async def test_one_operation_that_the_kernel_refuses_as_too_long_is_an_error() -> None:
    async def run(argv: tuple[str, ...], **_: Any) -> Completed:
        raise CommandFailed(argv, 1, "Message too long")

    with pytest.raises(CommandFailed, match="Message too long"):
        await Program("ip", run).apply(creation(Table(), Table({"services": Chain(("accept",))}, {}, {})))
