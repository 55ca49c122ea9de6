from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labs.agent.environment import Lookups
from labs.agent.payload import Sources, VolumeUnavailable
from labs.agent.volumes import Volumes, refers_to
from vm.spawn import Mount

CONFIG = {"kind": "ConfigMap", "data": {"a": "1"}}


async def no_token(namespace: str, account: str, source: dict[str, Any]) -> str:
    return ""


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    found = {("shop", "cfg"): CONFIG}
    lookups = Lookups(lambda *name: found.get(name), lambda *name: None)  # type: ignore[arg-type]
    return Volumes(tmp_path / "state", Sources(lookups, no_token))


def pod(*volumes: dict[str, Any]) -> dict[str, Any]:
    named = [{"name": f"v{number}", **volume} for number, volume in enumerate(volumes)]
    return {"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {"volumes": named}}


async def test_each_kind_is_made(volumes: Volumes, tmp_path: Path) -> None:
    made = pod(
        {"configMap": {"name": "cfg"}},
        {"emptyDir": {}},
        {"hostPath": {"path": str(tmp_path / "new"), "type": "DirectoryOrCreate"}},
        {"hostPath": {"path": str(tmp_path / "file"), "type": "FileOrCreate"}},
    )
    await volumes.set_up(made)
    config, empty, folder, file = (volumes.path(made, volume) for volume in made["spec"]["volumes"])
    assert (config / "a").read_text() == "1"
    assert list(empty.iterdir()) == []
    assert folder.is_dir()
    assert file.is_file()


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "no"}}, 'volume "v0" : configmap "no" not found'),
        ({"hostPath": {"path": "/no/such", "type": "Directory"}}, "/no/such is not a Directory"),
        ({"nfs": {"server": "x"}}, "volumes of kind nfs are not served here, only configMap, secret"),
    ],
)
async def test_what_cannot_be_made_is_named(volumes: Volumes, volume: dict[str, Any], message: str) -> None:
    with pytest.raises(VolumeUnavailable, match=r"MountVolume\.SetUp failed") as raised:
        await volumes.set_up(pod(volume))
    assert message in str(raised.value)


def read(path: str) -> str:
    return Path(path).read_text()


async def test_outer_mount_points_come_first_and_a_subpath_is_itself(volumes: Volumes) -> None:
    made = pod({"configMap": {"name": "cfg"}}, {"emptyDir": {}})
    await volumes.set_up(made)
    container = {
        "volumeMounts": [
            {"name": "v0", "mountPath": "/data/in/a", "subPath": "a"},
            {"name": "v1", "mountPath": "/data/", "subPathExpr": "$(WHO)"},
        ]
    }
    outer, inner = volumes.mounts(made, container, {"WHO": "me"})
    empty = volumes.path(made, made["spec"]["volumes"][1])
    assert outer == Mount(str(empty / "me"), "/data")
    assert (inner.target, inner.readonly) == ("/data/in/a", True)
    assert read(inner.source) == "1"


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../b"])
async def test_a_subpath_stays_in_its_volume(volumes: Volumes, path: str) -> None:
    made = pod({"emptyDir": {}})
    await volumes.set_up(made)
    container = {"volumeMounts": [{"name": "v0", "mountPath": "/d", "subPath": path}]}
    with pytest.raises(VolumeUnavailable, match="leads out of its volume"):
        volumes.mounts(made, container, {})


@pytest.mark.parametrize(
    ("volume", "kind", "refers"),
    [
        ({"configMap": {"name": "cfg"}}, "ConfigMap", True),
        ({"configMap": {"name": "cfg"}}, "Secret", False),
        ({"secret": {"secretName": "cfg"}}, "Secret", True),
        ({"projected": {"sources": [{"secret": {"name": "cfg"}}]}}, "Secret", True),
        ({"emptyDir": {}}, "ConfigMap", False),
    ],
)
def test_which_pods_a_change_concerns(volume: dict[str, Any], kind: str, refers: bool) -> None:
    assert refers_to(pod(volume), kind, "cfg") is refers
