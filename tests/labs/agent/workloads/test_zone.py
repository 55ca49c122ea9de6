from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.workloads.directory import Directory
from labs.agent.workloads.zone import Zone


def service(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def endpoint(address: str, *, ready: bool = True, **fields: Any) -> dict[str, Any]:
    return {"addresses": [address], "conditions": {"ready": ready}, **fields}


HTTP = {"name": "http", "port": 80, "protocol": "TCP"}
WEB = service("web", clusterIP="10.96.0.20", clusterIPs=["10.96.0.20"], ports=[HTTP])
DUAL = service("dual", clusterIP="10.96.0.30", clusterIPs=["10.96.0.30", "fd00:96::30"], ports=[HTTP])
DB = service("db", clusterIP="None", clusterIPs=["None"], ports=[HTTP])
EMPTY = service("empty", clusterIP="None")
EARLY = service("early", clusterIP="None", publishNotReadyAddresses=True)
OUT = service("out", type="ExternalName", externalName="example.org")
IN = service("in", type="ExternalName", externalName="web.shop.svc.cluster.local")
ROUND = service("round", type="ExternalName", externalName="trip.shop.svc.cluster.local")
TRIP = service("trip", type="ExternalName", externalName="round.shop.svc.cluster.local")
ENDPOINTS = [
    endpoint("10.244.1.5", hostname="db-0"),
    endpoint("10.244.2.5"),
    endpoint("10.244.2.6", ready=False),
]


def slice_of(name: str) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": name}
    metadata = {"name": f"{name}-x", "namespace": "shop", "labels": labels}
    return {"metadata": metadata, "ports": [{**HTTP, "port": 8080}], "endpoints": ENDPOINTS}


SECOND = slice_of("db")
SECOND["metadata"]["name"] = "db-y"
SECOND["endpoints"] = [endpoint("fd00:244:0:1::5", hostname="db-0"), endpoint("fd00:244:0:2::5")]


@pytest.fixture(scope="module")
def zone() -> Zone:
    directory = Directory()
    for one in (WEB, DUAL, DB, EMPTY, EARLY, OUT, IN, ROUND, TRIP):
        directory.service(None, one)
    for name in ("db", "early"):
        directory.slice(None, slice_of(name))
    directory.slice(None, SECOND)
    return Zone(directory)


C = "cluster.local"
DB0, DASHED = f"db-0.db.shop.svc.{C}.", f"10-244-2-5.db.shop.svc.{C}."
DASHED6 = f"fd00-244-0-2--5.db.shop.svc.{C}."
BACKWARDS = "0.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa"
NODATA: list[Any] = []


@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        (f"web.shop.svc.{C}", "A", ["10.96.0.20"]),
        (f"WEB.Shop.svc.{C}.", "A", ["10.96.0.20"]),
        (f"web.shop.svc.{C}", "AAAA", NODATA),
        (f"dual.shop.svc.{C}", "A", ["10.96.0.30"]),
        (f"dual.shop.svc.{C}", "AAAA", ["fd00:96::30"]),
        (f"db.shop.svc.{C}", "A", ["10.244.1.5", "10.244.2.5"]),
        (f"db.shop.svc.{C}", "AAAA", ["fd00:244:0:1::5", "fd00:244:0:2::5"]),
        (f"early.shop.svc.{C}", "A", ["10.244.1.5", "10.244.2.5", "10.244.2.6"]),
        (DB0, "A", ["10.244.1.5"]),
        (DB0, "AAAA", ["fd00:244:0:1::5"]),
        (DASHED, "A", ["10.244.2.5"]),
        (DASHED6, "AAAA", ["fd00:244:0:2::5"]),
        (f"_http._tcp.web.shop.svc.{C}", "SRV", [(0, 100, 80, f"web.shop.svc.{C}.")]),
        (
            f"_http._tcp.db.shop.svc.{C}",
            "SRV",
            [(0, 33, 8080, DB0), (0, 33, 8080, DASHED), (0, 33, 8080, DASHED6)],
        ),
        (f"_http._tcp.web.shop.svc.{C}", "A", NODATA),
        (f"out.shop.svc.{C}", "A", ["example.org."]),
        (f"in.shop.svc.{C}", "A", [f"web.shop.svc.{C}.", "10.96.0.20"]),
        (f"in.shop.svc.{C}", "CNAME", [f"web.shop.svc.{C}."]),
        (f"10-244-9-9.shop.pod.{C}", "A", ["10.244.9.9"]),
        ("20.0.96.10.in-addr.arpa", "PTR", [f"web.shop.svc.{C}."]),
        ("20.0.96.10.in-addr.arpa", "A", NODATA),
        (f"fd00-244-0-9--9.shop.pod.{C}", "AAAA", ["fd00:244:0:9::9"]),
        (BACKWARDS, "PTR", [f"dual.shop.svc.{C}."]),
        (f"shop.svc.{C}", "A", NODATA),
        (f"svc.{C}", "A", NODATA),
        (C, "A", NODATA),
    ],
)
def test_names_that_are_there(zone: Zone, name: str, type: str, expected: list[Any]) -> None:
    found = zone.find(name, type)
    assert found.exists
    assert [record.data for record in found.answers] == expected


@pytest.mark.parametrize(
    "name",
    [
        f"no.shop.svc.{C}",
        f"no.svc.{C}",
        f"empty.shop.svc.{C}",
        f"x.web.shop.svc.{C}",
        f"x.y.db.shop.svc.{C}",
        f"10-244-2-6.db.shop.svc.{C}",
        f"_no._tcp.web.shop.svc.{C}",
        f"_http._udp.web.shop.svc.{C}",
        f"_http.web.shop.svc.{C}",
        f"nonsense.shop.pod.{C}",
        f"other.{C}",
        "21.0.96.10.in-addr.arpa",
        BACKWARDS.replace("6.9", "7.9"),
        BACKWARDS.replace("6.9", "x.9"),
        "web.shop",
        "example.org",
        "",
    ],
)
def test_names_that_are_not_there(zone: Zone, name: str) -> None:
    assert not zone.find(name, "A").exists


def test_names_that_lead_to_each_other_end(zone: Zone) -> None:
    answers = zone.find(f"round.shop.svc.{C}.", "A").answers
    assert [record.type for record in answers] == ["CNAME", "CNAME"]


def test_srv_brings_the_addresses_along(zone: Zone) -> None:
    found = zone.find(f"_http._tcp.db.shop.svc.{C}", "SRV")
    assert {(record.name, record.type): record.data for record in found.additional} == {
        (DB0, "A"): "10.244.1.5",
        (DB0, "AAAA"): "fd00:244:0:1::5",
        (DASHED, "A"): "10.244.2.5",
        (DASHED6, "AAAA"): "fd00:244:0:2::5",
    }


@given(st.text(alphabet="_-.ab1svcpod", max_size=30))
def test_any_name_has_an_answer(name: str) -> None:
    directory = Directory()
    directory.service(None, WEB)
    assert zone_find(directory, f"{name}.svc.{C}") or not zone_find(directory, "x")


def zone_find(directory: Directory, name: str) -> bool:
    return Zone(directory).find(name, "A").exists in (True, False)


def test_what_is_deleted_is_gone() -> None:
    directory = Directory()
    zone = Zone(directory)
    directory.service(None, DB)
    directory.slice(None, slice_of("db"))
    directory.slice(slice_of("db"), {**slice_of("db"), "endpoints": ENDPOINTS[:1]})
    assert [record.data for record in zone.find(f"db.shop.svc.{C}", "A").answers] == ["10.244.1.5"]
    directory.slice(slice_of("db"), None)
    assert not zone.find(f"db.shop.svc.{C}", "A").exists
    directory.service(WEB, None)
    assert not zone.find("20.0.96.10.in-addr.arpa", "PTR").exists
