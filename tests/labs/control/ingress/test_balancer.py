"""What the balancer's first process is asked for; that process and `haproxy -c` are played."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from labs.control.ingress import balancer
from labs.control.ingress.balancer import Balancer, Place, find
from vm.command import Completed
from vm.errors import MachineError
from vm.spawn import Child


class Zygote:
    """One child at most, and what was asked."""

    def __init__(self):
        self.asked, self.child, self.over = [], None, asyncio.Event()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def children(self):
        return {"haproxy": self.child} if self.child else {}

    async def spawn(self, spawn):
        self.asked.append(("spawn", spawn.argv, spawn.netns))
        self.child = Child(7)

    async def signal(self, name, signum):
        self.asked.append(("signal", signum))
        if signum == signal.SIGTERM:
            self.end()

    async def wait(self, name):
        await self.over.wait()

    async def forget(self, name):
        self.child = None
        self.over.clear()

    def end(self):
        self.child = Child(7, -9)
        self.over.set()


@pytest.fixture
def zygote(monkeypatch):
    made = Zygote()
    monkeypatch.setattr(balancer, "ZygoteClient", lambda path: made)
    return made


@pytest.fixture
def said(monkeypatch):
    """What `haproxy -c` says on stderr: nothing, unless a test writes into it."""
    lines = []

    async def tried(argv, check):
        return Completed(tuple(argv), 1 if lines else 0, "", "\n".join(lines))

    monkeypatch.setattr(balancer, "run_async", tried)
    return lines


@pytest.fixture
def ended():
    return asyncio.Event()


@pytest.fixture
def at(tmp_path):
    (tmp_path / "run").mkdir()
    return Place(tmp_path, "/the/zygote", "/run/netns/balancer")


@pytest.fixture
async def door(zygote, said, ended, at):
    made = Balancer(ended.set, lambda: at)
    yield made
    await made.stop()


START = ("spawn", ("haproxy", "-W", "-f", "/run/haproxy/haproxy.cfg"), "/run/netns/balancer")


async def test_haproxy_is_started_once_and_reloaded_only_for_another_text(door, zygote, at):
    for text in ("one", "one", "two"):
        await door.apply(text)
    assert zygote.asked == [START, ("signal", signal.SIGUSR2)]
    assert at.file("/run/haproxy/haproxy.cfg").read_text() == "two"


async def test_a_text_that_haproxy_does_not_take_leaves_the_old_one_at_work(door, zygote, said, at):
    await door.apply("one")
    said.append("[ALERT] (1) : config : unknown keyword 'nonsense'")
    with pytest.raises(MachineError, match=r"does not take the configuration: .*nonsense"):
        await door.apply("nonsense")
    assert at.file("/run/haproxy/haproxy.cfg").read_text() == "one"
    assert len(zygote.asked) == 1


async def test_the_end_of_haproxy_is_told_and_the_next_look_starts_it_again(door, zygote, ended):
    await door.apply("one")
    await asyncio.sleep(0)
    zygote.end()
    await asyncio.wait_for(ended.wait(), 10)
    await door.apply("one")
    assert zygote.asked == [START, START]


async def test_it_ends_when_nobody_wants_it_and_that_is_no_news(door, zygote, ended, at):
    await door.apply("one")
    await door.stop()
    assert zygote.asked[1:] == [("signal", signal.SIGTERM)]
    assert (zygote.child, at.file("/run/haproxy/haproxy.cfg").exists(), ended.is_set()) == (
        None,
        False,
        False,
    )
    await door.stop()
    assert len(zygote.asked) == 2


async def test_without_a_balancer_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(balancer, "PATIENCE", 0.0)
    with pytest.raises(MachineError, match="no machine called balancer"):
        await Balancer(lambda: None, lambda: None).apply("one")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The lab's own folders: where machines are noted, and network namespaces."""
    monkeypatch.setattr(balancer, "MACHINES", str(tmp_path / "machines"))
    monkeypatch.setattr(balancer, "NAMESPACES", str(tmp_path / "netns"))
    (tmp_path / "netns").mkdir()
    return tmp_path


def test_in_a_virtual_machine_the_balancer_is_a_namespace_beside_us(lab):
    assert find() is None
    (lab / "netns" / "balancer").touch()
    assert find() == Place(Path("/"), "/run/lab/init.sock", str(lab / "netns" / "balancer"))


def test_among_machines_it_is_one_of_its_own_and_nothing_else_until_it_stands(lab):
    (lab / "netns" / "balancer").touch()
    (lab / "machines").mkdir()
    assert find() is None
    (lab / "machines" / "balancer").write_text(f"{os.getpid()}\n")
    root = Path("/proc", str(os.getpid()), "root")
    assert find() == Place(root, f"{root}/run/lab/init.sock")
