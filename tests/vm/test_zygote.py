"""A zygote as an ordinary process: all of it but namespaces, which tests/live/test_machines.py has."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vm.errors import MachineError, NotRunning
from vm.spawn import Child, Mount, Spawn
from vm.zygote_client import SpawnFailed, ZygoteClient

DEADLINE = 10.0
ZYGOTE = """
import socket
import sys
from vm.conversation import listen
from vm.zygote import Zygote
path, modules = sys.argv[1:]
sys.path.insert(0, modules)
door = socket.create_server(("127.0.0.1", 0))
zygote = Zygote({"door": door.fileno()})
listen(zygote, path)
zygote.serve()
"""
ENTRIES = """
import os, signal, sys, time

def code(value): return value
def leave(): sys.exit("said on leaving")
def fail(): raise RuntimeError("as asked")
def descriptors(): print(sorted(os.listdir("/proc/self/fd"), key=int), flush=True)
def handlers(): print(signal.getsignal(signal.SIGTERM).name, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
def environment(): print(dict(os.environ))
def title(): print(open("/proc/self/comm").read(), open("/proc/self/cmdline").read(), sep="")
def door(sockets): print(sorted(sockets), os.fstat(sockets["door"]).st_mode >> 12 == 0o14)
def sleep(): time.sleep(60)
"""


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A zygote that listens at `socket` in this folder."""
    (tmp_path / "entries.py").write_text(ENTRIES)
    words = [sys.executable, "-P", "-c", ZYGOTE, str(tmp_path / "socket"), str(tmp_path)]
    with open(tmp_path / "err", "wb") as err, subprocess.Popen(words, stderr=err) as process:
        deadline = time.monotonic() + DEADLINE
        while not answers(tmp_path / "socket") and time.monotonic() < deadline:
            time.sleep(0.01)
        yield process
        process.terminate()


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


@pytest.fixture
async def client(zygote: subprocess.Popen[bytes], tmp_path: Path) -> AsyncIterator[ZygoteClient]:
    async with asyncio.timeout(DEADLINE), ZygoteClient(str(tmp_path / "socket")) as client:
        yield client


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def entry(function: str, log: Path, **arguments: object) -> Spawn:
    return Spawn(function, function, f"entries:{function}", arguments, plain_log=str(log))


async def said(client: ZygoteClient, spawn: Spawn) -> str:
    """What that process printed in its whole life."""
    await client.spawn(spawn)
    await client.wait(spawn.name)
    return read(Path(spawn.plain_log or spawn.log))


def read(path: Path) -> str:
    return path.read_text()


def running(pid: int) -> bool:
    """Whether that process exists and is not just waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# -- programs and exit codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spawn", "status"),
    [
        (Spawn("a", "a", argv=("true",)), 0),
        (Spawn("a", "a", argv=("sh", "-c", "exit 7")), 7),
        (Spawn("a", "a", argv=("sh", "-c", "kill -9 $$")), -9),
        (Spawn("a", "a", argv=("no-such-program",)), 127),
        (Spawn("a", "a", argv=("/",)), 126),
        (Spawn("a", "a", "entries:code", {"value": None}), 0),
        (Spawn("a", "a", "entries:code", {"value": 5}), 5),
        (Spawn("a", "a", "entries:code", {"value": "text"}), 0),
        (Spawn("a", "a", "entries:code", {"nonsense": 1}), 1),
        (Spawn("a", "a", "entries:leave"), 1),
        (Spawn("a", "a", "entries:fail"), 1),
    ],
)
async def test_the_status_is_the_programs_own(client: ZygoteClient, spawn: Spawn, status: int) -> None:
    await client.spawn(spawn)
    assert await client.wait("a") == status


async def test_what_a_program_says_at_its_end_is_in_its_log(client: ZygoteClient, log: Path) -> None:
    assert "said on leaving" in await said(client, entry("leave", log))
    assert "RuntimeError: as asked" in await said(client, entry("fail", log))
    missing = Spawn("m", "m", argv=("no-such-program",), plain_log=str(log))
    assert "cannot execute no-such-program: No such file" in await said(client, missing)


@pytest.mark.parametrize(
    ("spawn", "error"),
    [
        (Spawn("a", "a"), "a needs either an entry or an argv"),
        (Spawn("a", "a", "m:f", argv=("true",)), "a needs either an entry or an argv"),
        (Spawn("a", "a", "no_such_module:f"), "cannot start a: No module named 'no_such_module'"),
        (Spawn("a", "a", "entries:nothing"), "cannot start a: module 'entries' has no attribute 'nothing'"),
        (Spawn("a", "a", argv=("true",), directory="/nowhere"), "No such file or directory: '/nowhere'"),
        (Spawn("a", "a", argv=("true",), netns="/run/netns/x"), "No such file or directory: '/run/netns/x'"),
        (
            Spawn("a", "a", argv=("true",), plain_log="/nowhere/log"),
            "No such file or directory: '/nowhere/log'",
        ),
        (Spawn("a", "a", argv=("true",), sockets=("window",)), "window"),
        (Spawn("a", "a", argv=("true",), mounts=(Mount("/nowhere", "/mnt"),)), "cannot start a: "),
    ],
)
async def test_what_cannot_be_set_up_is_an_error_and_no_process(
    client: ZygoteClient, spawn: Spawn, error: str
) -> None:
    with pytest.raises(SpawnFailed, match=re.escape(error)):
        await client.spawn(spawn)
    assert await client.children() == {}


# -- what a child is given ---------------------------------------------------------------------------------


async def test_a_child_has_nothing_of_the_zygotes_open(client: ZygoteClient, log: Path) -> None:
    await client.spawn(Spawn("other", "other", argv=("sleep", "60"), log=f"{log}.other"))
    listing = "3"  # os.listdir's own
    assert await said(client, entry("descriptors", log)) == f"['0', '1', '2', '{listing}']\n"


async def test_a_child_has_the_sockets_it_was_promised(client: ZygoteClient, log: Path) -> None:
    assert await said(client, replace(entry("door", log), sockets=("door",))) == "['door'] True\n"


async def test_a_child_has_fresh_signal_handlers(client: ZygoteClient, log: Path) -> None:
    assert await said(client, entry("handlers", log)) == "SIG_DFL set()\n"


async def test_a_program_has_the_signals_python_ignores(client: ZygoteClient, log: Path) -> None:
    shown = Spawn("a", "a", argv=("grep", "SigIgn", "/proc/self/status"), plain_log=str(log))
    ignored = int((await said(client, shown)).split()[1], 16)
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):  # others may be ignored by whoever runs the tests
        assert not ignored & 1 << (signum - 1)


async def test_a_child_has_a_clean_environment(client: ZygoteClient, log: Path) -> None:
    shown = ast.literal_eval(await said(client, replace(entry("environment", log), environment={"A": "b"})))
    assert set(shown) == {"PATH", "HOME", "LANG", "A"}


async def test_a_child_is_called_by_its_title(client: ZygoteClient, log: Path) -> None:
    shown = await said(client, replace(entry("title", log), title="kube-proxy"))
    assert shown.replace("\0", "").split() == ["kube-proxy", "kube-proxy"]


async def test_a_child_leads_a_session_of_its_own(client: ZygoteClient, log: Path) -> None:
    pid = await client.spawn(Spawn("a", "a", argv=("sleep", "60")))
    assert os.getsid(pid) == pid


async def test_given_descriptors_are_the_childs_stdio(client: ZygoteClient) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            await client.spawn(Spawn("a", "a", argv=("cat",)), [theirs.fileno()] * 3)
        ours.sendall(b"hello")
        assert ours.recv(100) == b"hello"
        ours.shutdown(socket.SHUT_WR)
        assert await client.wait("a") == 0
        assert ours.recv(100) == b""  # the zygote has kept no copy


async def test_a_terminal_given_as_stdin_becomes_the_controlling_one(client: ZygoteClient) -> None:
    ours, theirs = os.openpty()
    try:
        await client.spawn(
            Spawn("a", "a", argv=("sh", "-c", "echo $(ps -o tty= $$) > /dev/tty")), [theirs] * 3
        )
        assert await client.wait("a") == 0
        assert os.read(ours, 100).decode().strip() == os.ttyname(theirs).removeprefix("/dev/")
    finally:
        os.close(ours)
        os.close(theirs)


async def test_a_containers_log_is_whole_when_its_end_is_known(client: ZygoteClient, log: Path) -> None:
    script = "seq 1 5000; echo oops >&2; printf end"
    spawn = Spawn("a", "a", argv=("sh", "-c", script), log=str(log))
    lines = (await said(client, spawn)).splitlines()
    out = [line.split(" ", 3)[3] for line in lines if " stdout " in line]
    assert out == [*map(str, range(1, 5001)), "end"]
    assert [line.split(" ")[2] for line in lines if line.endswith(" end")] == ["P"]
    assert [line.split(" ", 1)[1] for line in lines if " stderr " in line] == ["stderr F oops"]


# -- lives and ends ----------------------------------------------------------------------------------------


async def test_a_status_is_kept_for_an_agent_that_comes_back(client: ZygoteClient, tmp_path: Path) -> None:
    pid = await client.spawn(Spawn("a", "a", argv=("sh", "-c", "exit 3")))
    assert await client.wait("a") == 3
    async with ZygoteClient(str(tmp_path / "socket")) as later:
        assert await later.children() == {"a": Child(pid, 3)}
        assert await later.wait("a") == 3
        await later.forget("a")
        assert await later.children() == {}


async def test_a_name_is_taken_until_it_is_forgotten(client: ZygoteClient) -> None:
    await client.spawn(Spawn("a", "a", argv=("sleep", "60")))
    with pytest.raises(MachineError, match="there is a process called a already"):
        await client.spawn(Spawn("a", "a", argv=("true",)))
    with pytest.raises(MachineError, match="a still runs, as process"):
        await client.forget("a")
    await client.signal("a", signal.SIGTERM)
    assert await client.wait("a") == -signal.SIGTERM
    await client.signal("a", signal.SIGTERM)  # too late, and no error
    await client.forget("a")
    await client.spawn(Spawn("a", "a", argv=("true",)))
    assert await client.wait("a") == 0


async def test_an_unknown_name_is_an_error(client: ZygoteClient) -> None:
    for question in (client.wait("x"), client.forget("x"), client.signal("x", 15)):
        with pytest.raises(MachineError, match="there is no process called x"):
            await question


async def test_many_may_wait_and_be_told_in_any_order(client: ZygoteClient) -> None:
    for number in range(20):
        await client.spawn(Spawn(f"p{number}", "p", argv=("sh", "-c", f"exit {number}")))
    waiting = [client.wait(f"p{number}") for number in reversed(range(20))]
    assert await asyncio.gather(*waiting) == list(reversed(range(20)))


async def test_what_a_container_left_in_the_background_ends_with_it(client: ZygoteClient, log: Path) -> None:
    script = "sleep 60 & echo $!"
    orphan = int(await said(client, Spawn("a", "a", argv=("sh", "-c", script), plain_log=str(log))))
    while running(orphan):
        await asyncio.sleep(0.01)
    assert (await client.children())["a"].status == 0


async def test_a_service_that_dies_is_there_again_within_a_second(client: ZygoteClient) -> None:
    first = await client.spawn(Spawn("agent", "agent", argv=("sleep", "60"), restart=True))
    for _ in range(3):
        killed = time.monotonic()
        before = (await client.children())["agent"]
        await client.signal("agent", signal.SIGKILL)
        while (after := (await client.children())["agent"]).status is not None or after.pid == before.pid:
            await asyncio.sleep(0.01)
        assert time.monotonic() - killed < 1
    assert after.pid != first


async def test_a_zygote_ends_its_children_politely(
    zygote: subprocess.Popen[bytes], client: ZygoteClient, log: Path
) -> None:
    polite = "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.01; done"
    stubborn = "trap '' TERM; sleep 60; sleep 60"
    await client.spawn(Spawn("polite", "polite", argv=("sh", "-c", polite), plain_log=str(log)))
    deaf = await client.spawn(Spawn("stubborn", "stubborn", argv=("sh", "-c", stubborn)))
    while read(log) != "ready\n":
        await asyncio.sleep(0.01)
    begun = time.monotonic()
    zygote.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(zygote.wait, DEADLINE) == 0
    assert time.monotonic() - begun < 2
    assert read(log) == "ready\nbye\n"
    assert not running(deaf)


# -- bad manners -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"no json",
        b"[]",
        b"7",
        b"{}",
        b'{"id": 1}',
        b'{"id": 1, "ask": "sing"}',
        b'{"id": 1, "ask": "spawn"}',
        b'{"id": 1, "ask": "spawn", "spawn": {"colour": "red"}}',
        b'{"id": 1, "ask": "spawn", "spawn": {"name": "a", "title": "a", "argv": ["true"]}, "stdio": 3}',
        b'{"id": 1, "ask": "spawn", "spawn": {"name": [], "title": "a", "argv": ["true"]}}',
        b'{"id": 1, "ask": "signal", "name": "a", "signal": "loud"}',
        b'{"id": 1, "ask": "wait"}',
        b'{"id": 1, "ask": ["wait"], "name": {}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_nonsense_is_answered_and_the_zygote_lives(
    client: ZygoteClient, tmp_path: Path, request_: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
    writer.write(request_ + b"\n")
    assert "error" in json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    await client.children()


async def test_a_client_that_vanishes_half_way_does_no_harm(client: ZygoteClient, tmp_path: Path) -> None:
    await client.spawn(Spawn("a", "a", argv=("sleep", "60")))
    for words in (b'{"id": 1, "ask": "wa', b'{"id": 1, "ask": "wait", "name": "a"}\n'):
        _, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(words)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    await client.signal("a", signal.SIGKILL)
    assert await client.wait("a") == -signal.SIGKILL


async def test_a_zygote_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with ZygoteClient(str(tmp_path / "socket")) as client:
        with pytest.raises(NotRunning, match=f"the zygote at {tmp_path}/socket does not answer"):
            await client.children()


async def test_who_waits_learns_that_the_zygote_has_died(
    zygote: subprocess.Popen[bytes], client: ZygoteClient
) -> None:
    await client.spawn(Spawn("a", "a", argv=("sleep", "1")))
    waiting = asyncio.create_task(client.wait("a"))
    await client.children()
    zygote.kill()
    with pytest.raises(NotRunning, match="has hung up"):
        await waiting


async def test_the_socket_is_its_owners_only(client: ZygoteClient, tmp_path: Path) -> None:
    assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o600
