"""Addresses for Services of type LoadBalancer, given out as a cloud's controller does: from 203.0.113.0/24.

No load balancer stands behind them. The client and the balancer route the range to the workers, and there
kube-proxy's rules make the address work, as they do on each node of a cloud whose balancer keeps the
destination (``ipMode: VIP``).

Who holds which address is what the Services' own status says, so a new start of the loop changes nothing. One
worker looks at one Service after another: no address is given twice, and nothing needs to be locked.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, ip_address

from labs.control.actions import Action, Patch, Plan, status
from labs.control.loop import Loop
from labs.control.services import addresses, is_balanced
from labs.kube.client import Object
from labs.kube.informer import Key, key
from vm.plan import plan as address_plan

POOL = IPv4Network(address_plan().load_balancers)
FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
IP_MODE = (
    "kube-proxy-lab/ip-mode"  # annotation: the ``ipMode`` of the address; no field of a Service asks for it
)
IP_MODES = ("VIP", "Proxy")
FAILED = "Error syncing load balancer: failed to ensure load balancer: "

Holder = Callable[[str], str]  # from an address to the "namespace/name" that holds it, or ""


class Refused(Exception):
    """The Service cannot have an address; the text says why and what to do."""


def desired(service: Object, held_by: Holder) -> Plan:
    """What to do about one Service; ``held_by`` tells who else holds an address."""
    gone = "deletionTimestamp" in service["metadata"]
    return _release(service) if gone or not is_balanced(service) else _ensure(service, held_by)


def _ensure(service: Object, held_by: Holder) -> Plan:
    """The finalizer first: an address must not be given to what nobody would take it back from."""
    plan = Plan()
    if FINALIZER not in _finalizers(service):
        plan.do(_with_finalizers(service, [*_finalizers(service), FINALIZER]))
        plan.note(service, "EnsuringLoadBalancer", "Ensuring load balancer")
        return plan
    try:
        entry = {"ip": _choose(service, held_by), "ipMode": _ip_mode(service)}
    except Refused as refusal:
        plan.note(service, "SyncLoadBalancerFailed", f"{FAILED}{refusal}", "Warning")
        return plan
    plan.do(*status(service, {**(service.get("status") or {}), "loadBalancer": {"ingress": [entry]}}))
    if plan.actions:
        plan.note(service, "EnsuredLoadBalancer", "Ensured load balancer")
    return plan


def _release(service: Object) -> Plan:
    """With the finalizer the address is free: the API takes it out of the status when the type changes."""
    plan = Plan()
    if FINALIZER in _finalizers(service):
        plan.do(_with_finalizers(service, [name for name in _finalizers(service) if name != FINALIZER]))
        plan.note(service, "DeletingLoadBalancer", "Deleting load balancer")
        plan.note(service, "DeletedLoadBalancer", "Deleted load balancer")
    return plan


def _choose(service: Object, held_by: Holder) -> str:
    """The address asked for, else the one it has, else the lowest that is free."""
    if "IPv4" not in (service["spec"].get("ipFamilies") or ["IPv4"]):
        raise Refused(f"it has no IPv4 address, and {POOL} is all there is; add IPv4 to spec.ipFamilies")
    asked = service["spec"].get("loadBalancerIP")
    if asked:
        return _granted(asked, held_by)
    has = [address for address in addresses(service) if _in_pool(address) and not held_by(address)]
    found = next(iter(has), "") or next((str(ip) for ip in POOL.hosts() if not held_by(str(ip))), "")
    if not found:
        held = POOL.num_addresses - 2
        raise Refused(f"all {held} addresses of {POOL} are given; delete a Service of type LoadBalancer")
    return found


def _granted(asked: str, held_by: Holder) -> str:
    if not _in_pool(asked):
        first, last = POOL[1], POOL[-2]
        raise Refused(f"spec.loadBalancerIP {asked} is not one of {first} to {last}; ask for one of those")
    if holder := held_by(asked):
        raise Refused(f"spec.loadBalancerIP {asked} is held by {holder}; ask for another or leave it out")
    return asked


def _in_pool(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return isinstance(address, IPv4Address) and POOL[0] < address < POOL[-1]


def _ip_mode(service: Object) -> str:
    mode = str((service["metadata"].get("annotations") or {}).get(IP_MODE, IP_MODES[0]))
    if mode not in IP_MODES:
        raise Refused(f"annotation {IP_MODE} is {mode!r}; set it to VIP or Proxy")
    return mode


def _finalizers(service: Object) -> list[str]:
    return list(service["metadata"].get("finalizers") or ())


def _with_finalizers(service: Object, finalizers: list[str]) -> Action:
    """The version guards the list: somebody else's finalizer that came meanwhile must not be lost."""
    version = service["metadata"]["resourceVersion"]
    return Patch(service, {"metadata": {"resourceVersion": version, "finalizers": finalizers or None}})


class LoadBalancers(Loop):
    """The loop of load balancers' addresses."""

    name = "loadbalancers"
    component = "service-controller"
    workers = 1

    def follow(self) -> None:
        """Services of the type, those that leave it, and, when an address becomes free, those that wait."""
        self.world["Service"].follow(self._changed)

    def plan(self, key: Key) -> Plan:
        """From the caches."""
        service = self.world["Service"].get(*key)
        return desired(service, lambda address: self._held_by_another(address, key)) if service else Plan()

    def _held_by_another(self, address: str, asking: Key) -> str:
        holders = (key(service) for service in self.world["Service"].by("balanced", address))
        return next(("/".join(holder) for holder in holders if holder != asking), "")

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and (is_balanced(new) or FINALIZER in _finalizers(new)):
            self.queue.add(key(new))
        if old is not None and set(addresses(old)) - set(addresses(new) if new is not None else ()):
            for service in self.world["Service"].by("balanced", ""):
                self.queue.add(key(service))
