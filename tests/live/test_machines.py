"""The namespaces backend on the real kernel, as root and as an ordinary user, with no Kubernetes in it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

PROGRAM = Path(__file__).with_name("small_cluster.py")
DEADLINE = 10.0
ORDINARY = "nobody"
Done = subprocess.CompletedProcess[str]
Host = Callable[[Path], dict[str, list[str]]]


@dataclass(frozen=True)
class Cluster:
    """A small cluster of one user's, worked through a program that runs as that user."""

    user: str
    home: Path

    @property
    def before(self) -> list[str]:
        """The words that make a command that user's."""
        other = self.user != pwd.getpwuid(os.geteuid()).pw_name
        return ["runuser", "-u", self.user, "--"] if other else []

    def words(self, *argv: str) -> list[str]:
        return [*self.before, sys.executable, "-P", str(PROGRAM), str(self.home), *argv]

    def __call__(self, *argv: str, text: str = "", check: bool = True) -> Done:
        return subprocess.run(
            self.words(*argv), input=text, capture_output=True, text=True, timeout=60, check=check, cwd="/"
        )

    def on(self, machine: str, script: str) -> str:
        """What a script prints on a machine, stdout and stderr together; it may fail."""
        return self("run", machine, "sh", "-c", f"exec 2>&1; {script}", check=False).stdout

    @property
    def init(self) -> int:
        return int(json.loads((self.home / "inventory.json").read_text())["init"]["pid"])

    def host_pid(self, machine: str, pid: int) -> int:
        """The host's pid of the process that a machine knows as ``pid``."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
                namespace = os.readlink(status.with_name("ns") / "uts")
                if fields["NSpid"].split()[-1] == str(pid) and namespace == self.uts(machine):
                    return int(status.parent.name)
        pytest.fail(f"{machine} has no process {pid}")

    def uts(self, machine: str) -> str:
        return self.on(machine, "readlink /proc/1/ns/uts").strip()


@contextlib.contextmanager
def home_of(user: str) -> Iterator[Path]:
    """A folder for that user's state, outside pytest's own (which are closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="lab-"))
    shutil.chown(folder, user)
    yield folder / "home"
    shutil.rmtree(folder)


def account(kind: str) -> str:
    """Who runs the cluster: root, or an ordinary user; skips where that cannot be had."""
    me = pwd.getpwuid(os.geteuid()).pw_name
    if kind == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    if kind == "ordinary" and os.geteuid() == 0:
        words = ["runuser", "-u", ORDINARY, "--", sys.executable, "-P", str(PROGRAM)]
        if "IndexError" not in subprocess.run(words, capture_output=True, text=True, check=False).stderr:
            pytest.skip(f"the user {ORDINARY} cannot read this checkout or its Python")
        return ORDINARY
    return me


@pytest.fixture(scope="module", params=["root", "ordinary"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    user = account(request.param)
    with home_of(user) as home:
        made = Cluster(user, home)
        made("start")
        yield made
        made("stop")


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Cluster]:
    """A second cluster of the same user's, beside the first."""
    with home_of(cluster.user) as home:
        made = Cluster(cluster.user, home)
        yield made
        made("stop")


def until(true: Callable[[], object], seconds: float = DEADLINE) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "not in time"
        time.sleep(0.01)
    return time.monotonic() - began


# -- what a machine is --------------------------------------------------------------------------------------


def test_a_machine_has_its_own_name_processes_and_root_user(cluster: Cluster) -> None:
    assert cluster.on("worker-1", "hostname; id -u; cat /etc/hostname").split() == [
        "worker-1",
        "0",
        "worker-1",
    ]
    shown = cluster.on("worker-1", "ps -e -o pid=,args=")
    assert re.search(r"^ +1 lab init worker-1$", shown, re.M)
    assert len(re.findall("sleep 1234", shown)) == 1
    assert "4321" not in shown


def test_the_ordinary_user_has_no_rights_on_the_host(cluster: Cluster) -> None:
    words = [*cluster.before, "grep", "CapEff", "/proc/self/status"]
    capabilities = int(
        subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[1], 16
    )
    assert (capabilities == 0) == (cluster.user != "root")


def test_what_is_killed_on_one_machine_lives_on_the_others_and_returns(cluster: Cluster) -> None:
    elsewhere = cluster.on("worker-2", "pgrep sleep")
    here = cluster.on("worker-1", "pgrep sleep; pkill sleep")
    until(lambda: cluster.on("worker-1", "pgrep sleep") not in ("", here), seconds=1.5)
    assert cluster.on("worker-2", "pgrep sleep") == elsewhere


@pytest.mark.parametrize("folder", ["/usr", "/etc", "/var/lib", "/home", "/", "/opt", "/dev"])
def test_the_hosts_files_cannot_be_written_to(cluster: Cluster, folder: str) -> None:
    assert cluster.on("worker-1", f"touch {folder}/x").strip().endswith("Read-only file system")


@pytest.mark.parametrize("folder", ["/root", "/run", "/tmp", "/var/log", "/dev/shm"])
def test_a_machine_has_places_of_its_own_to_write_to(cluster: Cluster, folder: str) -> None:
    cluster.on("worker-1", f"echo mine > {folder}/x-{os.getpid()}")
    assert cluster.on("worker-1", f"cat {folder}/x-{os.getpid()}") == "mine\n"
    assert "No such file" in cluster.on("worker-2", f"cat {folder}/x-{os.getpid()}")
    assert not Path(folder, f"x-{os.getpid()}").exists()


def test_sysctls_of_the_network_are_the_machines_and_all_others_read_only(cluster: Cluster) -> None:
    cluster.on("worker-2", "echo 123 > /proc/sys/net/ipv4/ip_default_ttl")
    assert cluster.on("worker-2", "cat /proc/sys/net/ipv4/ip_default_ttl") == "123\n"
    assert cluster.on("worker-1", "cat /proc/sys/net/ipv4/ip_default_ttl") == "64\n"
    assert "Read-only" in cluster.on("worker-1", "echo 1 > /proc/sys/vm/swappiness")


def test_a_file_that_the_host_lacks_appears_among_the_hosts(cluster: Cluster) -> None:
    assert cluster.on("worker-1", "cat /etc/new/name") == "mine\n"
    assert (
        cluster.on("worker-1", "head -n 1 /etc/passwd") == Path("/etc/passwd").read_text().splitlines(True)[0]
    )
    assert not Path("/etc/new").exists()


def test_tools_of_the_trade_work(cluster: Cluster) -> None:
    tools = {
        "iptables -t nat -A OUTPUT -p tcp --dport 80 -j DNAT --to 10.0.0.1 && iptables-save": "--dport 80",
        "nft add table ip lab && nft list tables": "table ip lab",
        "conntrack -L 2>&1": "flow entries",
        "ip netns add cni-1 && ip netns exec cni-1 ip -br link && ip netns": "cni-1",
        "ss -lnt": "State",
        "kubectl version --client": "Client Version",
        "ls /sys/class/net": "eth0",
    }
    said = {command: cluster.on("worker-1", command) for command in tools}
    assert {command: text for command, text in said.items() if tools[command] not in text} == {}


# -- the fabric ---------------------------------------------------------------------------------------------


def test_machines_reach_each_other_by_name(cluster: Cluster) -> None:
    for source, target in (("client", "worker-1"), ("worker-1", "worker-2"), ("balancer", "control-1")):
        assert "1 received" in cluster.on(source, f"ping -c 1 -W 2 {target}")


def test_unknown_addresses_and_names_fail_at_once(cluster: Cluster) -> None:
    began = time.monotonic()
    assert "Unreachable" in cluster.on("worker-1", "ping -c 1 -W 5 198.51.100.1")
    assert cluster("run", "worker-1", "getent", "hosts", "no-such-name.example", check=False).returncode == 2
    assert time.monotonic() - began < 3


def test_load_balancer_addresses_are_reached_over_the_workers(cluster: Cluster) -> None:
    route = cluster.on("client", "ip route show 203.0.113.0/24")
    assert re.findall(r"via (\S+)", route) == ["192.168.56.11", "192.168.56.12"]
    assert cluster.on("worker-1", "ip route show 203.0.113.0/24") == ""


def test_nodes_forward_and_helpers_do_not(cluster: Cluster) -> None:
    shown = [
        cluster.on(name, "cat /proc/sys/net/ipv4/ip_forward") for name in ("worker-1", "control-1", "client")
    ]
    assert shown == ["1\n", "1\n", "0\n"]


# -- the door -----------------------------------------------------------------------------------------------


def test_words_stdio_and_exit_code_pass_through_the_shell(cluster: Cluster) -> None:
    done = cluster(
        "shell",
        "worker-1",
        "sh",
        "-c",
        'cat; echo "$1" >&2; exit 7',
        "sh",
        "a  b'\"$x",
        text="in",
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("in", "a  b'\"$x\n", 7)
    assert cluster("shell", "worker-1", "sh", "-c", "kill -9 $$", check=False).returncode == 137
    assert cluster("shell", "worker-1", "no-such-program", check=False).returncode == 127


def test_the_shells_environment_is_that_of_a_server(cluster: Cluster) -> None:
    shown = dict(line.split("=", 1) for line in cluster("shell", "worker-1", "env").stdout.splitlines())
    assert shown["HOME"] == "/root"
    assert "/usr/sbin" in shown["PATH"].split(":")
    assert set(shown) <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PS1",
        "TERM",
        "COLORTERM",
        "LANG",
        "LC_ALL",
        "TZ",
    }
    assert cluster("shell", "worker-1", "pwd").stdout == "/root\n"


def test_a_signal_reaches_the_command_behind_the_door(cluster: Cluster) -> None:
    script = "trap 'echo bye; exit 8' TERM; echo ready; while :; do sleep 0.01; done"
    words = cluster.words("shell", "worker-1", "sh", "-c", script)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(innermost(process.pid, "small_cluster"), signal.SIGTERM)
        assert process.stdout.read() == "bye\n"
        assert process.wait(DEADLINE) == 8


def innermost(pid: int, name: str) -> int:
    """The process of that name at or below this one (runuser stays in between)."""
    if name in Path(f"/proc/{pid}/cmdline").read_text().split("runuser")[0]:
        return pid
    return innermost(int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]), name)


def test_an_interactive_shell_has_a_prompt_a_terminal_and_ctrl_c(cluster: Cluster) -> None:
    with terminal(cluster.words("shell", "worker-1")) as said:
        assert said("", "root@worker-1:~# ")
        assert said("tty\n", "/dev/pts/")
        assert said("cd /tmp\n", "root@worker-1:/tmp# ")
        assert said("ping -i 0.2 worker-2\n", "icmp_seq=1")
        assert said("\x03", "packets transmitted")
        assert said("exit 3\n", "exit")


def test_ctrl_c_lets_a_single_command_say_its_last_words(cluster: Cluster) -> None:
    with terminal(cluster.words("shell", "worker-1", "ping", "-i", "0.2", "worker-2")) as said:
        assert said("", "icmp_seq=1")
        assert said("\x03", "packets transmitted")


@contextlib.contextmanager
def terminal(words: list[str]) -> Iterator[Callable[[str, str], bool]]:
    """A command on a terminal of its own; the function types something and waits for an answer."""
    ours, theirs = os.openpty()
    script = ["setsid", "--ctty", *words]
    with subprocess.Popen(script, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)

        def said(typed: str, answer: str) -> bool:
            os.write(ours, typed.encode())
            heard, deadline = "", time.monotonic() + DEADLINE
            while answer not in heard and time.monotonic() < deadline:
                if select.select([ours], [], [], 0.1)[0]:
                    heard += os.read(ours, 4096).decode()
            return answer in heard

        yield said
        os.close(ours)  # hangs up
        process.wait(DEADLINE)


# -- pods ---------------------------------------------------------------------------------------------------

POD = """
import asyncio, os, sys
from vm.spawn import Mount, Spawn
from vm.zygote_client import ZygoteClient

async def main():
    os.makedirs("/run/pod")
    with open("/run/pod/file", "w") as file:
        file.write("of the pod")
    mounts = (
        Mount("", "/run", "tmpfs"),
        Mount("/run/pod", "/lab-volume/deep"),
        Mount("/run/pod/file", "/etc/resolv.conf", readonly=True),
        Mount("/run/pod", "/var/lib/kube-proxy", readonly=True),
        Mount("", "/lab-cache", "tmpfs"),
    )
    netns = "/run/netns/cni-pod"
    spawn = Spawn("pod", "pod", argv=("sleep", "99"), netns=netns, hostname="echo", mounts=mounts)
    async with ZygoteClient() as client:
        print(await client.spawn(spawn))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def pod(cluster: Cluster) -> str:
    """The pid of a pod on worker-2, as the machine counts."""
    cluster.on("worker-2", "ip netns add cni-pod; ip -n cni-pod link set lo up")
    return cluster("run", "worker-2", sys.executable, "-P", "-c", POD).stdout.strip()


def test_a_pods_volumes_appear_where_there_was_no_folder(cluster: Cluster, pod: str) -> None:
    def inside(script: str) -> str:
        return cluster("pod", "worker-2", pod, "sh", "-c", f"exec 2>&1; {script}", check=False).stdout

    assert inside("hostname; cat /lab-volume/deep/file") == "echo\nof the pod"
    assert inside("cat /etc/resolv.conf /var/lib/kube-proxy/file") == "of the pod" * 2
    assert inside("touch /lab-cache/x /lab-volume/deep/x && echo yes") == "yes\n"
    assert inside("touch /var/lib/kube-proxy/x").endswith("Read-only file system\n")
    assert inside("touch /new").endswith("Read-only file system\n")
    assert inside("ls /var/lib/dpkg /usr/bin/env && ls /run") != ""
    assert inside("ip -br link").split()[0] == "lo"
    assert inside("ip -br link").count("\n") == 1
    assert (
        cluster.on("worker-2", "ls -d /lab-volume /lab-cache /var/lib/kube-proxy").count("No such file") == 3
    )


# -- faults -------------------------------------------------------------------------------------------------


def test_a_machine_whose_first_process_is_killed_is_there_again_with_its_rules(cluster: Cluster) -> None:
    cluster.on("balancer", "iptables -t nat -N KEPT; touch /tmp/lost")
    os.kill(cluster.host_pid("balancer", 1), signal.SIGKILL)
    assert until(lambda: cluster.on("balancer", "pgrep sleep")) < 2
    assert "KEPT" in cluster.on("balancer", "iptables-save -t nat")
    assert "No such file" in cluster.on("balancer", "ls /tmp/lost")
    assert "1 received" in cluster.on("balancer", "ping -c 1 -W 2 worker-1")


def test_code_that_lives_in_a_hidden_place_is_seen_where_it_is_and_read_only(fresh: Cluster) -> None:
    code = fresh.home.parent / "code"
    code.mkdir()
    (code / "mark").write_text("here\n")
    words = [*fresh.before, "env", f"PYTHONPATH={code}", *fresh.words("start")[len(fresh.before) :]]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    assert fresh.on("worker-1", f"cat {code}/mark; ls {code.parent}") == "here\ncode\n"
    assert "Read-only" in fresh.on("worker-1", f"touch {code}/x")


def test_a_second_start_in_the_same_folder_is_refused(cluster: Cluster) -> None:
    done = cluster("start", check=False)
    assert done.returncode == 1
    assert f"AlreadyRunning: a lab is running or starting in {cluster.home}" in done.stderr
    assert cluster.on("worker-1", "hostname") == "worker-1\n"


def test_nothing_is_left_when_it_is_stopped(host: Host, fresh: Cluster) -> None:
    before = host(fresh.home)
    shown = json.loads(fresh("start").stdout)["steps"]
    assert shown[0] == f"{'process' if fresh.user == 'root' else 'user, process'} and mount namespaces"
    assert host(fresh.home) != before
    assert json.loads(fresh("stop").stdout)["ran"]
    assert host(fresh.home) == before
    assert sorted(path.name for path in fresh.home.iterdir()) == ["lock", "log"]
    assert not json.loads(fresh("stop").stdout)["ran"]


def test_after_a_kill_of_the_first_process_the_kernel_has_ended_all_and_it_starts_again(
    host: Host, fresh: Cluster
) -> None:
    before = host(fresh.home)
    fresh("start")
    os.kill(fresh.init, signal.SIGKILL)
    until(lambda: host(fresh.home) == before)
    done = fresh("run", "worker-1", "true", check=False)
    assert "NotRunning: the machine worker-1 is not running" in done.stderr
    fresh("start")
    assert fresh.on("worker-1", "hostname") == "worker-1\n"


def test_a_host_that_refuses_namespaces_is_told_with_a_cure(fresh: Cluster) -> None:
    words = fresh.words("start")
    refusing = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    script = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"'
    inner = [*fresh.before, *refusing, script, "sh", *words[len(fresh.before) :]]
    done = subprocess.run(inner, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    error, cure, *_ = done.stderr.splitlines()
    assert error == "HostCannot: this host does not let us make namespaces: No space left on device"
    assert cure


@pytest.mark.parametrize("free", [0, 1], ids=["nothing free", "room for the lock, not for the inventory"])
def test_a_full_disk_is_one_message_and_leaves_no_process(host: Host, fresh: Cluster, free: int) -> None:
    before = host(fresh.home)
    full = f"""
        mount -t tmpfs -o size=16k none {fresh.home.parent} && cd {fresh.home.parent} && mkdir home &&
        head -c {(4 - free) * 4096} /dev/zero > filler; cd /; exec "$@"
    """
    words = [*fresh.before, "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", full, "sh"]
    words += fresh.words("start")[len(fresh.before) :]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert host(fresh.home) == before
