"""What Vagrant says when it fails, and what to do about it: a row a fault.

Vagrant's own messages are long and speak of its plug-ins. The first row whose words are found in the output
gives the lab's sentence; without one Vagrant's last words are shown as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vm.errors import HostCannot

LAST = 8  # lines that are quoted where no row fits


@dataclass(frozen=True, slots=True)
class Fault:
    """`said` is a regular expression; its groups may stand in `means` as {0}, {1}…"""

    said: str
    means: str
    cure: str


NO_PROVIDER = Fault(
    r"No usable default provider|provider '\S+' could not be found|requested to use the '(\S+)' provider",
    "Vagrant has no provider that works here: nothing that can run virtual machines",
    "Linux: `sudo apt-get install vagrant-libvirt libvirt-daemon-system`; macOS and Windows: VirtualBox, or "
    "Parallels on Apple silicon; `lab doctor` looks",
)
FAULTS = (
    NO_PROVIDER,
    Fault(
        r"vboxdrv|kernel module is not loaded|VERR_VM_DRIVER_NOT_INSTALLED|/dev/vboxdrv",
        "VirtualBox has no kernel module for this kernel",
        "`sudo apt-get install linux-headers-$(uname -r)`, then `sudo /sbin/vboxconfig`; with Secure Boot "
        "the module must be signed, VirtualBox's message says how",
    ),
    Fault(
        r"VERR_VMX_NO_VMX|VERR_SVM_DISABLED|VT-x is (?:disabled|not available)|AMD-V is disabled|"
        r"domain type '?kvm'?|KVM is not available|Could not access KVM",
        "this host's processor does not virtualise: it is switched off, or this is itself a virtual machine",
        "switch VT-x or AMD-V on in the firmware; in a virtual machine, nested virtualisation in its host; "
        "then `lab down --purge`, `lab up --backend vagrant`",
    ),
    Fault(
        r"forwarded port to (\d+) is already in use|Address already in use.*?(\d+)",
        "port {0} of this host, meant for the API server, is taken",
        "`ss -ltnp` says by whom; end that, or `lab down --purge` and `lab up`, which takes another port",
    ),
    Fault(
        r"[Nn]etwork is already in use by interface (\S+)|IP address configured for the host-only network",
        "another card of this host ({0}) is in the machines' private network",
        "take it down, or `lab down --purge` and `lab up`, which takes another network",
    ),
    Fault(
        r"Failed to connect socket to '(\S*libvirt\S*)'|Connection refused.*libvirt",
        "libvirt does not answer at {0}",
        "`sudo systemctl start libvirtd`; without systemd: `sudo virtlogd -d; sudo libvirtd -d`",
    ),
    Fault(
        r"libvirt-sock': Permission denied|authentication unavailable|polkit",
        "this user may not use libvirt",
        "`sudo adduser $USER libvirt`, then log in again",
    ),
    Fault(
        r"No space left on device|ENOSPC",
        "the disk is full",
        "make room where libvirt (/var/lib/libvirt/images) or Vagrant (~/.vagrant.d) keep their disks; then "
        "`lab up` goes on",
    ),
    Fault(
        r"Could(?:n't| not) resolve host|box '(\S+)' could not be found|Failed to connect to .*vagrantup|"
        r"error occurred while downloading the remote file",
        "the box cannot be had: Vagrant's catalogue does not answer",
        "`lab box build` makes one from Debian packages; then `lab up --backend vagrant`",
    ),
    Fault(
        r"provider.*does not support.*architecture|wrong architecture|cannot execute binary|"
        r"does not support arch|[Nn]o guest options available for arch",
        "the box is for another architecture than this host's",
        "`lab box build` makes one for this host; then `lab down --purge` and `lab up --backend vagrant`",
    ),
    Fault(
        r"Timed out while waiting for the machine to boot|Wait_for timeout|failed to wait for .*address",
        "a machine booted, but never answered",
        "`lab up` again tries once more; `lab doctor` says whether machines are emulated here",
    ),
    Fault(
        r"Cannot access storage file '(\S+)'|Could not open '(\S+)': Permission denied",
        "QEMU, which libvirt runs as another user, may not read {0}",
        "let it into the folders above: `chmod o+x` each of them, or set LAB_HOME and VAGRANT_HOME elsewhere",
    ),
)
INTERRUPTED = re.compile(r"exited after cleanup due to external interrupt|Interrupted\. Exiting|SIGINT")
REMAINS = re.compile(r"Volume for domain is already created|domain '?\S+'? already exists|Name `\S+` .*taken")


def of(output: str) -> HostCannot:
    """The error for what Vagrant said."""
    for fault in FAULTS:
        found = re.search(fault.said, output)
        if found:
            named = [group for group in found.groups() if group] or ["this host"]
            return HostCannot(fault.means.format(*named), fault.cure)
    last = [line for line in output.splitlines() if line.strip()][-LAST:]
    return HostCannot("Vagrant failed: " + "\n".join(last), "`lab doctor`; or `lab up` again, which goes on")
