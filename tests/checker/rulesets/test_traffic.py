"""kube-proxy's rules judged by where they send packets: every kind of client to every kind of address.

The flows and the address plan are those of kube-proxy's own TestInternalExternalMasquerade; the payloads are
written by hand after the reference. svc1: all policies Cluster. svc2: external policy Local. svc3: internal
policy Local, and source ranges that do not cover the last client.
"""

from collections.abc import Callable

import pytest

from checker.rulesets.model import Ruleset
from checker.rulesets.walk import Packet, walk

Load = Callable[[str], Ruleset]

NODE = ("192.168.0.2", "192.168.1.2")
POD, HERE, CLIENT, BLOCKED = "10.0.0.2", "192.168.0.2", "203.0.113.2", "203.0.113.130"
BOTH1, BOTH2, BOTH3 = (f"10.180.0.{n}:80 10.180.1.{n}:80" for n in (1, 2, 3))
LOCAL2, LOCAL3 = "10.180.0.2:80", "10.180.0.3:80"

BASE, ALL = "masquerade-base", "masquerade-all"
BARE, ALL_BARE = "masquerade-no-detector", "masquerade-all-no-detector"
DETECTOR = (BASE, ALL)
EVERY = (BASE, ALL, BARE, ALL_BARE)

Flow = tuple[str, str, str, int, str, tuple[str, ...]]

# flow, source, destination, port: the end, and the configurations in which it is masqueraded.
FLOWS: list[Flow] = [
    ("pod to cluster IP", POD, "172.30.0.41", 80, BOTH1, (ALL, ALL_BARE)),
    ("node to cluster IP", HERE, "172.30.0.41", 80, BOTH1, (BASE, ALL, ALL_BARE)),
    ("client to cluster IP", CLIENT, "172.30.0.41", 80, BOTH1, (BASE, ALL, ALL_BARE)),
    ("pod to NodePort", POD, HERE, 3001, BOTH1, EVERY),
    ("pod to NodePort of the other address", POD, "192.168.1.2", 3001, BOTH1, EVERY),
    ("node to NodePort", HERE, HERE, 3001, BOTH1, EVERY),
    ("client to NodePort", CLIENT, HERE, 3001, BOTH1, EVERY),
    ("pod to load balancer", POD, "1.2.3.4", 80, BOTH1, EVERY),
    ("node to load balancer", HERE, "1.2.3.4", 80, BOTH1, EVERY),
    ("client to load balancer", CLIENT, "1.2.3.4", 80, BOTH1, EVERY),
    ("pod to cluster IP, external Local", POD, "172.30.0.42", 80, BOTH2, (ALL, ALL_BARE)),
    ("node to NodePort, external Local", HERE, HERE, 3002, BOTH2, EVERY),
    ("client to NodePort, external Local", CLIENT, HERE, 3002, LOCAL2, ()),
    ("node to load balancer, external Local", HERE, "5.6.7.8", 80, BOTH2, EVERY),
    ("client to load balancer, external Local", CLIENT, "5.6.7.8", 80, LOCAL2, ()),
    ("client to external IP, external Local", CLIENT, "192.168.99.11", 80, LOCAL2, ()),
    ("pod to cluster IP, internal Local", POD, "172.30.0.43", 80, LOCAL3, (ALL, ALL_BARE)),
    ("node to cluster IP, internal Local", HERE, "172.30.0.43", 80, LOCAL3, (BASE, ALL, ALL_BARE)),
    ("client to NodePort, internal Local", CLIENT, HERE, 3003, BOTH3, EVERY),
    ("client to load balancer, within the ranges", CLIENT, "9.10.11.12", 80, BOTH3, EVERY),
    ("client to load balancer, outside the ranges", BLOCKED, "9.10.11.12", 80, "DROP", ()),
    ("pod to load balancer, outside the ranges", POD, "9.10.11.12", 80, "DROP", ()),
    ("client to NodePort, outside the ranges", BLOCKED, HERE, 3003, BOTH3, EVERY),
    ("client to the health check", CLIENT, HERE, 30002, "ACCEPT", ()),
    ("client to a port nobody has", CLIENT, HERE, 3999, "ACCEPT", ()),
    ("hairpin", "10.180.0.1", "172.30.0.41", 80, BOTH1, (ALL, ALL_BARE)),
]


def ends(rules: Ruleset, source: str, destination: str, port: int) -> tuple[str, set[bool]]:
    start = "output" if source in NODE else "prerouting"
    packet = Packet(source, destination, destination_port=port, local=NODE, in_interface="eth0")
    found = walk(rules, packet, start).outcomes  # type: ignore[arg-type]
    hairpins = {each for each in found if each.to == f"{source}:80"}
    end = " ".join(sorted(outcome.to or outcome.verdict for outcome in found if outcome.verdict != "DROP"))
    return end or "DROP", {outcome.masquerade for outcome in found if outcome not in hairpins}


@pytest.mark.parametrize("configuration", EVERY)
@pytest.mark.parametrize("flow", FLOWS, ids=[flow[0] for flow in FLOWS])
def test_a_flow_ends_where_it_should_and_is_masqueraded_where_it_should(
    payload: Load, configuration: str, flow: Flow
) -> None:
    _, source, destination, port, end, masqueraded = flow
    assert ends(payload(configuration), source, destination, port) == (end, {configuration in masqueraded})


@pytest.mark.parametrize(
    ("configuration", "end"), [(BASE, BOTH2), (ALL, BOTH2), (BARE, LOCAL2), (ALL_BARE, LOCAL2)]
)
def test_a_pod_reaches_a_local_policys_addresses_as_if_inside_where_pods_are_known(
    payload: Load, configuration: str, end: str
) -> None:
    assert ends(payload(configuration), POD, "5.6.7.8", 80) == (end, {False})


@pytest.mark.parametrize("configuration", EVERY)
def test_a_pod_that_comes_back_to_itself_is_always_masqueraded(payload: Load, configuration: str) -> None:
    packet = Packet("10.180.0.1", "172.30.0.41", destination_port=80, local=NODE)
    outcomes = walk(payload(configuration), packet).outcomes
    assert [each.masquerade for each in outcomes if each.to == "10.180.0.1:80"] == [True]


@pytest.mark.parametrize(
    ("name", "destination", "port", "verdict"),
    [
        ("no-endpoints", "10.96.0.10", 80, "REJECT"),
        ("no-endpoints", "192.168.0.2", 30080, "REJECT"),
        ("internal-local-none-here", "10.96.0.10", 80, "DROP"),
        ("external-local-none-here", "203.0.113.10", 80, "DROP"),
        ("external-local-none-here", "192.168.0.2", 30080, "DROP"),
        ("source-ranges", "203.0.113.10", 80, "DROP"),
        ("clusterip", "10.96.0.10", 81, "ACCEPT"),
    ],
)
def test_what_has_no_endpoint_to_go_to_is_refused_or_dropped(
    payload: Load, name: str, destination: str, port: int, verdict: str
) -> None:
    packet = Packet("203.0.113.99", destination, destination_port=port, local=NODE, in_interface="eth0")
    assert walk(payload(name), packet).verdicts == {verdict: 1}
