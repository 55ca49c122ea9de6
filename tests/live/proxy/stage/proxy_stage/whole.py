"""A whole kube-proxy, the program itself, with an API server of its own, in a namespace of the test's own.

Programs that it runs are found in a folder of the test's first, so a test may put one there that fails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from proxy_stage.patience import PATIENCE
from proxy_stage.world import HERE, World, namespaces, started

Object = dict[str, Any]
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "worker-1", "labels": {"topology.kubernetes.io/zone": "zone-a"}},
    "status": {"addresses": [{"type": "InternalIP", "address": "192.168.56.11"}]},
}
UP = "mount -t tmpfs tmpfs /run\nip link set lo up\nip addr add 192.168.56.11/32 dev lo\n"
PERIODS = {"syncPeriod": "2s", "minSyncPeriod": "100ms"}
DUMP = {
    "iptables": ("iptables-save",),
    "nftables": ("nft", "list", "table", "ip", "kube-proxy"),
    "userspace": ("iptables-save",),
    "ipvs": ("sh", "-c", "iptables-save; ipset save; ipvsadm -Sn"),
}


class Whole:
    """A running kube-proxy and the API that it watches."""

    def __init__(self, world: World, config: Object, folder: Path) -> None:
        self.world, self.config, self.folder = world, config, folder
        self.mode: str = config["mode"]
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.api: subprocess.Popen[str] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def tell(self, what: str, *objects: Object) -> None:
        """Have the API server do it."""
        assert self.api
        assert self.api.stdin
        assert self.api.stdout
        self.api.stdin.write(json.dumps({"do": what, "with": objects}) + "\n")
        self.api.stdin.flush()
        assert self.api.stdout.readline() == "done\n", f"the API server did not {what}"

    def rules(self) -> str:
        """What the kernel has, as text that is the same for the same rules."""
        lines = self.world(*DUMP[self.mode], check=False).splitlines()
        found = [re.sub(r" \[\d+:\d+\]$", "", line) for line in lines if not line.startswith("#")]
        in_order_of_making = self.mode in ("nftables", "ipvs")
        return "\n".join(sorted(found) if in_order_of_making else found)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of this metric over the series with these labels."""
        text = self.world("curl", "-s", "http://127.0.0.1:10249/metrics", check=False)
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in text.splitlines() if re.match(rf"kubeproxy_{name}[ {{]", line)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(word in line for word in wanted))

    def until(self, true: Callable[[], object], why: str, seconds: float = 15) -> None:
        """Poll until it holds; fails after the deadline."""
        deadline = time.monotonic() + seconds * PATIENCE
        while not true():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:g} s: {why}\n{self.log()[-4000:]}\n{self.rules()[-3000:]}")
            time.sleep(0.05)

    def descriptors(self) -> Counter[str]:
        """What kube-proxy has open, by kind: sockets, pipes, files."""
        assert self.process
        opened = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return Counter(os.readlink(each).partition(":")[0] for each in opened)

    def log(self) -> str:
        """What kube-proxy has said."""
        return (self.folder / "log").read_text()

    def script(self, name: str, text: str) -> None:
        """A program that kube-proxy finds before the real one, which is $REAL in it."""
        real = self.world("sh", "-c", f"PATH=$PATH:/usr/sbin:/sbin command -v {name}").strip()
        path = self.programs / name
        path.write_text(f"#!/bin/sh\nREAL={real}\nFLAG={self.flag}\n{text}\n")
        path.chmod(0o755)

    @property
    def flag(self) -> Path:
        """A file that tells a script to fail."""
        return self.folder / "flag"


@contextmanager
def whole(config: Object, folder: Path, before: str = "", **scripts: str) -> Iterator[Whole]:
    """A kube-proxy with this configuration that has done its first sync; `before` it this was run there."""
    with ExitStack() as stack:
        world = stack.enter_context(namespaces())
        made = Whole(world, config, folder)
        for name, text in scripts.items():
            made.script(name.replace("_", "-"), text)
        world(
            "sh",
            "-e",
            text=f"{UP}{before}",
        )
        api = world.argv(sys.executable, "-P", str(HERE / "api.py"), str(folder / "api"))
        made.api = stack.enter_context(started(api))
        assert made.api.stdout
        kubeconfig = made.api.stdout.readline().strip()
        made.tell("apply", NODE)
        stack.enter_context(_running(made, kubeconfig))
        made.until(lambda: made.metric("sync_proxy_rules_last_timestamp_seconds"), "no first sync", 30)
        yield made


@contextmanager
def _running(made: Whole, kubeconfig: str) -> Iterator[None]:
    config = {
        "clusterCIDR": "10.244.0.0/16",
        "hostnameOverride": "worker-1",
        "clientConnection": {"kubeconfig": kubeconfig},
        "iptables": PERIODS,
        "nftables": PERIODS,
        "ipvs": PERIODS,
        **made.config,
    }
    (made.folder / "config").write_text(json.dumps(config))
    path = f"PATH={made.programs}:{os.environ['PATH']}"
    argv = ("env", path, sys.executable, "-P", "-m", "labs.proxy", f"--config={made.folder / 'config'}")
    with (made.folder / "log").open("w") as log:
        process = made.process = subprocess.Popen(made.world.argv(*argv), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()
