"""A pod's volumes: folders that its containers get mounted, and what keeps them up to date.

Two sorts, as two tables: volumes made of API objects (``PAYLOADS``), written by the atomic writer again and
again while the objects change, and plain folders (``FOLDERS``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labs.agent.atomic import write
from labs.agent.environment import expand
from labs.agent.payload import Sources, VolumeUnavailable, payload
from vm.spawn import Mount

Object = dict[str, Any]
PAYLOADS = ("configMap", "secret", "downwardAPI", "projected")

# hostPath.type → what must be there; what the two …OrCreate want has been made before.
HOST_PATHS: Mapping[str, Callable[[Path], bool]] = {
    "": lambda path: True,
    "Directory": Path.is_dir,
    "DirectoryOrCreate": Path.is_dir,
    "File": Path.is_file,
    "FileOrCreate": Path.is_file,
    "Socket": Path.is_socket,
    "CharDevice": Path.is_char_device,
    "BlockDevice": Path.is_block_device,
}


class Volumes:
    """The volumes of all pods of a node, under ``state/pods/UID/volumes``."""

    def __init__(self, state: Path, sources: Sources) -> None:
        self._state = state
        self._sources = sources

    async def set_up(self, pod: Object) -> None:
        """Make all volumes of the pod, or bring them up to date; raises VolumeUnavailable, ApiError."""
        for volume in pod["spec"].get("volumes", ()):
            try:
                await self._set_up(pod, volume)
            except (OSError, VolumeUnavailable) as error:
                message = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                raise VolumeUnavailable(message) from error

    async def _set_up(self, pod: Object, volume: Object) -> None:
        path = self.path(pod, volume)
        if any(kind in volume for kind in PAYLOADS):
            write(path, await payload(pod, volume, self._sources))
        elif "hostPath" in volume:
            kind = volume["hostPath"].get("type") or ""
            create(path, kind)
            if kind not in HOST_PATHS or not HOST_PATHS[kind](path):
                raise VolumeUnavailable(f"hostPath type check failed: {path} is not a {kind}")
        elif "emptyDir" in volume:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o777)
        else:
            known = ", ".join((*PAYLOADS, "emptyDir", "hostPath"))
            kinds = ", ".join(key for key in volume if key != "name")
            raise VolumeUnavailable(f"volumes of kind {kinds} are not served here, only {known}")

    def path(self, pod: Object, volume: Object) -> Path:
        """Where the volume lies on the node."""
        if "hostPath" in volume:
            return Path(volume["hostPath"]["path"])
        kind = next((key for key in volume if key != "name"), "none")
        folder = self._state / "pods" / str(pod["metadata"]["uid"]) / "volumes"
        return folder / f"kubernetes.io~{kind.lower()}" / str(volume["name"])

    def mounts(self, pod: Object, container: Object, variables: Mapping[str, str]) -> tuple[Mount, ...]:
        """What the container's mount namespace needs, outer mount points first."""
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
        found = [
            self._mount(pod, volumes[mount["name"]], mount, variables)
            for mount in container.get("volumeMounts", ())
        ]
        return tuple(sorted(found, key=lambda mount: mount.target.count("/")))

    def _mount(self, pod: Object, volume: Object, mount: Object, variables: Mapping[str, str]) -> Mount:
        path = self.path(pod, volume)
        inner = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables)
        if inner:
            path = self._below(path, inner)
        readonly = bool(mount.get("readOnly")) or any(kind in volume for kind in PAYLOADS)
        return Mount(str(path), mount["mountPath"].rstrip("/") or "/", readonly=readonly)

    def _below(self, path: Path, inner: str) -> Path:
        """The subPath, links resolved: a mount of it stays what it is, as with the kubelet."""
        if ".." in Path(inner).parts or Path(inner).is_absolute():
            raise VolumeUnavailable(
                f"subPath {inner!r} leads out of its volume; it must be relative, without `..`"
            )
        target = path / inner
        if not target.exists():
            target.mkdir(parents=True)
        return Path(target.resolve())


def create(path: Path, kind: str) -> None:
    """Make what a hostPath of this type wants made; raises OSError."""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    if kind == "FileOrCreate":
        path.touch()


def refers_to(pod: Object, kind: str, name: str) -> bool:
    """Whether a volume of the pod is made of this ConfigMap or Secret."""
    for volume in pod["spec"].get("volumes", ()):
        for source in (volume, *volume.get("projected", {}).get("sources", ())):
            words = source.get("configMap" if kind == "ConfigMap" else "secret") or {}
            if name in (words.get("name"), words.get("secretName")):
                return True
    return False
