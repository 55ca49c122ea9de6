"""The lab that runs in this state folder, as its inventory names it."""

from __future__ import annotations

import json

from labs import config, sudo
from labs.config import Home
from labs.errors import NotUp
from vm import inventory, lock
from vm.inventory import Inventory


def here() -> Inventory:
    """The running lab, to enter its machines; raises NotUp. Into root's the command goes as root."""
    home = up()
    enter(home)
    return inventory.load(home.inventory)


def up() -> Home:
    """The state folder of the running lab, for who only talks to its API; raises NotUp."""
    home = config.home()
    if not alive(home):
        raise NotUp(f"no cluster is running in {home.path}", "start it with `lab up`")
    return home


def alive(home: Home) -> bool:
    """Whether a cluster runs: one of namespaces holds the lock, virtual machines are in the inventory."""
    return lock.held(home.path) or backend(home) == "vagrant"


def backend(home: Home) -> str:
    """Where the machines of the inventory come from; "" without one."""
    try:
        return str(json.loads(home.inventory.read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def enter(home: Home) -> None:
    """Begin this command again as root, through sudo, where root started the lab; else nothing."""
    if sudo.started_by_root(home):
        sudo.again(home, config.workspace(), "this lab was started by root; entering it")
