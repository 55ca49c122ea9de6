"""``kube-proxy``: reads flags and file, connects to the API, and runs until it is told to stop.

Imports stand at the top, heavy ones too: the lab's init imports this module once, and every node's
kube-proxy, forked from it, shares the pages.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import yaml

from labs.errors import LabError
from labs.kube.client import Client
from labs.proxy import tracking
from labs.proxy.config import ConfigInvalid, as_data
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.flags import CommandLine, parse
from labs.proxy.log import set_up
from labs.proxy.mode import Initialized, Run, Setup
from labs.proxy.modes import MODES, mode
from labs.proxy.netfilter.nfacct import Nfacct
from labs.proxy.proxy import KubeProxy
from labs.proxy.state import Family
from vm.command import run_async
from vm.errors import MachineError

log = logging.getLogger(__name__)

DEFAULTED = (
    "the proxy mode was not set, so it is iptables; a future version of Kubernetes will default to nftables:"
    " set `mode` to keep what you have"
)


def main(argv: Sequence[str]) -> int:
    """Be kube-proxy; the exit code. SIGTERM and SIGINT end it with 0 and leave the rules as they are."""
    try:
        line = parse(argv)
        set_up(line.log_file, line.loaded.config.logging.verbosity)
    except (LabError, OSError) as error:
        print(f"kube-proxy: {_with_cure(error)}", file=sys.stderr)  # noqa: T201  # there is no log yet
        return 1
    for warning in line.loaded.warnings:
        log.warning("%s", warning)
    if line.write_config_to:
        return _write_config(line)
    code = 1
    try:
        code = asyncio.run(_do(line))
    except* (LabError, MachineError) as group:  # several parts may fail at once
        for problem in group.exceptions:
            log.error("%s", _with_cure(problem))
    return code


def _with_cure(error: Exception) -> str:
    cure = getattr(error, "cure", "")
    return f"{error} ({cure})" if cure else str(error)


async def _do(line: CommandLine) -> int:
    config = line.loaded.config
    if line.cleanup:
        await clean_up(config)
    elif line.init_only:
        await initialize(config)
    else:
        await _until_told(serve(config, line.flags))
    return 0


def _write_config(line: CommandLine) -> int:
    text = yaml.safe_dump(as_data(line.loaded.config), sort_keys=False)
    try:
        Path(line.write_config_to).write_text(text, encoding="utf-8")
    except OSError as error:
        log.error("cannot write the configuration to %s: %s", line.write_config_to, error.strerror)
        return 1
    return 0


async def clean_up(config: KubeProxyConfiguration) -> None:
    """Remove the rules of every mode, in both IP families."""
    for name in MODES:
        for family in await families(run_async):
            await mode(name, Setup(family, config, run_async)).cleanup()
            log.info("%s rules of mode %s are removed", family.value, name)


async def initialize(config: KubeProxyConfiguration) -> None:
    """Set what needs more privileges than CAP_NET_ADMIN, for a kube-proxy that will have no more."""
    tracking.set_up(config.conntrack)
    for family in await families(run_async):
        made = mode(config.mode, Setup(family, config, run_async))
        if isinstance(made, Initialized):
            await made.initialize()


async def families(run: Run) -> tuple[Family, ...]:
    """The IP families of this node: IPv6 too where the kernel can translate it, else nobody misses it."""
    try:
        done = await run(("ip6tables", "-t", "nat", "-S", "POSTROUTING"), check=False)
    except MachineError:
        return (Family.IPV4,)
    return (Family.IPV4,) if done.returncode else (Family.IPV4, Family.IPV6)


async def serve(config: KubeProxyConfiguration, flags: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run until cancelled; ``flags`` are what /flagz tells."""
    if not config.mode:
        log.warning(DEFAULTED)
    name = (config.hostname_override or platform.node()).strip().lower()
    proxy = KubeProxy(config, name, await families(run_async), run_async, Nfacct())
    proxy.flags = flags
    served = " and ".join(proxier.family.value for proxier in proxy.proxiers)
    async with await connect(config) as client:
        tracking.set_up(config.conntrack)
        log.info("Starting kube-proxy on %s, mode %s, %s", name, proxy.proxiers[0].mode.name, served)
        await proxy.run(client)


async def connect(config: KubeProxyConfiguration) -> Client:
    """A client as the configuration says: a kubeconfig, or the service account of the pod we run in."""
    path = config.client_connection.kubeconfig
    if not path and "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise ConfigInvalid(
            "clientConnection.kubeconfig is empty, and this is not a pod, which would know its API server",
            "set it in the configuration, or use --kubeconfig",
        )
    return await Client.from_kubeconfig(path) if path else Client.in_cluster()


async def _until_told(work: Coroutine[None, None, None]) -> None:
    """Run it until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
