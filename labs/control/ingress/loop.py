"""The loop of Ingresses: what it follows, what it asks of the balancer, and what it tells people.

Without an Ingress there is no HAProxy. All Ingresses make one configuration, so there is one thing to look at
whatever has changed, and a burst of changes is one reload.
"""

from __future__ import annotations

from labs.control.actions import Note, Patch, Plan, status
from labs.control.ingress import haproxy
from labs.control.ingress.balancer import Balancer
from labs.control.ingress.site import build, ours
from labs.control.ingress.targets import Facts
from labs.control.loop import Loop
from labs.control.services import addresses
from labs.control.slices import SERVICE_NAME
from labs.kube.client import Object
from labs.kube.informer import Key, key
from vm.errors import MachineError
from vm.plan import plan as address_plan

CONTROLLER = "kube-proxy-lab/alb"  # what an IngressClass names to be served here
ADDRESS = address_plan().node("balancer").address
ALL: Key = ("", "haproxy")
AGAIN = 1.0  # seconds until what failed on the balancer is tried again


class Ingresses(Loop):
    """The ingress controller."""

    name = "ingress"
    component = "ingress"
    pace = 0.5  # seconds between two configurations; each costs HAProxy a worker

    def follow(self) -> None:
        """Everything a configuration is made of."""
        self.balancer = Balancer(lambda: self.queue.add(ALL))
        self._told: dict[str, list[Note]] = {}
        for kind in ("Ingress", "IngressClass", "Service", "EndpointSlice", "Node"):
            self.world[kind].follow(self._changed)
        self.queue.add(ALL)  # what an earlier run has left behind

    async def look(self, key: Key) -> None:
        """Configure HAProxy, then say in each Ingress how it is."""
        await self.carry_out(key, await self._serve())

    def plan(self, key: Key) -> Plan:
        """Nothing is decided for one Ingress alone."""
        return Plan()

    async def _serve(self) -> Plan:
        mine = self._mine()
        site = build(mine, self._facts)
        failure = ""
        try:
            await (self.balancer.apply(haproxy.text(site)) if mine else self.balancer.stop())
        except MachineError as error:
            failure = f"{error}; {error.cure}" if error.cure else str(error)
        plan = Plan()
        present = {each["metadata"]["uid"] for each in mine}
        self._told = {uid: notes for uid, notes in self._told.items() if uid in present}
        for ingress in mine:
            self._report(ingress, site.problems[key(ingress)], failure, plan)
        for ingress in self.world["Ingress"].objects.values():
            if ingress not in mine and ADDRESS in addresses(ingress):
                plan.do(Patch(ingress, {"status": {"loadBalancer": {"ingress": None}}}, "status"))
        if failure:
            plan.look_again(AGAIN)
        return plan

    def _mine(self) -> list[Object]:
        classes = {name: found for (_, name), found in self.world["IngressClass"].objects.items()}
        return [
            each
            for each in self.world["Ingress"].objects.values()
            if ours(each, classes, CONTROLLER) and "deletionTimestamp" not in each["metadata"]
        ]

    def _report(self, ingress: Object, problems: list[str], failure: str, plan: Plan) -> None:
        """The address while it is served; Events in the AWS controller's words, each once."""
        balancer = {} if failure else {"ingress": [{"ip": ADDRESS}]}
        plan.do(*status(ingress, {**(ingress.get("status") or {}), "loadBalancer": balancer}))
        notes = [
            Note(ingress, "FailedBuildModel", f"Failed build model due to {problem}", "Warning")
            for problem in problems
        ]
        if failure:
            why = f"Failed deploy model due to {failure}"
            notes.append(Note(ingress, "FailedDeployModel", why, "Warning"))
        notes = notes or [Note(ingress, "SuccessfullyReconciled", "Successfully reconciled")]
        before = [note.message for note in self._told.get(ingress["metadata"]["uid"], ())]
        self._told[ingress["metadata"]["uid"]] = notes
        plan.notes += [note for note in notes if note.message not in before]

    def _facts(self, namespace: str, name: str) -> Facts | None:
        service = self.world["Service"].get(namespace, name)
        if service is None:
            return None
        slices = self.world.matching("EndpointSlice", namespace, {SERVICE_NAME: name})
        return Facts(service, slices, self.world["Node"].objects.values())

    def _changed(self, old: Object | None, new: Object | None) -> None:
        """Where there is no Ingress, and was none just now, nothing here concerns us."""
        if self.world["Ingress"].objects or any(each and each["kind"] == "Ingress" for each in (old, new)):
            self.queue.add(ALL)
