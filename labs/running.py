"""The lab that runs in this state folder, as its inventory names it."""

from __future__ import annotations

from labs import config, sudo
from labs.errors import NotUp
from vm import inventory, lock
from vm.inventory import Inventory


def here() -> Inventory:
    """The running lab; raises NotUp. Into one that root started the command goes as root, through sudo."""
    home = config.home()
    if not lock.held(home.path):
        raise NotUp(f"no cluster is running in {home.path}", "start it with `lab up`")
    if sudo.started_by_root(home):
        sudo.again(home, config.workspace(), "this lab was started by root; entering it")
    return inventory.load(home.inventory)
