"""Asking a container how it is: one task a probe, from the node to the pod's address.

The first readiness or startup probe is sent as soon as the process runs, and while the container is younger
than a second, a failure is no answer but a reason to ask again soon: a program that listens 10 ms after its
start is ready then, not a period later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from labs.agent.probe import Timing, Verdict

Object = dict[str, Any]
YOUTH = 1.0  # seconds
FIRST_PAUSE = 0.01  # seconds, doubled each time while young


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe found."""

    success: bool
    message: str = ""


Execute = Callable[[Sequence[str], float], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where probes of one container go."""

    address: str
    ports: dict[str, int]  # by name
    session: aiohttp.ClientSession
    execute: Execute

    def port(self, wanted: int | str) -> int:
        """A port's number; raises ValueError for a name that the container does not have."""
        if isinstance(wanted, int) or wanted.isdigit():
            return int(wanted)
        if wanted not in self.ports:
            raise ValueError(
                f"port {wanted!r} is not one of the container's ({', '.join(self.ports) or 'none'})"
            )
        return self.ports[wanted]


async def http_get(action: Object, target: Target, timeout: float) -> Answer:
    """200–399 is success; redirects are not followed to other places, and count as success."""
    port = target.port(action["port"])
    path = "/" + action.get("path", "/").lstrip("/")
    scheme = action.get("scheme", "HTTP").lower()
    url = f"{scheme}://{action.get('host') or target.address}:{port}{path}"
    headers = {entry["name"]: entry["value"] for entry in action.get("httpHeaders", ())}
    headers.setdefault("User-Agent", "kube-probe/lab")
    limit = aiohttp.ClientTimeout(total=timeout)
    request = target.session.get(url, headers=headers, timeout=limit, allow_redirects=False, ssl=False)
    async with request as response:
        good = 200 <= response.status < 400
        return Answer(good, "" if good else f"HTTP probe failed with statuscode: {response.status}")


async def tcp_socket(action: Object, target: Target, timeout: float) -> Answer:
    """Success is a connection."""
    address = action.get("host") or target.address
    connecting = asyncio.open_connection(address, target.port(action["port"]))
    _, writer = await asyncio.wait_for(connecting, timeout)
    writer.close()
    return Answer(True)


async def execute(action: Object, target: Target, timeout: float) -> Answer:
    """Success is exit code 0."""
    return await target.execute(action["command"], timeout)


ACTIONS: dict[str, Callable[[Object, Target, float], Awaitable[Answer]]] = {
    "httpGet": http_get,
    "tcpSocket": tcp_socket,
    "exec": execute,
}


async def ask(probe: Object, target: Target) -> Answer:
    """One answer; whatever goes wrong on the way is a failure with its reason."""
    timeout = Timing.of(probe).timeout
    for kind, action in ACTIONS.items():
        if kind in probe:
            try:
                return await action(probe[kind], target, timeout)
            except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
                return Answer(False, str(error) or f"{kind}: no answer within {timeout:g} s")
    return Answer(False, f"the probe has none of {', '.join(ACTIONS)}")


async def follow(
    probe: Object, verdict: Verdict, target: Target, tell: Callable[[Verdict, Answer], None]
) -> None:
    """Ask again and again, telling each answer with the verdict so far, until cancelled."""
    timing, began, pause = verdict.timing, time.monotonic(), FIRST_PAUSE
    await asyncio.sleep(timing.delay)
    while True:
        answer = await ask(probe, target)
        young = time.monotonic() - began < YOUTH
        if not answer.success and young and verdict.latest is None:
            await asyncio.sleep(pause)
            pause *= 2
            continue
        verdict.observe(answer.success)
        tell(verdict, answer)
        await asyncio.sleep(timing.period)
