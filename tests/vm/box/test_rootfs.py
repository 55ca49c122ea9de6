from __future__ import annotations

import re
from pathlib import Path

import pytest

from vm.box import rootfs, store
from vm.errors import HostCannot
from vm.plan import plan

GUEST = Path(rootfs.HERE) / "guest/usr/local/sbin/lab-network"


def words(mirror: str = "") -> list[str]:
    return rootfs.words(
        Path("/w/a b"), Path("/w/out"), "ssh-ed25519 AAAA lab", architecture="arm64", mirror=mirror
    )


def test_a_guest_has_the_programs_that_a_host_needs() -> None:
    asked = rootfs.packages()
    assert {"iptables", "nftables", "ipset", "conntrack", "ipvsadm", "python3", "openssh-server"} <= set(
        asked
    )


def test_the_hook_gets_its_paths_quoted_and_the_kernel_of_the_architecture() -> None:
    hook = next(word for word in words() if word.startswith("--customize-hook="))
    assert "'/w/a b/customize.sh'" in hook
    assert hook.endswith("'ssh-ed25519 AAAA lab' linux-image-cloud-arm64")


def test_a_mirror_is_asked_instead_of_the_usual_one() -> None:
    assert words()[-1] == "/dev/null"
    assert words("http://mirror.example/debian")[-1] == "http://mirror.example/debian"


def test_steps_are_told_as_they_come_in_pieces() -> None:
    steps: list[str] = []
    story = rootfs.Story(steps.append)
    story.write("I: downloading pack")
    story.write("ages with apt...\nI: something else\nI: extracting archives...\n")
    assert steps == ["lists of packages", "packages downloaded"]


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("E: Failed to fetch http://deb.debian.org/…  Could not resolve host", "--mirror"),
        ("E: write failed: No space left on device", "TMPDIR"),
        ("E: newuidmap failed", "uidmap"),
        ("E: GPG error: … NO_PUBKEY 1234", "debian-archive-keyring"),
    ],
)
def test_a_failure_says_what_mmdebstrap_said_and_what_to_do(said: str, cure: str) -> None:
    story = rootfs.Story(lambda step: None)
    story.write(f"I: begins\n{said}\nI: cleaning up\n")
    error = story.error(25, Path("/log"))
    assert said in str(error)
    assert "begins" not in str(error)
    assert cure in error.cure


def test_a_failure_without_a_known_cure_names_the_log_that_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "box-build.log"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with pytest.raises(HostCannot, match="mmdebstrap ended with code 3") as caught:
        rootfs.make(["sh", "-c", "echo spoken in $LC_ALL; echo E: odd >&2; exit 3"], lambda step: None, log)
    assert caught.value.cure == f"all that it said: {log}"
    assert log.read_text() == "spoken in C\nE: odd\n", "the table of cures is in English"


def test_the_guests_script_knows_the_helpers_by_the_plans_numbers() -> None:
    found = re.search(r'HELPERS="(.*)"', GUEST.read_text())
    assert found is not None
    named = dict(pair.split(":") for pair in found[1].split())
    assert named == {node.address.rpartition(".")[2]: node.name for node in plan(2).helpers}


@pytest.mark.parametrize(
    ("machine", "debian"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("riscv64", "riscv64")]
)
def test_architectures_have_debians_names(machine: str, debian: str) -> None:
    assert store.architecture(machine) == debian
