"""The table's network with a proxy on worker-1: cases are played by giving it objects and sending flows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from proxy_cases.case import Case, End, Flow, Step
from proxy_cases.judge import sent
from proxy_cases.network import FABRIC, script
from proxy_cases.places import PLACES, PODS
from proxy_stage.patience import PATIENCE
from proxy_stage.world import HERE, Proxy, World, namespaces, needs, node_facts, started, wait_for

BACKEND_PORTS = (8080, 8081)
GATEWAY_PORTS = (80, 81, 443)
NAMESPACE = {"node": "", "node_second": "", "localhost": "", "gateway": FABRIC, "blocked": "client"}

TIMES = {"alone": 3, "shared": 64 if PATIENCE == 1 else 28, "sticky": 12}
"""How often a flow is sent: to one end, to several by chance, to several that must stay one.

28 times the same of two by chance is as rare as the judge wants it, and an emulated machine has no more time.
"""

Question = dict[str, Any]


class Stage:
    """Plays cases of one mode."""

    def __init__(self, world: World, peers: subprocess.Popen[str], proxy: Proxy) -> None:
        self.world, self.proxy = world, proxy
        self._peers = peers

    def needs(self, mode: str) -> None:
        """Skip the test where this kernel cannot run the mode."""
        needs(self.world, mode)

    def play(self, case: Case, mode: str) -> list[str]:
        """What is wrong; empty if nothing is."""
        self.proxy.start(mode, case.family, case.config, node_facts(case.family))
        try:
            return [complaint for step in case.steps for complaint in self._step(case, step, mode)]
        finally:
            self.proxy.do("cleanup")
            # Ports come again, and an entry of the case before would lead its way.
            self.world("conntrack", "-F", check=False)

    def _step(self, case: Case, step: Step, mode: str) -> Iterator[str]:
        self.proxy.become(*step.objects)
        ends = [(flow, flow.end_in(mode)) for flow in step.flows if not flow.paper]
        played = [(flow, end) for flow, end in ends if not end.skip]
        answers = self.ask([question(flow, end, case.family) for flow, end in played])
        for (flow, end), found in zip(played, answers, strict=True):
            for complaint in sent(flow, end, found, case.family):
                yield f"step {case.steps.index(step) + 1}: {flow}: {complaint}"

    def ask(self, questions: Sequence[Question]) -> list[list[str]]:
        """The answers to each question, all asked at once."""
        assert self._peers.stdin is not None
        assert self._peers.stdout is not None
        self._peers.stdin.write(json.dumps(questions) + "\n")
        self._peers.stdin.flush()
        found: list[list[str]] = json.loads(self._peers.stdout.readline())
        return found


def question(flow: Flow, end: End, family: str) -> Question:
    """A flow as the peers are asked to send it; who is not answered is not waited for as long."""
    served = "sticky" if end.sticky else "shared" if len(end.shares) > 1 else "alone"
    return {
        "at": NAMESPACE.get(flow.asker, flow.asker),
        "source": PLACES[flow.asker].address(family) if flow.asker in ("client", "blocked") else "",
        "protocol": flow.protocol,
        "address": PLACES[flow.to].address(family),
        "port": flow.port,
        "times": 1 if end.verdict == "DROP" else TIMES[served],
        "patience": (0.25 if end.verdict == "DROP" else 5) * PATIENCE,
        "sequential": end.sticky,
    }


def servers() -> list[tuple[str, str, int]]:
    """(namespace, place, port) of every server."""
    backends = [NAMESPACE.get(name, name) for name in ("node", "other", *(pod.name for pod in PODS))]
    found = [(at, at or "node", port) for at in backends for port in BACKEND_PORTS]
    return found + [(FABRIC, "gateway", port) for port in GATEWAY_PORTS]


@contextmanager
def stage() -> Iterator[Stage]:
    """The whole network, once for all cases of a mode."""
    with ExitStack() as stack:
        world = stack.enter_context(namespaces())
        world("sh", "-e", text=script())
        peers = stack.enter_context(started(world.argv(sys.executable, "-P", str(HERE / "peers.py"))))
        assert peers.stdin
        peers.stdin.write(json.dumps(servers()) + "\n")
        peers.stdin.flush()
        wait_for(peers, "ready")
        driver = stack.enter_context(started(world.argv(sys.executable, "-P", str(HERE / "driver.py"))))
        yield Stage(world, peers, Proxy(driver))
