"""What the mode needs of the host, as the real one: Linux 5.13 and nft 1.0.1.

With an older kernel some of the rules load and match wrongly, so the mode does not start at all.
"""

from __future__ import annotations

import os
import platform
import re

from labs.errors import LabError

KERNEL = (5, 13)
NFT = (1, 0, 1)
SKIP = "KUBE_PROXY_NFTABLES_SKIP_KERNEL_VERSION_CHECK"
"""An environment variable of the real one, for kernels of a vendor who has put the fixes into an old one."""


class Unsupported(LabError):
    """This host cannot run the nftables mode."""


def check_kernel(release: str = "") -> None:
    """Raise Unsupported if the kernel is too old."""
    found = release or platform.release()
    if _numbers(found) < KERNEL and not os.environ.get(SKIP):
        cure = f"upgrade the kernel, use another mode, or set {SKIP} if it has the fixes"
        raise Unsupported(f"mode nftables needs Linux {_dotted(KERNEL)} or later, found {found}", cure)


def check_nft(version: str) -> None:
    """Raise Unsupported if the program, whose version is this text, is too old."""
    if _numbers(version) < NFT:
        found = version.strip() or "nothing"
        cure = "upgrade the package nftables, or use another mode"
        raise Unsupported(f"mode nftables needs nft {_dotted(NFT)} or later, found {found}", cure)


def _numbers(text: str) -> tuple[int, ...]:
    """The first number with dots in it; nothing counts as old."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
