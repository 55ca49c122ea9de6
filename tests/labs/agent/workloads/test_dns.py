from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.workloads.directory import Directory
from labs.agent.workloads.dns import Udp, answer, stream
from labs.agent.workloads.zone import Zone


def directory() -> Directory:
    found = Directory()
    metadata = {"name": "web", "namespace": "shop"}
    found.service(None, {"metadata": metadata, "spec": {"clusterIP": "10.96.0.20"}})
    metadata = {"name": "many", "namespace": "shop"}
    found.service(None, {"metadata": metadata, "spec": {"clusterIP": "None"}})
    endpoints = [{"addresses": [f"10.244.1.{number}"]} for number in range(2, 100)]
    labels = {"kubernetes.io/service-name": "many"}
    found.slice(None, {"metadata": {**metadata, "labels": labels}, "endpoints": endpoints})
    return found


ZONE = Zone(directory())


def ask(name: str, type: str = "A", *, udp: bool = True, **how: Any) -> DNSRecord:
    query = DNSRecord.question(name, type)
    if how.get("edns"):
        query.add_ar(EDNS0(udp_len=4096))
    found = answer(query.pack(), ZONE, udp=udp)
    assert found is not None
    return DNSRecord.parse(found)


def test_an_answer_carries_the_question_and_the_address() -> None:
    reply = ask("web.shop.svc.cluster.local")
    assert (reply.header.rcode, reply.header.aa, str(reply.q.qname)) == (0, 1, "web.shop.svc.cluster.local.")
    assert [str(record.rdata) for record in reply.rr] == ["10.96.0.20"]


@pytest.mark.parametrize(
    ("name", "type", "code"),
    [
        ("web.shop.svc.cluster.local", "AAAA", RCODE.NOERROR),
        ("no.shop.svc.cluster.local", "A", RCODE.NXDOMAIN),
        ("example.org", "A", RCODE.NXDOMAIN),
    ],
)
def test_an_empty_answer_says_for_how_long(name: str, type: str, code: int) -> None:
    reply = ask(name, type)
    assert (reply.header.rcode, reply.rr) == (code, [])
    assert [record.rtype for record in reply.auth] == [QTYPE.SOA]


def test_a_long_answer_is_cut_on_udp_alone() -> None:
    assert ask("many.shop.svc.cluster.local").header.tc == 1
    assert len(ask("many.shop.svc.cluster.local", udp=False).rr) == 98


def test_edns_gets_more_room_and_edns() -> None:
    query = DNSRecord.question("many.shop.svc.cluster.local")
    query.add_ar(EDNS0(udp_len=4096))
    packed = answer(query.pack(), ZONE, udp=True)
    assert packed is not None
    assert len(packed) <= 1232
    reply = ask("web.shop.svc.cluster.local", edns=True)
    assert [record.rtype for record in reply.ar] == [QTYPE.OPT]


def test_an_answer_is_not_answered() -> None:
    assert answer(ask("example.org").pack(), ZONE, udp=True) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_answered_or_left(data: bytes) -> None:
    found = answer(data, ZONE, udp=True)
    assert found is None or found[:2] == data[:2]


async def test_both_transports_over_the_loopback() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Udp(ZONE), local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    query = DNSRecord.question("web.shop.svc.cluster.local")
    reply = await asyncio.to_thread(query.send, "127.0.0.1", port, timeout=5)
    assert str(DNSRecord.parse(reply).rr[0].rdata) == "10.96.0.20"
    transport.close()
    server = await asyncio.start_server(lambda *ends: stream(ZONE, *ends), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reply = await asyncio.to_thread(query.send, "127.0.0.1", port, tcp=True, timeout=5)
    assert str(DNSRecord.parse(reply).rr[0].rdata) == "10.96.0.20"
    server.close()
    await server.wait_closed()
