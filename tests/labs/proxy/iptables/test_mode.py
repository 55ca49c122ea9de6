"""When the mode writes what, against an iptables of text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from labs.proxy.changes import Changes
from labs.proxy.configuration import IPTables, KubeProxyConfiguration
from labs.proxy.iptables.mode import IptablesMode
from labs.proxy.mode import Result, Setup, SyncFailed
from labs.proxy.state import Changed, Family

Make = Callable[..., Any]
CONFIG = KubeProxyConfiguration(cluster_cidr="10.244.0.0/16", iptables=IPTables(localhost_node_ports=False))


class Told:
    """A mode, its kernel, and changes given to it in syncs."""

    def __init__(self, kernel: Any, changes: Changes) -> None:
        self.kernel, self.changes = kernel, changes
        self.now = 0.0
        self.mode = IptablesMode(Setup(Family.IPV4, CONFIG, kernel), clock=lambda: self.now)

    async def __call__(self, *objects: Any, gone: tuple[Any, ...] = ()) -> Result:
        for item in objects:
            self.see(None, item)
        for item in gone:
            self.see(item, None)
        changed = self.changes.apply()
        return await self.mode.sync(self.changes.state, changed)

    def see(self, old: Any, new: Any) -> None:
        item = new or old
        (self.changes.service if item["kind"] == "Service" else self.changes.endpoint_slice)(old, new)


@pytest.fixture
def told(kernel: Any, changes: Changes) -> Told:
    return Told(kernel, changes)


def declared(payload: str) -> set[str]:
    return set(re.findall(r"^:(\S+)", payload, re.MULTILINE))


async def test_the_first_sync_writes_everything_in_one_restore(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    result = await told(make_service(), make_slice(make_endpoint("10.244.1.5")))
    assert result.full
    assert len(told.kernel.payloads) == 1
    assert told.kernel.tables["nat"]["PREROUTING"] == [
        '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'
    ]
    assert [rule.rsplit(" ", 1)[1] for rule in told.kernel.tables["filter"]["FORWARD"]] == [
        "KUBE-PROXY-FIREWALL",
        "KUBE-FORWARD",
        "KUBE-SERVICES",
        "KUBE-EXTERNAL-SERVICES",
    ]
    assert result.rules == {"filter": 3, "nat": 10, "mangle": 0}


async def test_no_change_starts_no_process(told: Told, make_service: Make) -> None:
    await told(make_service())
    before = len(told.kernel.commands)
    assert not (await told()).written
    assert len(told.kernel.commands) == before


async def test_a_changed_endpoint_writes_its_service_s_chains_alone(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    other = [
        make_service("other", clusterIP="10.96.0.11"),
        make_slice(make_endpoint("10.244.1.9"), service="other", name="o"),
    ]
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")), *other)
    result = await told(make_slice(make_endpoint("10.244.1.6")))
    assert not result.full
    svc, old, new = "KUBE-SVC-CDGGSHYLG3RE2FKL", "KUBE-SEP-AFGSLHOD2HFNCBX4", "KUBE-SEP-MTVJZKDM2E6Z66K7"
    payload = told.kernel.payloads[-1]
    assert {svc, old} < declared(payload)
    assert len(declared(payload)) == 3, new
    assert f"-X {old}" in payload
    assert "other" not in payload


async def test_a_deleted_service_takes_its_chains_along(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    web, slice_ = make_service(), make_slice(make_endpoint("10.244.1.5"))
    await told()
    empty = told.kernel.save()
    await told(web, slice_)
    assert told.kernel.save() != empty
    await told(gone=(web, slice_))
    assert told.kernel.save() == empty


async def test_a_refused_partial_is_followed_by_a_full_sync(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    await told(make_service())
    told.kernel.refuse = "10.244.1.5"
    with pytest.raises(SyncFailed, match=r"line \d+: .*10\.244\.1\.5") as failure:
        await told(make_slice(make_endpoint("10.244.1.5")))
    assert failure.value.partial
    told.kernel.refuse = ""
    result = await told()
    assert result.full
    assert "KUBE-SEP-AFGSLHOD2HFNCBX4" in told.kernel.tables["nat"]


async def test_a_refused_full_sync_is_tried_in_full_again(told: Told, make_service: Make) -> None:
    told.kernel.refuse = "10.96.0.10"
    with pytest.raises(SyncFailed) as failure:
        await told(make_service())
    assert not failure.value.partial
    told.kernel.refuse = ""
    assert (await told()).full


async def test_a_full_sync_puts_missing_jumps_back_once(told: Told) -> None:
    await told()
    before = told.kernel.save()
    told.kernel.tables["nat"]["OUTPUT"].clear()
    await told.mode.sync(told.changes.state, Changed(everything=True))
    assert told.kernel.save() == before


async def test_a_flushed_canary_is_seen(told: Told) -> None:
    await told()
    assert await told.mode.intact()
    del told.kernel.tables["mangle"]["KUBE-PROXY-CANARY"]
    assert not await told.mode.intact()


async def test_a_large_cluster_deletes_stale_chains_once_a_sync_period(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    many = [make_endpoint(f"10.244.{n // 250}.{n % 250 + 1}") for n in range(1001)]
    others = [make_service("many", clusterIP="10.96.0.9"), make_slice(*many, service="many", name="many")]
    await told(*others, make_service(), make_slice(make_endpoint("10.250.0.5")))
    stale = told.kernel.tables["nat"].keys()
    await told(make_slice(make_endpoint("10.250.0.6")))
    kept = set(told.kernel.tables["nat"])
    told.now = CONFIG.iptables.sync_period + 1
    await told(make_slice(make_endpoint("10.250.0.7")))
    deleted = kept - told.kernel.tables["nat"].keys()
    assert len(deleted) == 2, stale  # the endpoints .5 and .6, both at last
    assert all(chain.startswith("KUBE-SEP-") for chain in deleted)


async def test_chains_of_an_earlier_proxy_are_deleted(told: Told) -> None:
    told.kernel.tables["nat"] |= {"KUBE-SVC-LEFT": ["-j KUBE-SEP-LEFT"], "KUBE-SEP-LEFT": [], "MINE": []}
    await told()
    assert {"KUBE-SVC-LEFT", "KUBE-SEP-LEFT"}.isdisjoint(told.kernel.tables["nat"])
    assert "MINE" in told.kernel.tables["nat"]


async def test_cleanup_leaves_nothing(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    before = told.kernel.save()
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")))
    await told.mode.cleanup()
    assert told.kernel.save() == before
    writes = len(told.kernel.payloads)
    await told.mode.cleanup()
    assert len(told.kernel.payloads) == writes  # nothing to do, nothing done


async def test_a_large_cluster_asks_for_the_sync_that_deletes_what_is_stale(
    told: Told, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    """Or the chains would stay until somebody changes something."""
    many = [make_endpoint(f"10.244.{n // 250}.{n % 250 + 1}") for n in range(1001)]
    others = [make_service("many", clusterIP="10.96.0.9"), make_slice(*many, service="many", name="many")]
    first = await told(*others, make_service(), make_slice(make_endpoint("10.250.0.5")))
    moved = await told(make_slice(make_endpoint("10.250.0.6")))
    told.now = moved.again
    last = await told()
    assert (first.again, moved.again, last.again) == (0, CONFIG.iptables.sync_period, 0)
    assert "10.250.0.5" not in told.kernel.save()
