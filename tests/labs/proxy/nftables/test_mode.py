"""When the mode writes what, against an nft of text."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from labs.proxy.configuration import NFTables
from labs.proxy.mode import SyncFailed
from labs.proxy.nftables.fake import Kept
from labs.proxy.nftables.needs import Unsupported
from labs.proxy.nftables.stale import GRACE
from labs.proxy.state import Changed, ServicePortName

Make = Callable[..., Any]
CHAIN = "service-SUSTUHLJ-default/web/tcp/http"
DISPATCH = "10.96.0.10 . tcp . 80"


def table(told: Any) -> Kept:
    kept: Kept = told.kernel.tables["ip"]
    return kept


async def test_the_first_sync_makes_the_table_in_one_transaction(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    result = await told(make_service(), make_slice(make_endpoint("10.244.1.5")))
    assert result.full
    assert len(told.kernel.transactions) == 1
    assert table(told).chains[CHAIN] == ("", ["meta l4proto tcp dnat to 10.244.1.5:8080"])
    assert table(told).elements["service-ips"] == {DISPATCH: f" : goto {CHAIN}"}
    assert table(told).elements["nodeport-ips"] == {"192.168.56.11": ""}


async def test_no_change_starts_no_process(told: Any, make_service: Make) -> None:
    await told(make_service())
    before = len(told.kernel.commands)
    result = await told()
    assert not result.written
    assert result.operations == 0
    assert len(told.kernel.commands) == before


async def test_a_change_writes_its_service_alone(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    other = [
        make_service("other", clusterIP="10.96.0.11"),
        make_slice(make_endpoint("10.244.1.9"), service="other", name="o"),
    ]
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")), *other)
    result = await told(make_slice(make_endpoint("10.244.1.6")))
    assert not result.full
    assert told.last == [
        f"flush chain {CHAIN}",
        f"add rule {CHAIN} meta l4proto tcp dnat to 10.244.1.6:8080",
    ]


async def test_a_chain_that_nothing_leads_to_is_flushed_and_deleted_a_second_later(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    web, slice_ = make_service(), make_slice(make_endpoint("10.244.1.5"))
    await told(web, slice_)
    result = await told(gone=(slice_,))
    assert table(told).chains[CHAIN] == ("", [])
    assert result.again == GRACE
    told.now += GRACE / 2
    assert not (await told()).written
    assert CHAIN in table(told).chains
    told.now += GRACE
    result = await told()
    assert CHAIN not in table(told).chains
    assert told.last == [f"delete chain {CHAIN}"]
    assert result.again == 0


async def test_a_chain_that_is_wanted_again_is_filled_and_kept(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    web, slice_ = make_service(), make_slice(make_endpoint("10.244.1.5"))
    await told(web, slice_)
    await told(gone=(slice_,))
    told.now += GRACE / 2
    await told(slice_)
    assert f"add rule {CHAIN} meta l4proto tcp dnat to 10.244.1.5:8080" in told.last
    assert not any("chain" in operation for operation in told.last)
    told.now += GRACE * 2
    assert (await told()).again == 0
    assert CHAIN in table(told).chains


async def test_what_a_sync_has_to_write_goes_before_rubbish(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    web, slice_ = make_service(), make_slice(make_endpoint("10.244.1.5"))
    await told(web, slice_)
    await told(gone=(web, slice_))
    told.now += GRACE
    await told(make_service("other", clusterIP="10.96.0.11"))
    assert "10.96.0.11" in told.kernel.transactions[-2]
    assert told.last == [f"delete chain {CHAIN}"]


async def test_rubbish_that_cannot_be_deleted_is_told_and_found_again_by_a_full_sync(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make, caplog: pytest.LogCaptureFixture
) -> None:
    web, slice_ = make_service(), make_slice(make_endpoint("10.244.1.5"))
    await told(web, slice_)
    await told(gone=(web, slice_))
    told.now += GRACE
    told.kernel.refuse = "delete chain"
    result = await told()
    assert result.cleanup_failed
    assert "1 chains that nothing leads to could not be deleted" in caplog.text
    told.kernel.refuse = ""
    await told.mode.sync(told.changes.state, Changed(everything=True))
    told.now += GRACE
    assert not (await told()).cleanup_failed
    assert CHAIN not in table(told).chains


async def test_a_refused_partial_is_followed_by_a_full_sync(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    await told(make_service())
    told.kernel.refuse = "10.244.1.5"
    with pytest.raises(SyncFailed, match=r"(?s)stdin:\d+.*10\.244\.1\.5") as failure:
        await told(make_slice(make_endpoint("10.244.1.5")))
    assert failure.value.partial
    told.kernel.refuse = ""
    result = await told()
    assert result.full
    assert CHAIN in table(told).chains


async def test_a_table_that_cannot_be_understood_is_replaced(told: Any, make_service: Make) -> None:
    """Here somebody's map has the name of one of our sets, and somebody's rule in it holds it fast."""
    await told(make_service())
    whole = deepcopy(table(told))
    table(told).sets["cluster-ips"] = "{ type inet_service : verdict ; }"
    table(told).chains["mine"] = ("", ["tcp dport vmap @cluster-ips"])
    told.kernel.refuse = "delete map"
    told.mode = told.proxy()
    with pytest.raises(SyncFailed):
        await told()
    assert (await told()).full
    assert table(told) == whole


async def test_a_deleted_table_comes_back_whole(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")))
    whole = deepcopy(table(told))
    told.kernel.tables.clear()
    with pytest.raises(SyncFailed):
        await told(make_slice(make_endpoint("10.244.1.6")))
    await told(make_slice(make_endpoint("10.244.1.5")))
    assert table(told) == whole


async def test_a_restart_on_its_own_table_writes_the_rules_and_no_element(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    sticky = make_service("sticky", clusterIP="10.96.0.11", sessionAffinity="ClientIP")
    more = make_slice(make_endpoint("10.244.1.9"), service="sticky", name="s")
    none = make_service("none", clusterIP="10.96.0.12")
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")), sticky, more, none)
    before = deepcopy(table(told))
    told.mode = told.proxy()
    assert (await told()).full
    assert table(told) == before
    words = {operation.rsplit("kube-proxy")[0].split(" ")[1] for operation in told.last}
    assert words == {"table", "chain", "rule"}


async def test_a_restart_gets_rid_of_what_it_does_not_know(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    """What upstream's TestSyncProxyRulesStartup has: some Services gone, some new, some changed meanwhile."""
    left = make_service(
        "left", clusterIP="10.96.0.20", sessionAffinity="ClientIP", externalIPs=["198.51.100.7"]
    )
    leads = make_slice(make_endpoint("10.244.1.20"), service="left", name="l")
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")), left, leads)
    old = table(told)
    old.chains["mark-for-masquerade"] = ("", ["mark set mark or 0x4000"])  # of generation 1
    old.chains["filter-prerouting"] = ("type filter hook prerouting priority -110", ["ct state new accept"])
    old.chains["nat-output"] = ("type nat hook output priority -99", ["jump services"])
    old.sets["surplus"], old.elements["surplus"] = "{ type ipv4_addr ; }", {"10.0.0.1": ""}
    for item in (left, leads):
        told.see(item, None)
    told.see(None, make_slice(make_endpoint("10.244.1.6")))
    told.mode = told.proxy()
    await told()
    found = table(told)
    assert found.chains["nat-output"] == ("type nat hook output priority -100", ["jump services"])
    assert "filter-prerouting" not in found.chains
    assert [name for name in found.sets if name.startswith(("affinity-", "surplus"))] == []
    assert found.elements["cluster-ips"] == {"10.96.0.10": ""}
    stale = {name for name, (base, rules) in found.chains.items() if not rules}
    assert {name.split("-")[0] for name in stale} == {"mark", "service", "external", "endpoint"}
    told.now += GRACE
    await told()
    assert stale.isdisjoint(table(told).chains)


async def test_a_changed_timeout_makes_the_set_anew(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    def sticky(seconds: int) -> Any:
        config = {"clientIP": {"timeoutSeconds": seconds}}
        return make_service(sessionAffinity="ClientIP", sessionAffinityConfig=config)

    await told(sticky(10), make_slice(make_endpoint("10.244.1.5")))
    rules = deepcopy(table(told).chains)
    await told(sticky(20))
    (clients,) = [definition for name, definition in table(told).sets.items() if "affinity" in name]
    assert "timeout 20s" in clients
    assert table(told).chains == rules


async def test_a_new_service_cidr_writes_one_chain(told: Any, make_service: Make, service_cidr: Make) -> None:
    await told(make_service())
    await told(service_cidr("10.96.0.0/16", "fd00:96::/112"))
    assert told.last == [
        "flush chain cluster-ips-check",
        'add rule cluster-ips-check ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of'
        ' ClusterIPs"',
        'add rule cluster-ips-check ip daddr { 10.96.0.0/16 } drop comment "Drop traffic to unallocated'
        ' ClusterIPs"',
    ]
    assert (await told()).operations == 0


async def test_settings_of_the_section_hold(told: Any, make_service: Make) -> None:
    told.mode = told.proxy(NFTables(masquerade_bit=15, masquerade_all=True))
    await told(make_service())
    assert (
        table(told).chains["services"][1][0].startswith("ip daddr @cluster-ips mark set mark or 0x00008000")
    )


async def test_a_look_tells_whether_the_hooks_lead_to_the_services(told: Any) -> None:
    await told()
    assert await told.mode.intact()
    for chain in ("nat-prerouting", "nat-output"):
        table(told).chains[chain][1].clear()
    assert not await told.mode.intact()
    told.kernel.tables.clear()
    assert not await told.mode.intact()


async def test_cleanup_leaves_nothing_whether_there_was_something_or_not(
    told: Any, make_service: Make
) -> None:
    await told.mode.cleanup()
    assert told.kernel.tables == {}
    await told(make_service())
    await told.mode.cleanup()
    assert told.kernel.tables == {}
    assert (await told()).full


async def test_an_old_nft_is_told_at_once(told: Any) -> None:
    told.kernel.version = "nftables v0.9.8 (E.D.S.)\n"
    with pytest.raises(Unsupported, match=r"mode nftables needs nft 1\.0\.1 or later, found nftables v0"):
        await told()


async def test_the_same_element_stays_while_somebody_claims_it(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    ports = [{"name": name, "port": port} for name, port in (("http", 80), ("admin", 81))]
    both, one = make_service(ports=ports), make_service(ports=ports[:1])
    await told(both, make_slice(make_endpoint("10.244.1.5")))
    told.see(both, one)
    await told()
    assert table(told).elements["cluster-ips"] == {"10.96.0.10": ""}
    await told(gone=(one,))
    assert table(told).elements["cluster-ips"] == {}


async def test_two_services_with_one_external_address_do_not_fight(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    """The first by name has it, whoever came first; when it goes the other takes over."""
    taken = ["198.51.100.7"]
    first, second = (
        make_service("a", externalIPs=taken),
        make_service("b", clusterIP="10.96.0.11", externalIPs=taken),
    )
    slices = [make_slice(make_endpoint("10.244.1.5"), service=name, name=name) for name in "ab"]
    await told(second, *slices)
    key = "198.51.100.7 . tcp . 80"
    assert "default/b" in table(told).elements["service-ips"][key]
    await told(first)
    assert "default/a" in table(told).elements["service-ips"][key]
    assert f"delete element service-ips {{ {key} }}" in told.last
    await told(gone=(first,))
    assert "default/b" in table(told).elements["service-ips"][key]


def test_names_of_service_ports_are_ordered() -> None:
    """The claims' order rests on it."""
    assert ServicePortName("ns", "a") < ServicePortName("ns", "b") < ServicePortName("nt", "a")
