"""`lab box build`: from packages to a box that Vagrant takes, step by step."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
import signal
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from vm import command, wheelhouse
from vm.box import rootfs, store
from vm.box.store import Box
from vm.errors import HostCannot
from vm.host import programs
from vm.probe import search_path
from vm.vagrant_cli import ENDINGS
from vm.wheelhouse import Guest

SPACE = 3 * 2**30  # bytes: packages, the unpacked system, its image, and the box
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "apt-get": "apt",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "cpio": "cpio",
    "ssh-keygen": "openssh-client",
    "dpkg-deb": "dpkg",
}
"""Programs by the Debian package that has them."""

METADATA = {"provider": "libvirt", "format": "qcow2", "virtual_size": 4}
CONSOLES = {"amd64": "ttyS0", "arm64": "ttyAMA0"}
VAGRANTFILE = """\
# No boot loader: QEMU starts the kernel, and the file system is the whole disk.
Vagrant.configure("2") do |config|
  config.vm.provider :libvirt do |libvirt|
    libvirt.kernel = File.expand_path("vmlinuz", __dir__)
    libvirt.initrd = File.expand_path("initrd.img", __dir__)
    libvirt.cmd_line = "{cmdline}"
  end
end
"""


def build(place: Path, report: Callable[[str], object], *, mirror: str = "") -> Box:
    """Make the box and put it to `place`, instead of the one that was there; its key stays the same.

    What mmdebstrap says is in `box-build.log` beside it, however it ended. Raises HostCannot with the cure;
    an interrupted build leaves the old box as it was.
    """
    architecture = store.architecture()
    require(place, architecture)
    place.parent.mkdir(parents=True, exist_ok=True)
    with (
        _endings(),
        _workshop() as work,
        tempfile.TemporaryDirectory(dir=place.parent, prefix="box-") as folder,
    ):
        made = Path(folder) / "made"
        made.mkdir(mode=0o700)
        public_key = _key(place, made)
        report("a key of this box's own")
        shutil.copyfile(wheelhouse.site(_python()), work / "sources" / "site.tar.gz")
        report("the Python packages of the machines' daemons")
        out = work / "out"
        argv = rootfs.words(work / "sources", out, public_key, architecture=architecture, mirror=mirror)
        rootfs.make(argv, report, place.with_name("box-build.log"))
        report("file system")
        _pack(out, made, architecture)
        made_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        name = f"kube-proxy-lab-{rootfs.SUITE}-{architecture}-{secrets.token_hex(4)}"
        kernel = (out / "version").read_text(encoding="ascii").strip()
        box = Box(made, name, architecture, kernel, made_at, store.contents())
        box.describe()
        store.replace(place, made)
    report("disk image and box")
    return dataclasses.replace(box, folder=place)


def cmdline(architecture: str) -> str:
    """The kernel's command line; network cards have the kernel's names, in the order of their slots."""
    console = CONSOLES.get(architecture, "ttyS0")
    return f"root=/dev/vda rw net.ifnames=0 quiet console={console}"


def require(place: Path, architecture: str) -> None:
    """Raise HostCannot for what is missing here."""
    if architecture not in CONSOLES:
        raise HostCannot(
            f"there is no box for the architecture {architecture}, only for {' and '.join(CONSOLES)}",
            "use a host with one of these",
        )
    missing = [tool for tool in TOOLS if not programs((tool,), search_path())[0]]
    if missing:
        packages = sorted({TOOLS[tool] for tool in missing})
        raise HostCannot(
            f"building a box needs the programs {', '.join(missing)}",
            f"on Debian and Ubuntu: `sudo apt-get install {' '.join(packages)}`; on other systems `lab up` "
            "takes the box of Vagrant's public catalogue",
        )
    for where in (place, _scratch()):
        _require_space(where)


def _python() -> Guest:
    return Guest(rootfs.PYTHON, {"amd64": "x86_64", "arm64": "aarch64"}[store.architecture()])


def _scratch() -> Path:
    """Where to work: on a disk, and not in a home that others may not enter."""
    return Path(os.environ.get("TMPDIR", "/var/tmp"))


def _require_space(where: Path) -> None:
    there = next(path for path in (where, *where.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < SPACE:
        raise HostCannot(
            f"a box needs {SPACE / 2**30:.0f} GiB while it is built, and {there} has {free / 2**30:.1f}",
            "make room there",
        )


@contextmanager
def _workshop() -> Iterator[Path]:
    """A folder that mmdebstrap's user may enter, with the hook's sources and a place for what it makes."""
    with tempfile.TemporaryDirectory(dir=_scratch(), prefix="lab-box-", ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        work.chmod(0o755)
        shutil.copytree(rootfs.HERE, work / "sources", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        (work / "out").mkdir(mode=0o700)
        if os.geteuid():  # the hook is another user then
            (work / "out").chmod(0o1777)
        yield work


@contextmanager
def _endings() -> Iterator[None]:
    """Whatever ends this process is a ^C meanwhile, also where mmdebstrap heard of it and failed."""
    came: list[int] = []

    def end(signum: int, _frame: FrameType | None) -> None:
        came.append(signum)
        raise KeyboardInterrupt

    before = {signum: signal.signal(signum, end) for signum in ENDINGS}
    try:
        yield
    except HostCannot:
        if came:
            raise KeyboardInterrupt from None
        raise
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _key(place: Path, made: Path) -> str:
    """Make the key, or take the old box's, whose machines stay open to it; returns the public half."""
    key = made / "key"
    if (place / "key").exists() and (place / "key.pub").exists():
        shutil.copy2(place / "key", key)
        shutil.copy2(place / "key.pub", made / "key.pub")
    else:
        command.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kube-proxy-lab", "-f", str(key)])
    return (made / "key.pub").read_text(encoding="ascii").strip()


def _pack(out: Path, made: Path, architecture: str) -> None:
    """The disk as qcow2, and all parts in the archive that Vagrant takes."""
    image = made / "box.img"
    command.run(["qemu-img", "convert", "-O", "qcow2", str(out / "root.img"), str(image)], timeout=300)
    shutil.copyfile(out / "vmlinuz", made / "vmlinuz")
    shutil.copyfile(out / "initrd.img", made / "initrd.img")
    (made / "metadata.json").write_text(json.dumps(METADATA), encoding="ascii")
    text = VAGRANTFILE.format(cmdline=cmdline(architecture))
    (made / "Vagrantfile").write_text(text, encoding="utf-8")
    with tarfile.open(made / "lab.box", "w") as archive:
        for name in ("metadata.json", "Vagrantfile", "vmlinuz", "initrd.img", "box.img"):
            archive.add(made / name, name)
    for name in ("box.img", "metadata.json", "Vagrantfile"):  # they are in the archive
        (made / name).unlink()
