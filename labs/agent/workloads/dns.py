"""``image: dns``: the cluster's name server, on UDP and TCP port 53.

It is a pod like any other: it reaches the API through the ClusterIP 10.96.0.1 with its service account, so
it comes up only when kube-proxy has done its work on its node. It answers when both informers have their
first list (``/ready`` on 8181; ``/health`` on 8080 says that it lives), which are CoreDNS' own ports.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from typing import Any

from aiohttp import web
from dnslib import (
    AAAA,
    CNAME,
    EDNS0,
    PTR,
    QTYPE,
    RCODE,
    RR,
    SOA,
    SRV,
    A,
    DNSError,
    DNSHeader,
    DNSRecord,
)

from labs.agent.workloads.directory import Directory
from labs.agent.workloads.serving import datagram_socket, families
from labs.agent.workloads.zone import Record, Zone
from labs.kube.client import Client
from labs.kube.informer import Informer

log = logging.getLogger(__name__)

TTL = 5  # seconds, CoreDNS' for the cluster's names
SMALLEST_UDP, LARGEST_UDP = 512, 1232  # bytes; without and with EDNS
DATA: dict[str, Any] = {
    "A": A,
    "AAAA": AAAA,
    "CNAME": CNAME,
    "PTR": PTR,
    "SRV": lambda data: SRV(*data),
}


def answer(query: bytes, zone: Zone, *, udp: bool) -> bytes | None:
    """The answer to one message; None for what is no question."""
    try:
        asked = DNSRecord.parse(query)
    except DNSError:
        return refusal(query)
    if asked.header.qr:  # an answer: to answer it would be a loop
        return None
    reply = asked.reply()
    reply.header.ra = 0
    if asked.header.opcode or len(asked.questions) != 1:
        reply.header.rcode = RCODE.NOTIMP
        return bytes(reply.pack())
    fill(reply, zone, str(asked.q.qname), QTYPE.get(asked.q.qtype))
    room = LARGEST_UDP if edns(asked, reply) else SMALLEST_UDP
    packed = bytes(reply.pack())
    return bytes(reply.truncate().pack()) if udp and len(packed) > room else packed


def refusal(query: bytes) -> bytes | None:
    """FORMERR, as far as the message has an identity at all."""
    if len(query) < 12:
        return None
    header = DNSHeader(id=int.from_bytes(query[:2], "big"), qr=1, rcode=RCODE.FORMERR)
    return bytes(DNSRecord(header).pack())


def fill(reply: DNSRecord, zone: Zone, name: str, type: str) -> None:
    """Put what the zone says into the reply."""
    found = zone.find(name, type)
    reply.header.aa = 1
    if not found.exists:
        reply.header.rcode = RCODE.NXDOMAIN
    for record in found.answers:
        reply.add_answer(resource(record))
    for record in found.additional:
        reply.add_ar(resource(record))
    if not found.answers:  # the SOA tells resolvers for how long to remember that there is nothing
        domain = zone.domain + "."
        times = (1, 7200, 1800, 86400, TTL)
        soa = SOA(f"ns.dns.{domain}", f"hostmaster.{domain}", times)
        reply.add_auth(RR(domain, QTYPE.SOA, ttl=TTL, rdata=soa))


def resource(record: Record) -> RR:
    """As dnslib has it."""
    rdata = DATA[record.type](record.data)
    return RR(record.name, getattr(QTYPE, record.type), ttl=TTL, rdata=rdata)


def edns(asked: DNSRecord, reply: DNSRecord) -> bool:
    """Whether the question speaks EDNS; then the answer does, too."""
    if not any(record.rtype == QTYPE.OPT for record in asked.ar):
        return False
    reply.add_ar(EDNS0(udp_len=LARGEST_UDP))
    return True


class Udp(asyncio.DatagramProtocol):
    """One answer a datagram."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # asyncio's own signature is the base class

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer."""
        found = answer(data, self._zone, udp=True)
        if found is not None:
            self._transport.sendto(found, addr)


async def stream(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Questions over one TCP connection, each behind its length."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(2), "big")
            found = answer(await reader.readexactly(length), zone, udp=False)
            if found is None:
                break
            writer.write(len(found).to_bytes(2, "big") + found)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has what it wanted
    finally:
        writer.close()


class NameServer:
    """The program: informers, sockets, health."""

    def __init__(self, client: Client, port: int = 53) -> None:
        directory = Directory()
        self._zone = Zone(directory)
        self._port = port
        self._informers = (
            Informer(client, "Service", on_change=directory.service),
            Informer(client, "EndpointSlice", on_change=directory.slice),
        )

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers:
                tasks.create_task(informer.run())
            await self._health(8080, "/health")
            await asyncio.gather(*(informer.synced.wait() for informer in self._informers))
            for family in families():
                door = datagram_socket(family, self._port)
                await loop.create_datagram_endpoint(lambda: Udp(self._zone), sock=door)
                listener = socket.create_server(("", self._port), family=family)
                await asyncio.start_server(lambda *ends: stream(self._zone, *ends), sock=listener)
            await self._health(8181, "/ready")
            log.info("answers for %s on port %d", self._zone.domain, self._port)

    async def _health(self, port: int, path: str) -> None:
        async def good(_: web.Request) -> web.Response:
            return web.Response(text="OK")

        application = web.Application()
        application.router.add_get(path, good)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", port).start()


async def serve() -> None:
    """Until SIGTERM."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Client.in_cluster() as client:
        await NameServer(client).run()


def main(argv: list[str]) -> int:
    """Serve."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        asyncio.run(serve())
    except asyncio.CancelledError:
        log.info("terminated")
    return 0
