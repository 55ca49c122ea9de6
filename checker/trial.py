"""Trying a lab's checks on paper: the same checks and the same judge, without pytest and without a cluster.

Whoever writes a lab asks of its checks what no single run on a cluster can answer: does each of 200 mutated
answers get the verdict it deserves, does every message keep the answer to itself? A trial judges in
milliseconds against evidence from a file or from `checker.fake`.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from checker import converge, forms
from checker.answers import Answers
from checker.balancer import Balancer
from checker.checks import Check, facts, in_order
from checker.cluster import Cluster
from checker.errors import LabInvalid
from checker.evidence import Evidence
from checker.ipvs import Ipvs
from checker.judge import Judge, Verdict, World, verdict_on
from checker.moments import Moment
from checker.nodes import Nodes
from checker.outcomes import Outcome
from checker.relays import Relays
from checker.rules import Rules
from checker.traffic import Traffic
from checker.variant import Variant


def load(folder: Path) -> dict[str, Callable[..., None]]:
    """The checks of a lab's checks.py, by name, in the order in which they stand there."""
    spec = importlib.util.spec_from_file_location(
        f"checks_of_{folder.name.replace('-', '_')}", folder / "checks.py"
    )
    if spec is None or spec.loader is None:
        raise LabInvalid(f"{folder / 'checks.py'} cannot be loaded")
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: each for name, each in vars(module).items() if facts(each)}


@dataclass(frozen=True)
class Trial:
    """A lab's checks with one learner's variant and answers."""

    functions: Mapping[str, Callable[..., None]]
    variant: Variant
    answers: Answers

    @property
    def checks(self) -> list[Check]:
        """The facts about the checks."""
        return [found for found in map(facts, self.functions.values()) if found]

    def judge(self, evidence: Evidence, moments: Mapping[str, Evidence] | None = None) -> dict[str, Verdict]:
        """Judge all checks; `moments` are the evidence of the times the answers to tasks were given."""
        kept = {
            task: Moment(forms.words(self.answers.values.get(task)), seen)
            for task, seen in (moments or {}).items()
        }
        in_order(self.checks)
        world = World(
            lambda: evidence, self.run, kept.get, lambda seen: converge.unsettled(seen, self.variant)
        )
        return Judge(self.checks, world, deadline=0.0).judge()

    def run(self, check: Check, evidence: Evidence) -> Verdict:
        """One check against some evidence, its arguments found by name as pytest finds fixtures."""
        function = self.functions[check.name]
        offered = self._arguments(evidence)
        try:
            function(**{name: offered[name] for name in inspect.signature(function).parameters})
        except Exception as error:  # noqa: BLE001  as pytest: whatever a check raises is its verdict
            return verdict_on(error)
        return Verdict(Outcome.PASSED)

    def _arguments(self, evidence: Evidence) -> dict[str, Any]:
        nodes = Nodes(evidence)
        return {
            "answers": self.answers,
            "variant": self.variant,
            "cluster": Cluster(evidence),
            "nodes": nodes,
            "rules": Rules(nodes, evidence.client),
            "relays": Relays(nodes),
            "ipvs": Ipvs(nodes),
            "balancer": Balancer(evidence),
            "traffic": Traffic(nodes),
        }
