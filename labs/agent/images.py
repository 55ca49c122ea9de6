"""Which program an image stands for: nothing is pulled, the lab's images are programs of its own.

The last part of the image's path, without tag and digest, is looked up: ``echo``, ``echo:1.2`` and
``registry.example/lab/echo`` are the same program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from labs.errors import LabError

NAME = re.compile(r"[a-z0-9]+([._/:@-]+[A-Za-z0-9_.]+)*")


class ImageUnknown(LabError):
    """No such program; ``reason`` is what ``kubectl get pods`` shows."""

    reason = "ErrImagePull"


class ImageNameInvalid(ImageUnknown):
    """The image's name cannot be one."""

    reason = "InvalidImageName"


def short_name(image: str) -> str:
    """``registry.example:5000/lab/echo:1.2@sha256:…`` → ``echo``."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def program(image: str, workloads: Mapping[str, str]) -> str:
    """The ``module:function`` behind an image; raises ImageUnknown with the images that there are."""
    if not NAME.fullmatch(image):
        raise ImageNameInvalid(f'couldn\'t parse image name "{image}": invalid reference format')
    try:
        return workloads[short_name(image)]
    except KeyError:
        known = ", ".join(sorted(workloads))
        message = (
            f'image "{image}" is not one of the lab\'s built-in images ({known}); nothing is pulled here'
        )
        raise ImageUnknown(message, f"use one of {known}") from None


def own_command(container: Mapping[str, list[str]], image: str) -> bool:
    """Whether ``command`` names the image's own program, as ``[kube-proxy, --v=2]`` does."""
    command = container.get("command") or []
    return bool(command) and PurePosixPath(command[0]).name == short_name(image)
