"""New connections at a steady rate, each asked and answered; a program, so that it can run on a machine.

new_connections.py RATE SECONDS ADDRESS:PORT…

One connection is opened before all others and asked again at the very end. The load ends after SECONDS, and
not before its input does. Then it prints, as JSON, how many were answered, by what the others failed, and how
many SYNs this machine had to send again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path
from select import select

PATIENCE = 15.0  # seconds until an answer that has not come is a failure
ASK = b"GET / HTTP/1.1\r\nHost: lab\r\n%s\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(target: str) -> Streams:
    host, _, port = target.partition(":")
    return await asyncio.open_connection(host, int(port))


async def asked(streams: Streams, header: bytes = b"") -> None:
    """One request and the first line of its answer; OSError, EOFError or TimeoutError."""
    reader, writer = streams
    writer.write(ASK % header)
    await writer.drain()
    line = await reader.readuntil(b"\r\n")
    if b" 200 " not in line:
        raise OSError(line.decode())


async def one(target: str, outcomes: Counter[str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            streams = await opened(target)
            await asked(streams, b"Connection: close\r\n")
            streams[1].close()
    except (OSError, EOFError) as error:
        outcomes[f"{target}: {error or type(error).__name__}"] += 1
    else:
        outcomes["answered"] += 1


def syns_again() -> int:
    """SYNs that this machine's kernel has sent more than once so far."""
    lines = Path("/proc/net/netstat").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("TcpExt"))
    return int(values[names.index("TCPSynRetrans")])


async def load(rate: float, seconds: float, targets: list[str]) -> dict[str, object]:
    outcomes: Counter[str] = Counter()
    held, before, began = await opened(targets[0]), syns_again(), time.monotonic()
    await asked(held)
    async with asyncio.TaskGroup() as tasks:
        for number, target in enumerate(cycle(targets)):
            due = number / rate
            if due > seconds and select([sys.stdin], [], [], 0)[0]:
                break
            await asyncio.sleep(began + due - time.monotonic())
            tasks.create_task(one(target, outcomes))
    took = time.monotonic() - began
    await held[0].read(4096)  # the rest of the first answer
    await asked(held)
    answered = outcomes.pop("answered", 0)
    again = syns_again() - before
    return {"answered": answered, "failed": outcomes, "seconds": round(took, 1), "syns again": again}


if __name__ == "__main__":
    given = sys.argv[1:]
    print(json.dumps(asyncio.run(load(float(given[0]), float(given[1]), given[2:]))))  # noqa: T201
