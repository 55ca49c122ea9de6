"""What programs really print (vagrant_says.yaml), and what becomes of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from vm import vagrant_faults

LOCALE = "usr/share/rubygems-integration/all/gems/vagrant-2*/templates/locales/en.yml"
VAGRANT = "vagrant 2.3.4, templates/locales/en.yml: "
SAID = [
    tuple(row.values()) for row in yaml.safe_load(Path(__file__).with_name("vagrant_says.yaml").read_text())
]


@pytest.mark.parametrize(("source", "said", "means", "cure"), SAID)
def test_what_is_said_becomes_a_sentence_and_a_cure(source: str, said: str, means: str, cure: str) -> None:
    error = vagrant_faults.of(f"==> control-1: Creating domain...\n{said}\n\nSomething else", lambda: "")
    assert means in str(error), source
    assert cure in error.cure, source


def test_every_row_of_the_table_has_its_sentence_tried_here() -> None:
    tried = [str(vagrant_faults.of(said, lambda: "")) for _, said, _, _ in SAID]
    for fault in vagrant_faults.FAULTS:
        beginning = fault.means.partition("{")[0]
        assert any(beginning in said for said in tried), fault.means


@pytest.mark.skipif(not shutil.which("vagrant"), reason="Vagrant is not installed")
def test_the_installed_vagrant_still_says_what_is_quoted_of_it() -> None:
    texts = sorted(Path("/").glob(LOCALE))
    if not texts:
        pytest.skip("Vagrant is not Debian's: its texts lie elsewhere")
    known = " ".join(texts[-1].read_text().split())
    for source, said, _, _ in SAID:
        if source.startswith(VAGRANT):
            # Up to the first word that Vagrant fills in.
            quoted = re.split(r"'|\d{3,}|expected:", " ".join(said.split()))[0]
            assert quoted in known, source


def test_virtualbox_says_itself_why_vagrant_finds_no_provider() -> None:
    error = vagrant_faults.of(
        "No usable default provider could be found for your system.",
        lambda: (
            "WARNING: The vboxdrv kernel module is not loaded. Either there is no module\n6.0.12r133076\n"
        ),
    )
    assert "no kernel module" in str(error)
    assert "vboxconfig" in error.cure


def test_virtualbox_is_asked_for_what_ails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert vagrant_faults.asked() == ""
    program = tmp_path / "VBoxManage"
    program.write_text("#!/bin/sh\necho WARNING: $1\n")
    program.chmod(0o755)
    assert vagrant_faults.asked() == "WARNING: --version\n"


def test_what_is_in_no_row_is_shown_as_vagrant_said_it() -> None:
    error = vagrant_faults.of("==> worker-1: Creating\n\nThe moon is in the wrong house.\n")
    assert "The moon is in the wrong house." in str(error)


def test_of_an_error_that_vagrant_did_not_expect_its_sentence_is_shown_and_not_its_way() -> None:
    frame = "/usr/share/rubygems-integration/all/gems/vagrant-2.3.4/lib/vagrant/util/busy.rb:19:in `busy'"
    first = "domain.rb:21:in `create': Call to virDomainCreateWithFlags failed: PCI: slot 2 (Libvirt::Error)"
    found = vagrant_faults.of("\n".join(["==> worker-1: Starting domain.", first, *[frame] * 20]))
    assert str(found).endswith(f"Starting domain.\n{first}")


@pytest.mark.parametrize(
    ("heard", "means", "cure"),
    [
        (
            "==> control-1: Starting domain.\n==> worker-1: Waiting for domain to get an IP address...\n"
            "==> control-1: Machine booted and ready!\n",
            "worker-1 was started, but never got an address: Vagrant said nothing for 300 s",
            "firewall",
        ),
        (
            "==> worker-1: Waiting for domain to get an IP address...\n==> worker-1: Waiting for machine to "
            "boot. This may take a few minutes...\n    worker-1: Warning: Connection refused. Retrying...\n",
            "worker-1 has an address, but does not let anybody in",
            "makes it anew",
        ),
        ("==> box: Unpacking\n", "said nothing for 300 s; last: ==> box: Unpacking", "lab up"),
        ("", "last: nothing at all", "lab doctor"),
    ],
)
def test_silence_is_told_by_the_machine_that_keeps_vagrant_waiting(heard: str, means: str, cure: str) -> None:
    error = vagrant_faults.silent(300, heard)
    assert means in str(error)
    assert cure in error.cure


@pytest.mark.parametrize(
    "said",  # of Vagrant's en.yml: interrupted, cli_interrupt, downloader_interrupted, download.interrupted
    [
        "Vagrant exited after cleanup due to external interrupt.",
        "Exiting due to interrupt.",
        "The download was interrupted by an external signal. It did not\ncomplete.",
        "Box download was interrupted. Exiting.",
    ],
)
def test_an_interruption_is_no_fault(said: str) -> None:
    assert vagrant_faults.INTERRUPTED.search(said)


@pytest.mark.parametrize(
    "said",
    [
        "Volume for domain is already created. Please run 'vagrant destroy' first.",
        "Name `lab-1a2b3c-worker-1` of domain about to create is already taken. Please try to run",
        "operation failed: domain 'lab-1a2b3c-worker-1' already exists with uuid 4f0f",
        "Address 192.168.57.10 does not match with network name lab-1a2b3c.",
        "A VirtualBox machine with the name 'lab-1a2b3c-worker-1' already exists.",
    ],
)
def test_remains_are_told_from_faults(said: str) -> None:
    assert vagrant_faults.REMAINS.search(said)
    assert not vagrant_faults.REMAINS.search("No space left on device")
