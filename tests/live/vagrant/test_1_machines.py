"""What virtual machines are and are not."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Machines = Callable[[Any], list[int]]
LIMIT = 512 * 2**20  # bytes a machine may have


def test_a_second_up_finds_everything_as_it_must_be(lab: Any, machines: Machines) -> None:
    before = machines(lab)
    said = lab("up", timeout=900)
    assert machines(lab) == before
    assert "secrets:" not in said
    roles = re.findall(r"(base|tools|control plane|node): \d+ tasks?, (\S+) changes?", said)
    assert roles == [(role, "no") for role in ("base", "tools", "control plane", "node")], said


def test_a_command_takes_a_round_trip_after_the_first(
    lab: Any, record_property: Callable[[str, object], None]
) -> None:
    lab.on("worker-1", "true")
    command = min(seconds(lambda: lab.on("worker-1", "true")) for _ in range(5))
    inside = min(seconds(lambda: lab.reads("worker-1", "true")) for _ in range(5))
    record_property(
        "figure",
        f"lab shell worker-1 -- true on an emulated machine: {command:.2f} s; "
        f"Machine.run, the same without a new `lab`: {inside:.2f} s",
    )
    assert command < 2.5, "0.5 s on a host that does nothing else"


def seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_words_streams_and_exit_codes_come_through_ssh_as_they_are(lab: Any) -> None:
    done = lab.run(
        "shell", "worker-1", "--", "sh", "-c", 'printf "%s|" "$@"; echo no >&2; exit 7', "sh", "a  b", "$x"
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "a  b|$x|", "no\n")
    assert lab.run("shell", "worker-1", "--", "cat", text="two\nlines\n").stdout == "two\nlines\n"


@pytest.mark.parametrize("name", ["control-1", "worker-2", "client", "balancer"])
def test_each_machine_knows_its_name_and_reaches_the_others_on_the_fabric(lab: Any, name: str) -> None:
    assert lab.on(name, "hostname").strip() == name
    lab.on(name, "ping", "-c", "1", "-W", "5", "worker-1")


def test_a_helper_sees_none_of_the_control_planes_network(lab: Any) -> None:
    addresses = re.findall(r"inet (\S+)/", lab.on("client", "ip", "-4", "address"))
    assert addresses == ["127.0.0.1", "192.168.56.200"]


def test_the_kernel_has_ipvs(lab: Any) -> None:
    lab.on("worker-2", "modprobe", "--all", "ip_vs", "ip_vs_rr", "ip_vs_sh")
    assert "IP Virtual Server version" in lab.on("worker-2", "ipvsadm", "-Ln")


@pytest.mark.parametrize(
    ("user", "options"),
    [
        ("root", ()),
        ("vagrant", ("-o", "IdentityFile=/dev/null")),
        ("vagrant", ("-o", "PubkeyAuthentication=no")),
    ],
    ids=["root", "without the key", "by password"],
)
def test_only_the_key_and_only_the_user_come_in(lab: Any, user: str, options: tuple[str, ...]) -> None:
    config = lab.home / "vagrant/ssh_config"
    words = [
        "ssh",
        "-F",
        str(config),
        "-o",
        "ControlMaster=no",
        "-o",
        "ControlPath=none",
        "-o",
        "BatchMode=yes",
    ]
    if options:
        config = lab.home / "vagrant/ssh_config.bare"
        config.write_text(re.sub(r"(?m)^ *Identity.*\n", "", (lab.home / "vagrant/ssh_config").read_text()))
        words[2] = str(config)
    done = subprocess.run(
        [*words, *options, "-l", user, "worker-1", "true"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 255


def test_each_machine_has_host_keys_of_its_own(lab: Any) -> None:
    keys = {
        lab.on(name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        for name in ("control-1", "worker-1", "worker-2")
    }
    assert len(keys) == 3


def test_a_machine_takes_no_more_memory_of_the_host_than_it_may(
    lab: Any, machines: Machines, record_property: Callable[[str, object], None]
) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    taken = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in machines(lab)]
    record_property("figure", f"memory of the host a virtual machine takes: {max(taken) / 2**20:.0f} MiB")
    assert len(taken) == 3
    assert max(taken) < 2 * LIMIT, "the machine's own and the emulator's"
