"""Lab 5: what becomes of connections when a pod behind the Service refuses them."""

from collections.abc import Mapping
from fractions import Fraction

from checker import (
    Answers,
    Cluster,
    Endpoint,
    Nodes,
    Relays,
    Rules,
    Traffic,
    Variant,
    check,
    forms,
    shown,
    statistics,
    wrong,
)

REQUESTS = 100  # of 120: a learner may have stopped the loop
WORDS = ("answered", "refused")


def containers(cluster: Cluster, variant: Variant) -> Mapping[str, list[dict[str, object]]]:
    """Pod → its containers, as the API has them."""
    space = variant.text("namespace")
    pods = [each for each in cluster.objects.get("pods", []) if each["metadata"]["namespace"] == space]
    return {each["metadata"]["name"]: each["spec"]["containers"] for each in pods}


def endpoints(cluster: Cluster, variant: Variant) -> tuple[Endpoint, ...]:
    """What kube-proxy is told to send connections to."""
    return cluster.endpoints(variant.text("namespace"), variant.text("service"))


def dead(cluster: Cluster, variant: Variant) -> set[str]:
    """The `ip:port` of endpoints whose pod has no such port."""
    has = containers(cluster, variant)
    return {each.at for each in endpoints(cluster, variant) if each.port not in ports(has.get(each.pod, []))}


def ports(of: list[dict[str, object]]) -> set[object]:
    """The ports that containers say they listen on."""
    return {port["containerPort"] for each in of for port in each.get("ports") or []}  # type: ignore[attr-defined]


def refused_share(cluster: Cluster, rules: Rules, variant: Variant) -> Fraction:
    """The part of all connections to the NodePort that the rules send to a pod that refuses."""
    astray = dead(cluster, variant)
    ways = rules.routes(variant.number("node_port"))
    share = sum((route.share for route in ways if route.to in astray), Fraction(0))
    return share.limit_denominator(1000)


@check(task="dead", at="answer")
def dead_pod_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the pod that refuses connections."""
    astray = dead(cluster, variant)
    names = {each.pod for each in endpoints(cluster, variant) if each.at in astray}
    given = answers.word("dead").lower().removeprefix("pod/")
    if given not in names:
        wrong(
            expected="the name of a pod behind the Service that refuses at the target port",
            found=f"{shown(given)}, which does not"
            if given in containers(cluster, variant)
            else shown(given),
            next="ask each pod at its own address, from a node",
        )


@check(task="share", points=2, at="answer")
def share_is_predicted(answers: Answers, cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """You predicted which part of all connections is refused, and which is answered."""
    refused = refused_share(cluster, rules, variant)
    given = answers.words("share")
    if len(given) != 2:
        wrong(
            expected="two parts: refused, then answered",
            found=f"{len(given)}: {shown(given)}",
            next="write them as fractions, with a space between them",
        )
    for word, right, name in zip(given, (refused, 1 - refused), ("refused", "answered"), strict=True):
        share = forms.share(word)
        if share is None or not share.means(right):
            wrong(
                expected=f"the part of all connections that is {name}",
                found=shown(word),
                next="count the endpoints, and those of them that refuse",
            )


def measured(task: str, answers: Answers) -> dict[str, int]:
    """The counts of a measurement: how many were answered, how many refused."""
    given = answers.counts(task)
    strange = sorted(set(given) - set(WORDS))
    if strange:
        wrong(
            expected="the two words of the counting cell, with a number each",
            found=shown(strange),
            next="give the lines that the counting cell printed",
        )
    if sum(given.values()) < REQUESTS:
        wrong(
            expected=f"{REQUESTS} requests or more",
            found=f"{sum(given.values())} in all",
            next="run the counting cell to its end",
        )
    return {word: given.get(word, 0) for word in WORDS}


def not_more_than(counted: int, given: Mapping[str, int], witness: str) -> None:
    """End the check if more requests are claimed than were seen."""
    if sum(given.values()) > counted:
        wrong(
            expected="no more requests than the node has seen",
            found=f"{sum(given.values())} of them; {witness} has fewer",
            next="send the requests to the NodePort of worker-1, and answer before anything is changed",
        )


def counted(cluster: Cluster, traffic: Traffic, variant: Variant) -> int:
    """The connections to the Service's endpoints that the rules have counted."""
    found = traffic.connections()
    return sum(found.get(each.at, 0) for each in endpoints(cluster, variant))


@check(task="errors", at="answer")
def errors_are_counted(answers: Answers, cluster: Cluster, traffic: Traffic, variant: Variant) -> None:
    """You sent 100 requests or more in mode iptables, with the dead pod behind the Service."""
    given = measured("errors", answers)
    not_more_than(counted(cluster, traffic, variant), given, "the counters of its DNAT rules")


@check(task="errors", at="answer", needs=["errors_are_counted"])
def errors_are_the_rules(answers: Answers, cluster: Cluster, rules: Rules, variant: Variant) -> None:
    """So many were refused as the rules send to the dead pod, as far as chance allows."""
    given, share = measured("errors", answers), refused_share(cluster, rules, variant)
    if not statistics.shares_fit(given, {"refused": share, "answered": 1 - share}).fits:
        wrong(
            expected="as many failures as the rules send to a pod that refuses",
            found=shown(answers.value("errors")),
            next="count every request once; send them all while nothing else is changed",
        )


@check(task="userspace", at="answer", points=2)
def userspace_goes_on(
    answers: Answers, cluster: Cluster, nodes: Nodes, relays: Relays, variant: Variant
) -> None:
    """In mode userspace, with the same dead pod, no request was refused."""
    if set(nodes.modes.values()) != {"userspace"} or not dead(cluster, variant):
        wrong(
            expected="requests sent in mode userspace, with the dead pod still behind the Service",
            found=f"mode {', '.join(sorted(set(nodes.modes.values())))}, "
            f"{len(dead(cluster, variant))} pods that refuse",
            next="`lab mode userspace`, send the requests, answer; mend the pod later",
        )
    given = measured("userspace", answers)
    chosen = relays.turns(f"{variant.text('namespace')}/{variant.text('service')}")
    not_more_than(len(chosen), given, "kube-proxy's log")
    if given["refused"]:
        wrong(
            expected="what mode userspace makes of a pod that refuses",
            found=f"{given['refused']} refused",
            next="count again: is every node in mode userspace?",
        )


@check(task="guarded", points=2)
def probes_are_there(cluster: Cluster, variant: Variant) -> None:
    """Both Deployments have pods, and each of these has a readiness probe."""
    space = variant.text("namespace")
    for name in (variant.text("deployment"), variant.text("canary")):
        if not cluster.deployment(space, name).replicas:
            wrong(
                expected=f"pods of {name} which a probe keeps out of the rules",
                found="a Deployment without pods",
                next=f"`kubectl -n {space} scale deploy {name} --replicas=1`",
            )
    living, has = (
        {each.name for each in cluster.pods(space) if not each.leaving},
        containers(cluster, variant),
    )
    bare = {name for name in living if not all("readinessProbe" in each for each in has[name])}
    if bare:
        wrong(
            expected="a readinessProbe in the template of each Deployment behind the Service",
            found=f"{len(bare)} pods behind the Service that nobody probes",
            next=f"patch {variant.text('deployment')} and {variant.text('canary')}; `lab hint 5 guarded`",
        )


@check(task="guarded")
def nobody_is_sent_there(cluster: Cluster, nodes: Nodes, rules: Rules, variant: Variant) -> None:
    """In mode iptables, no rule leads to a pod that refuses, and there are rules for the others."""
    if set(nodes.modes.values()) != {"iptables"}:
        wrong(
            expected="every node in mode iptables again",
            found=", ".join(f"{name}: {mode}" for name, mode in nodes.modes.items()),
            next="`lab mode iptables`",
        )
    has, left = (
        containers(cluster, variant),
        {route.to for route in rules.routes(variant.number("node_port"))},
    )
    astray = dead(cluster, variant) & left
    good = {each.at for each in endpoints(cluster, variant) if each.port in ports(has.get(each.pod, []))}
    if astray or not good or good - left:
        wrong(
            expected="a way to every pod that answers, and to no other",
            found=f"{len(astray)} ways to a pod that refuses, {len(good & left)} to pods that answer",
            next="the probe must ask the port that the Service sends connections to",
        )


@check(task="calm", at="answer", needs=["guarded"])
def nothing_is_refused(answers: Answers, cluster: Cluster, traffic: Traffic, variant: Variant) -> None:
    """With the probe, no request was refused in mode iptables either."""
    given = measured("calm", answers)
    not_more_than(counted(cluster, traffic, variant), given, "the counters of its DNAT rules")
    if given["refused"] or dead(cluster, variant):
        wrong(
            expected="requests sent after the probe had taken the pod out",
            found=f"{given['refused']} refused, and {len(dead(cluster, variant))} pods that refuse there",
            next="wait until the pod is out of the Endpoints, then count again",
        )


def fresh(cluster: Cluster, variant: Variant) -> list[str]:
    """The pods of the Deployment that are not ready, and not on their way out."""
    own = f"{variant.text('deployment')}-"
    found = cluster.pods(variant.text("namespace"))
    return [each.name for each in found if each.name.startswith(own) and not (each.ready or each.leaving)]


@check(task="stuck", at="answer", needs=["guarded"])
def held_up_pods_are_counted(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You counted the new pods for which the rollout waits."""
    waiting = fresh(cluster, variant)
    if not waiting:
        wrong(
            expected="a rollout that is held up",
            found=f"no pod of {variant.text('deployment')} that is not ready",
            next="roll the wrong port out, and answer before you undo it",
        )
    if forms.whole(answers.word("stuck")) != len(waiting):
        wrong(
            expected="the number of new pods that are not ready",
            found=shown(answers.word("stuck")),
            next=f"`kubectl -n {variant.text('namespace')} get pod`: those of the Deployment with 0/1",
        )


@check(task="undone", needs=["stuck"])
def rollout_is_undone(cluster: Cluster, variant: Variant) -> None:
    """The Deployment runs its former template, whole."""
    space, name = variant.text("namespace"), variant.text("deployment")
    deployment = cluster.deployment(space, name)
    if not deployment.settled or fresh(cluster, variant):
        wrong(
            expected="all pods of one template, all ready",
            found=f"{len(fresh(cluster, variant))} pods that are not ready",
            next=f"`kubectl -n {space} rollout undo deploy {name}`",
        )
