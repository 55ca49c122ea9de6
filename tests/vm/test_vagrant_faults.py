from __future__ import annotations

import pytest

from vm import vagrant_faults

SAID = [
    ("No usable default provider could be found for your system.", "no provider", "vagrant-libvirt"),
    (
        "The provider 'parallels' could not be found, but was requested to\nback the machine",
        "no provider",
        "VirtualBox",
    ),
    ("WARNING: The vboxdrv kernel module is not loaded.", "no kernel module", "vboxconfig"),
    ("VBoxManage: error: VT-x is not available (VERR_VMX_NO_VMX)", "does not virtualise", "nested"),
    (
        "The forwarded port to 16443 is already in use\non the host machine.",
        "port 16443 of this host",
        "ss -ltnp",
    ),
    (
        "internal error: Network is already in use by interface br0",
        "another card of this host (br0)",
        "another network",
    ),
    (
        "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
        "/var/run/libvirt/libvirt-sock",
        "libvirtd",
    ),
    ("unable to connect: libvirt-sock': Permission denied", "may not use libvirt", "adduser"),
    ("cannot write data to file: No space left on device", "the disk is full", "make room"),
    (
        "An error occurred while downloading the remote file. Could not resolve host: vagrantcloud.com",
        "catalogue does not answer",
        "lab box build",
    ),
    ("could not get preferred machine: cannot execute binary", "another architecture", "lab box build"),
    ("Timed out while waiting for the machine to boot.", "never answered", "lab up"),
    ("Cannot access storage file '/home/me/x/vmlinuz'", "/home/me/x/vmlinuz", "chmod o+x"),
]


@pytest.mark.parametrize(("said", "means", "cure"), SAID)
def test_what_vagrant_says_becomes_a_sentence_and_a_cure(said: str, means: str, cure: str) -> None:
    error = vagrant_faults.of(f"==> control-1: Creating domain...\n{said}\n\nSomething else")
    assert means in str(error)
    assert cure in error.cure


def test_every_row_of_the_table_has_its_sentence_tried_here() -> None:
    tried = {str(vagrant_faults.of(said)) for said, _, _ in SAID}
    assert len(tried) >= len(vagrant_faults.FAULTS)


def test_what_is_in_no_row_is_shown_as_vagrant_said_it() -> None:
    error = vagrant_faults.of("==> worker-1: Creating\n\nThe moon is in the wrong house.\n")
    assert "The moon is in the wrong house." in str(error)


def test_remains_and_interruptions_are_told_from_faults() -> None:
    assert vagrant_faults.REMAINS.search(
        "Volume for domain is already created. Please run 'vagrant destroy' first."
    )
    assert vagrant_faults.INTERRUPTED.search("Vagrant exited after cleanup due to external interrupt.")
    assert not vagrant_faults.REMAINS.search("No space left on device")
