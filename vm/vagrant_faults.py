"""What Vagrant and its providers say when something is wrong, and what to do about it: a row a fault.

Their messages are long and speak of plug-ins. The first row whose words are found in the output gives the
lab's sentence; without one Vagrant's last words are shown as they are. Each row's words are what the programs
print; tests/vm/test_vagrant_faults.py has them at length, with where they come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from vm import command
from vm.errors import HostCannot, MachineError

LAST = 8  # lines that are quoted where no row fits
GO_ON = "; then `lab up` goes on"


@dataclass(frozen=True, slots=True)
class Fault:
    """`said` is a regular expression; its groups may stand in `means` as {0}, {1}…"""

    said: str
    means: str
    cure: str


NO_PROVIDER = Fault(
    r"No usable default provider|provider '\S+' could not be found|reporting that it isn't usable",
    "Vagrant has no provider that works here: nothing that can run virtual machines",
    "Linux: `sudo apt-get install vagrant-libvirt libvirt-daemon-system`; macOS: VirtualBox, or Parallels on "
    "Apple silicon; `lab doctor` looks, vm/README.md has the whole list",
)
FAULTS = (
    Fault(
        r"VERR_VMX_IN_VMX_ROOT_MODE|VERR_SVM_IN_USE",
        "KVM holds the processor's virtualisation, and VirtualBox wants it for itself",
        "end what uses KVM and `sudo modprobe -r kvm_intel` (or kvm_amd); or let libvirt, which uses KVM, "
        "run the machines: `sudo apt-get install vagrant-libvirt libvirt-daemon-system`",
    ),
    Fault(
        r"VERR_VMX_NO_VMX|VERR_SVM_NO_SVM|VERR_VMX_MSR_\w*DISABLED|VERR_SVM_DISABLED|VERR_NEM_NOT_AVAILABLE|"
        r"virt type 'kvm'|preferred machine for \S+ type=kvm|capabilities for domaintype=kvm|"
        r"Domain requires KVM|Could not access KVM|failed to initialize kvm",
        "this host's processor does not virtualise: it is switched off, or this is itself a virtual machine",
        "switch VT-x or AMD-V on in the firmware; in a virtual machine, nested virtualisation in its host. "
        "Or `lab down --purge` and `lab up`: where KVM does not run, libvirt emulates",
    ),
    Fault(
        r"vboxdrv|kernel modules? (?:is|are) not loaded|VERR_VM_DRIVER_NOT_INSTALLED|"
        r"VirtualBox is complaining that the installation is incomplete",
        "VirtualBox has no kernel module for this kernel",
        "`sudo apt-get install linux-headers-$(uname -r)`, then `sudo /sbin/vboxconfig`; with Secure Boot "
        "the module must be signed, VirtualBox's message says how",
    ),
    Fault(
        r"PLATFORM_ARCH_NOT_SUPPORTED|platform architecture \S+ is not supported|"
        r"(?:support|match\w*) the (?:requested )?architecture|capabilities for arch=(\S+)|"
        r"No emulator found for arch '(\S+)'|does not support arch '(\S+)'|emulator to serve '(\S+)' arch",
        "the box is for another architecture than this host's",
        "`lab down --purge`, `lab box build`, which makes one for this host, and `lab up --backend vagrant`; "
        "on Apple silicon with Parallels, VMware or QEMU",
    ),
    Fault(
        r"ACPI requires UEFI on this architecture",
        "these machines were defined as those of a PC, with ACPI, and this host's architecture has none",
        "`lab down --purge` and `lab up --backend vagrant`, which defines them without",
    ),
    Fault(
        r"doesn't support the provider|isn't installed for the provider '(\S+)'|Provider expected: (\S+)",
        "the box is not made for this provider ({0})",
        "`lab box build` makes one for libvirt, the catalogue has it for others: `lab down --purge`, then "
        "`lab up --backend vagrant`",
    ),
    Fault(
        r"forwarded port to (\d+) is already in use|bind \[\S+\]:(\d+): Address already in use",
        "port {0} of this host, meant for the API server, is taken",
        "`ss -ltnp` says by whom; end that, or `lab down` and `lab up`, which takes another port",
    ),
    Fault(
        r"Network is already in use by interface (\S+)|bridge name '(\S+)' already in use",
        "another network of this host ({0}) is where one of the machines' should be",
        "take it down; or `lab down --purge` and `lab up --backend vagrant`, which looks for free networks",
    ),
    Fault(
        r"libvirt-sock': Permission denied|authentication unavailable|polkit",
        "this user may not use libvirt",
        "`sudo adduser $USER libvirt`, then log in again",
    ),
    Fault(
        r"Failed to connect socket to '(\S*libvirt\S*)'",
        "libvirt does not answer at {0}",
        "`sudo systemctl start libvirtd`; without systemd: `sudo virtlogd -d; sudo libvirtd -d`",
    ),
    Fault(
        r"No space left on device|ENOSPC|VERR_DISK_FULL|Failure writing output to destination",
        "the disk is full",
        "make room where libvirt (/var/lib/libvirt/images), VirtualBox (its machine folder) and Vagrant "
        "(~/.vagrant.d) keep disks and boxes" + GO_ON,
    ),
    Fault(
        r"Could(?:n't| not) resolve host|box '(\S+)' could not be found|Failed to connect to \S+ port|"
        r"error occurred while downloading the remote file|SSL certificate problem",
        "the box cannot be had: Vagrant's catalogue does not answer",
        "`lab down --purge`, `lab box build`, which makes one from Debian packages, and `lab up --backend "
        "vagrant`",
    ),
    Fault(
        r"(?:find|execute)\S* '?dnsmasq'? binary",
        "libvirt has no dnsmasq, which gives machines their addresses",
        "`sudo apt-get install dnsmasq-base`" + GO_ON,
    ),
    Fault(
        r"Timed out while waiting for the machine to boot|wait_for timeout \([\d.]+ seconds\) was exceeded",
        "a machine booted, but never answered",
        "`lab up` again tries once more; `lab doctor` says whether machines are emulated here, and whether a "
        "box of this host's architecture is there",
    ),
    Fault(
        r"[Cc]annot access storage file '([^']+)'|Could not open '([^']+)': Permission denied|"
        r"could not (?:open|load) (?:kernel|initrd)(?: file)? '([^']+)'",
        "QEMU, which libvirt runs as another user, may not read {0}",
        "let it into the folders above: `chmod o+x` each of them, or set LAB_HOME and VAGRANT_HOME elsewhere",
    ),
    Fault(
        r"machine because it is locked|Vagrant attempted to acquire a lock",
        "another Vagrant still works on these machines, perhaps one that was interrupted and tidies up",
        "wait until it has ended (`pgrep -af vagrant` shows it)" + GO_ON,
    ),
    NO_PROVIDER,
)
SILENT = (
    Fault(
        r"(\S+): Waiting for domain to get an IP address",
        "{0} was started, but never got an address",
        "a firewall (ufw, firewalld) may drop its DHCP on libvirt's bridge: `sudo ufw allow in on virbr1`, "
        "or whichever `ip -br address` shows with 192.168.121.1" + GO_ON,
    ),
    Fault(
        r"(\S+): (?:Waiting for machine to boot|Waiting for SSH|Warning: .* Retrying)",
        "{0} has an address, but does not let anybody in",
        "`lab down --purge`, then `lab up --backend vagrant` makes it anew",
    ),
)
"""Where a machine waits when Vagrant says nothing more, by the last line about it."""

FRAME = re.compile(r"\s*(from )?\S+\.rb:\d+:in `[^']*'")
"""A line of the way to an error that Vagrant did not expect; the error itself is in the line above them."""
INTERRUPTED = re.compile(r"due to (?:external )?interrupt|download was interrupted")
REMAINS = re.compile(
    r"Volume for domain is already created|domain '?\S+'? already exists|Name `\S+` .*taken|"
    r"does not match with network name|VirtualBox machine with the name '\S+' already exists"
)


def of(output: str, virtualbox: Callable[[], str] | None = None) -> HostCannot:
    """The error for what Vagrant said.

    Vagrant does not say why VirtualBox is none of the providers that work; VirtualBox itself does.
    """
    fault, error = _first(FAULTS, output)
    if fault is NO_PROVIDER:
        error = _first(FAULTS, (virtualbox or asked)())[1] or error
    if error:
        return error
    last = [line for line in output.splitlines() if line.strip() and not FRAME.fullmatch(line)][-LAST:]
    return HostCannot("Vagrant failed: " + "\n".join(last), "`lab doctor`; or `lab up` again, which goes on")


def silent(seconds: int, heard: str) -> MachineError:
    """The error for Vagrant having said nothing for so long after all that."""
    lines = [line for line in heard.splitlines() if line.strip()]
    last = {found[1]: line for line in lines if (found := re.match(r"(?:==>)? *(\S+): ", line))}
    told = f"Vagrant said nothing for {seconds} s"
    for line in last.values():  # machines are made side by side: who waits need not have spoken last
        if error := _first(SILENT, line)[1]:
            return HostCannot(f"{error}: {told}", error.cure)
    return MachineError(
        f"{told}; last: {lines[-1] if lines else 'nothing at all'}",
        "`lab up` again goes on from there; `lab doctor` says whether machines are emulated here",
    )


def asked() -> str:
    """What VirtualBox says when it is asked for its version: also what is wrong with it."""
    try:
        done = command.run(["VBoxManage", "--version"], check=False)
    except MachineError:
        return ""
    return done.stdout + done.stderr


def _first(faults: tuple[Fault, ...], output: str) -> tuple[Fault | None, HostCannot | None]:
    for fault in faults:
        found = re.search(fault.said, output)
        if found:
            named = [group for group in found.groups() if group] or ["this host"]
            return fault, HostCannot(fault.means.format(*named), fault.cure)
    return None, None
