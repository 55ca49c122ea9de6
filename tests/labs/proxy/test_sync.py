"""A proxier: changes in, syncs out, and what follows a sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from labs.proxy.conntrack import Conntrack
from labs.proxy.health import ProxyHealth
from labs.proxy.metrics import Metrics
from labs.proxy.mode import NOTHING, Owned, Result, SyncFailed
from labs.proxy.runner import Bounds
from labs.proxy.state import Changed, Family, Node, ProxyState
from labs.proxy.sync import Parts, Proxier
from vm.command import Completed
from vm.errors import CommandTimeout

Make = Callable[..., Any]


class Recording:
    """A mode that only remembers."""

    name = "recording"

    def __init__(self) -> None:
        self.syncs: list[tuple[ProxyState, Changed]] = []
        self.fails = False
        self.whole = True
        self.more = Result()
        self.looked = asyncio.Event()

    async def sync(self, state: ProxyState, changed: Changed) -> Result:
        self.syncs.append((state, changed))
        if self.fails:
            raise SyncFailed("no", partial=not changed.everything)
        rules = Result(full=changed.everything, written=True, rules={"nat": 3}, last={"nat": 1})
        return replace(rules, again=self.more.again, cleanup_failed=self.more.cleanup_failed)

    async def intact(self) -> bool:
        self.looked.set()
        return self.whole

    owned = NOTHING

    async def cleanup(self, kept: Owned = NOTHING) -> None:
        self.kept = kept
        self.syncs.clear()


class Made:
    def __init__(self) -> None:
        self.mode, self.metrics = Recording(), Metrics()
        self.deleted: list[str] = []
        self.health = ProxyHealth(30)
        parts = Parts(self.mode, Conntrack(Family.IPV4, self._run), self.health, self.metrics)
        self.proxier = Proxier(Family.IPV4, Node("worker-1"), parts, Bounds(0.01, 60, 0.05))

    async def _run(self, argv: tuple[str, ...], **_: Any) -> Completed:
        self.deleted.append(" ".join(argv))
        return Completed(argv, 0, "", "1 flow entries have been deleted.")

    def metric(self, line: str) -> bool:
        return f"kubeproxy_{line}" in self.metrics.text().decode()


@pytest.fixture
def made() -> Made:
    return Made()


async def test_the_first_sync_is_full_the_next_partial(made: Made, make_service: Make) -> None:
    made.proxier.service(None, make_service())
    assert await made.proxier.sync()
    made.proxier.service(None, make_service("other", clusterIP="10.96.0.11"))
    assert await made.proxier.sync()
    assert [changed.everything for _, changed in made.mode.syncs] == [True, False]
    assert {name.name for name in made.mode.syncs[1][1].names} == {"other"}


async def test_nothing_is_synced_before_the_lists_are_complete(made: Made, make_service: Make) -> None:
    task = asyncio.create_task(made.proxier.runner.loop())
    made.proxier.service(None, make_service())
    await asyncio.wait([task], timeout=0.05)
    assert made.mode.syncs == []
    made.proxier.start()
    async with asyncio.timeout(5):
        while not made.mode.syncs:
            await asyncio.sleep(0)
    task.cancel()


async def test_a_failed_sync_loses_nothing(
    made: Made, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    udp = [{"name": "http", "port": 53, "protocol": "UDP"}]
    old = make_slice(make_endpoint("10.244.1.5"), ports=udp)
    made.proxier.service(None, make_service(ports=udp))
    made.proxier.endpoint_slice(None, old)
    await made.proxier.sync()
    made.deleted.clear()
    made.mode.fails = True
    made.proxier.endpoint_slice(old, make_slice(make_endpoint("10.244.1.6"), ports=udp))
    assert not await made.proxier.sync()
    assert made.deleted == []
    assert made.metric('sync_proxy_rules_iptables_partial_restore_failures_total{ip_family="IPv4"} 1.0')
    made.mode.fails = False
    assert await made.proxier.sync()
    assert made.mode.syncs[-1][1].everything
    assert made.deleted == ["conntrack -D -f ipv4 -p udp --orig-port-dst 53 --orig-dst 10.96.0.10"
                            " --reply-src 10.244.1.5 --reply-port-src 53"]  # fmt: skip
    assert made.metric('conntrack_reconciler_deleted_entries_total{ip_family="IPv4"} 2.0')
    assert made.metric('conntrack_reconciler_sync_duration_seconds_count{ip_family="IPv4"} 2.0')


async def test_a_sync_is_told_to_health_and_metrics(made: Made, make_service: Make) -> None:
    made.proxier.start()
    made.proxier.service(None, make_service())
    assert made.metric('sync_proxy_rules_service_changes_pending{ip_family="IPv4"} 1.0')
    await made.proxier.sync()
    assert made.health.healthz()[1]["status"]["IPv4"]["healthy"]
    assert made.metric('sync_proxy_rules_service_changes_pending{ip_family="IPv4"} 0.0')
    assert made.metric('sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"} 3.0')
    assert made.metric('sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1.0')


async def test_flushed_rules_bring_a_full_sync(made: Made) -> None:
    made.proxier.start()
    await made.proxier.sync()
    made.mode.whole = False
    task = asyncio.create_task(made.proxier.watch_canary())
    async with asyncio.timeout(5):
        await made.mode.looked.wait()
    task.cancel()
    await made.proxier.sync()
    assert [changed.everything for _, changed in made.mode.syncs] == [True, True]


async def test_whole_rules_are_left_alone(made: Made) -> None:
    made.proxier.start()
    await made.proxier.sync()
    task = asyncio.create_task(made.proxier.watch_canary())
    async with asyncio.timeout(5):
        await made.mode.looked.wait()
    task.cancel()
    await made.proxier.sync()
    assert [changed.everything for _, changed in made.mode.syncs] == [True, False]


async def test_a_node_that_moves_brings_a_full_sync(made: Made) -> None:
    await made.proxier.sync()
    made.proxier.node(Node("worker-1", zone="zone-b"))
    await made.proxier.sync()
    assert made.mode.syncs[-1][1].everything
    assert made.mode.syncs[-1][0].node.zone == "zone-b"


async def test_a_look_that_fails_is_no_flush(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> bool:
        made.mode.looked.set()
        raise CommandTimeout(("iptables",), 30)

    made.mode.intact = fails  # type: ignore[method-assign]
    made.proxier.start()
    await made.proxier.sync()
    task = asyncio.create_task(made.proxier.watch_canary())
    async with asyncio.timeout(5):
        await made.mode.looked.wait()
    task.cancel()
    await made.proxier.sync()
    assert not made.mode.syncs[-1][1].everything
    assert "cannot see whether" in caplog.text


async def test_a_mode_that_is_not_done_is_called_again(made: Made) -> None:
    made.mode.more = Result(again=0.01)
    made.proxier.start()
    task = asyncio.create_task(made.proxier.runner.loop())
    async with asyncio.timeout(5):
        while len(made.mode.syncs) < 3:
            await asyncio.sleep(0)
    task.cancel()
    assert [changed.everything for _, changed in made.mode.syncs[:3]] == [True, False, False]


async def test_failures_are_counted_under_the_mode_s_name(made: Made) -> None:
    made.mode.name = "nftables"
    made.mode.more = Result(cleanup_failed=True)
    await made.proxier.sync()
    made.mode.fails = True
    await made.proxier.sync()
    assert made.metric('sync_proxy_rules_nftables_cleanup_failures_total{ip_family="IPv4"} 1.0')
    assert made.metric('sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"} 1.0')
    assert not made.metric('sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"}')
