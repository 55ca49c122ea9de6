"""The door to the balancer machine: HAProxy there, started by the machine's own first process.

The configuration and the socket are files below the machine's root. A new configuration is tried first
(``haproxy -c``); then the running HAProxy is told to take it (SIGUSR2): it starts a new worker, hands it the
listening sockets and lets the old one finish what it has begun, so no connection is lost. What is known of
the servers' health goes along in a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labs.control.ingress.haproxy import CONFIG, FOLDER, SOCKET, STATE
from vm.command import run_async
from vm.errors import MachineError
from vm.network import FOLDER as NAMESPACES
from vm.nsenter import MACHINES
from vm.spawn import Spawn
from vm.zygote import SOCKET as ZYGOTE
from vm.zygote_client import ZygoteClient

NAME = "haproxy"
MACHINE = "balancer"
LOG = "/var/log/haproxy.log"
PATIENCE, STEP = 3.0, 0.1  # seconds
NO_STATE = "1\n"  # the version of the format, and no servers


@dataclass(frozen=True, slots=True)
class Place:
    """Where the balancer is: its root, its zygote, and the namespace to enter if the zygote is another's."""

    root: Path
    zygote: str
    netns: str = ""

    def file(self, path: str) -> Path:
        """A file of the machine as this process finds it."""
        return self.root / path.lstrip("/")


def find() -> Place | None:
    """A machine of its own, once it stands; in a virtual machine a network namespace beside us; else none."""
    if Path(MACHINES).is_dir():
        root = Path("/proc", _read(Path(MACHINES, MACHINE)).strip() or "none", "root")
        return Place(root, str(root / ZYGOTE.lstrip("/"))) if root.exists() else None
    netns = Path(NAMESPACES, MACHINE)
    return Place(Path("/"), ZYGOTE, str(netns)) if netns.exists() else None


class Balancer:
    """HAProxy on the balancer; ``ended`` is called when it has ended by itself."""

    def __init__(self, ended: Callable[[], None], where: Callable[[], Place | None] = find) -> None:
        self._ended, self._where = ended, where
        self._watch: asyncio.Task[None] | None = None

    async def apply(self, text: str) -> None:
        """Make HAProxy run with this configuration; raises MachineError with what is wrong."""
        place = await self._place()
        async with ZygoteClient(place.zygote) as zygote:
            runs = await _runs(zygote)
            if runs and _read(place.file(CONFIG)) == text:
                self._keep_watch(place)
                return
            await _write(place, text)
            if runs:
                await zygote.signal(NAME, signal.SIGUSR2)
            else:
                argv = (NAME, "-W", "-f", CONFIG)
                await zygote.spawn(Spawn(NAME, NAME, argv=argv, netns=place.netns, plain_log=LOG))
        self._keep_watch(place)

    async def stop(self) -> None:
        """End HAProxy if it runs; raises MachineError."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        place = self._where()
        if place is None or _read(place.file(CONFIG)) == "":
            return
        async with ZygoteClient(place.zygote) as zygote:
            if await _runs(zygote):
                await zygote.signal(NAME, signal.SIGTERM)
                await zygote.wait(NAME)
                await zygote.forget(NAME)
        place.file(CONFIG).unlink(missing_ok=True)

    async def _place(self) -> Place:
        """Where it is; right after `lab up` it may take a moment to stand."""
        for _ in range(int(PATIENCE / STEP)):
            place = self._where()
            if place is not None:
                return place
            await asyncio.sleep(STEP)
        raise MachineError(
            "there is no machine called balancer", "Ingresses need the lab that `lab up` makes"
        )

    def _keep_watch(self, place: Place) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._wait(place), name="the end of haproxy")

    async def _wait(self, place: Place) -> None:
        with contextlib.suppress(MachineError):  # the whole machine has ended; the next look finds it again
            async with ZygoteClient(place.zygote) as zygote:
                await zygote.wait(NAME)
        self._ended()


async def _runs(zygote: ZygoteClient) -> bool:
    """Whether it runs; the remains of one that has ended are cleared away."""
    child = (await zygote.children()).get(NAME)
    if child is not None and child.status is not None:
        await zygote.forget(NAME)
        return False
    return child is not None


async def _write(place: Place, text: str) -> None:
    """Put the files in place, when HAProxy has said that it can read them; raises MachineError."""
    place.file(FOLDER).mkdir(mode=0o755, exist_ok=True)
    place.file(STATE).write_text(await _state(place), encoding="utf-8")
    fresh = place.file(f"{CONFIG}.new")
    fresh.write_text(text, encoding="utf-8")
    tried = await run_async([NAME, "-c", "-q", "-f", str(fresh)], check=False)
    if tried.returncode:
        said = " ".join(line for line in tried.stderr.splitlines() if "[ALERT]" in line)
        raise MachineError(f"HAProxy does not take the configuration: {said}", f"it is in {CONFIG}.new")
    fresh.replace(place.file(CONFIG))


async def _state(place: Place) -> str:
    """What the running HAProxy knows of its servers."""
    try:
        reader, writer = await asyncio.open_unix_connection(place.file(SOCKET))
    except OSError:
        return NO_STATE
    try:
        writer.write(b"show servers state\n")
        return (await reader.read()).decode() or NO_STATE
    except OSError:
        return NO_STATE
    finally:
        writer.close()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
