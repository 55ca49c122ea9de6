"""Boots the kernel under QEMU over this machine's own files, read-only, and runs one script in it as root.

No KVM: it hangs on some machines that offer it. An emulated processor is ten times slower, so what costs
many system calls is kept away from it: files come by 9p and are cached, since nobody changes them; no
daemon is started; the script is process 1, and when it ends the machine does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from guest_kernel.parts import PATH, Kernel, run

MODULES = ("virtio_pci", "virtio_rng", "9pnet_virtio", "9p")
"""What it takes to see this machine's files; the rest the kernel finds there."""

TIED = ("setpriv", "--pdeathsig", "KILL")
"""In front of a command: it ends when who started it does, however that ended."""

QEMU = (
    *TIED,
    *("nice", "-n", "5"),  # tests that run beside it measure times; those in it are patient
    *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
    *("-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "qemu64"),
    *("-smp", "2", "-m", "2G", "-device", "virtio-rng-pci"),
)
"""qemu64 has no AVX: C libraries choose it where they can, and emulating it is slower than doing without."""

FRESH = ("/tmp", "/run")
"""Folders that the guest has for itself."""

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
for module in /modules/*; do insmod "$module"; done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host
{keep}
mount -t tmpfs tmpfs /host/tmp
mount -t tmpfs tmpfs /host/run
{restore}
mount -t proc proc /host/proc
mount -t sysfs sys /host/sys
mount -t devtmpfs dev /host/dev
mkdir -p /host/dev/pts /host/dev/shm
mount -t devpts devpts /host/dev/pts
mount -t tmpfs tmpfs /host/dev/shm
mount -t 9p -o rw,trans=virtio,version=9p2000.L,msize=512000 shared /host{shared}
printf '#!/bin/sh\\nexec /sbin/modprobe -d {kernel} "$@"\\n' >/host/run/modprobe
chmod +x /host/run/modprobe
echo /run/modprobe >/proc/sys/kernel/modprobe
hostname guest
ip link set lo up
umount /proc
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
  switch_root /host /bin/sh {shared}/script
"""

END = """
echo o >/proc/sysrq-trigger  # power off
sleep 60
"""


def boot(kernel: Kernel, shared: Path, script: str) -> subprocess.Popen[bytes]:
    """Begin; ``shared`` is a folder that both see at the same path, in which the console is written too."""
    (shared / "script").write_text(script + END, encoding="utf-8")
    initrd = _initrd(kernel, shared)
    command = "console=ttyS0 panic=-1 quiet sysrq_always_enabled"
    return subprocess.Popen(
        [
            *QEMU,
            *("-kernel", str(kernel.image), "-initrd", str(initrd), "-append", command),
            *("-serial", f"file:{shared / 'console'}"),
            *_share("host", Path("/"), ",readonly=on,multidevs=remap"),
            *_share("shared", shared, ""),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": PATH},
        start_new_session=True,
    )


def _share(tag: str, path: Path, options: str) -> tuple[str, str]:
    return "-virtfs", f"local,path={path},mount_tag={tag},security_model=none{options}"


def _initrd(kernel: Kernel, shared: Path) -> Path:
    """A root of busybox, a few modules and the script above."""
    root = shared / "initrd"
    for name in ("bin", "modules", "proc", "host"):
        (root / name).mkdir(parents=True)
    shutil.copy(str(shutil.which("busybox", path=PATH)), root / "bin/busybox")
    for number, module in enumerate(_modules(kernel)):
        shutil.copy(module, root / f"modules/{number:02}-{module.name}")
    init = root / "init"
    init.write_text(_init(kernel, shared), encoding="utf-8")
    init.chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    archive = shared / "initrd.cpio"
    run("cpio", "--quiet", "--create", "--format=newc", f"--file={archive}", cwd=root, text=f"{names}\n")
    return archive


def _modules(kernel: Kernel) -> list[Path]:
    """The modules in the order of loading, with all that they need."""
    version, place = kernel.version, str(kernel.folder)
    said = run("modprobe", "-d", place, "-S", version, "--show-depends", "--all", *MODULES)
    words = [line.split() for line in said.splitlines()]
    return list(dict.fromkeys(Path(line[1]) for line in words if line[0] == "insmod"))


def _init(kernel: Kernel, shared: Path) -> str:
    hidden = list(_hidden((Path.cwd(), Path(sys.prefix), Path(sys.base_prefix), kernel.folder)))
    return INIT.format(
        keep="\n".join(
            f"mkdir -p /keep/{at}; mount --bind /host{path} /keep/{at}" for at, path in enumerate(hidden)
        ),
        restore="\n".join(
            f"mkdir -p /host{path}; mount --bind /keep/{at} /host{path}" for at, path in enumerate(hidden)
        ),
        shared=shared,
        kernel=kernel.folder,
    )


def _hidden(paths: Iterable[Path]) -> Iterable[Path]:
    """Those that the guest would not see because it has a folder of its own above them."""
    for path in dict.fromkeys(paths):
        if any(path.is_relative_to(fresh) for fresh in FRESH):
            yield path
