# ruff: noqa: T201
"""Runs a command line in a guest, as root of a machine that has IPVS, and prints what it says.

    python -P -m guest_kernel 'modprobe ip_vs_sh; ipvsadm -Ln'

Where to call it from, and what is different in there: the README two folders up.
"""

from __future__ import annotations

import sys
from pathlib import Path

from guest_kernel.guest import Guest
from guest_kernel.parts import Unavailable

PROJECT = Path(__file__).parents[5]


def main(command: str) -> int:
    try:
        guest = Guest(PROJECT, "sh {folder}/told", told=command)
    except Unavailable as error:
        print(f"no guest: {error}", file=sys.stderr)
        return 1
    try:
        for line in guest.lines("output"):
            print(line, flush=True)
        return guest.code
    finally:
        guest.stop()


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
