"""Lab 7: the way from outside, through a NodePort and through a load balancer in front of the nodes."""

from collections.abc import Iterable, Mapping

from checker import (
    Answers,
    Balancer,
    Cluster,
    Endpoint,
    Nodes,
    Object,
    Rules,
    Server,
    Traffic,
    Variant,
    check,
    counts,
    forms,
    shown,
    wrong,
)

REQUESTS = 60
LOOK = "look at its Events: `kubectl -n {namespace} describe ingress`"


def endpoints(cluster: Cluster, variant: Variant) -> tuple[Endpoint, ...]:
    """The ready pods behind the Service."""
    return cluster.endpoints(variant.text("namespace"), variant.text("service"))


def homes(cluster: Cluster, variant: Variant) -> set[str]:
    """The nodes on which pods of the Service are ready."""
    return {pod.node for pod in cluster.pods(variant.text("namespace")) if pod.ready and not pod.leaving}


def spec(cluster: Cluster, variant: Variant) -> Object:
    """The Service's spec, as the API has it; ends the check if the Service is gone."""
    space, name = variant.text("namespace"), variant.text("service")
    cluster.service(space, name)
    found = [each for each in cluster.objects["services"] if each["metadata"]["namespace"] == space]
    return next(each["spec"] for each in found if each["metadata"]["name"] == name)


def judge_address(task: str, right: Iterable[str], asked: str, answers: Answers) -> None:
    """The answer is one of these addresses."""
    given = answers.word(task)
    if forms.address(given) not in set(right):
        wrong(
            expected=asked,
            found=f"{shown(given)}{forms.no_address(given)}",
            next="ask for yourself, and read what stands behind `client`",
        )


@check(task="seen")
def pod_sees_a_node(answers: Answers, cluster: Cluster, nodes: Nodes, variant: Variant) -> None:
    """You named the client that a pod sees when the request came in by the worker without pods."""
    empty = [node.address for node in nodes.workers if node.name not in homes(cluster, variant)]
    judge_address("seen", empty, "the source address with which the packet came to the pod", answers)


@check(task="local")
def answering_node_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the node that answers when each gives to its own pods only."""
    if answers.word("local").lower().removeprefix("node/") not in homes(cluster, variant):
        wrong(
            expected="the name of the node that still answers",
            found=shown(answers.word("local")),
            next="with the policy Local, ask each node's NodePort from the client",
        )


@check(task="local", points=2, at="answer")
def client_is_not_hidden(cluster: Cluster, nodes: Nodes, rules: Rules, variant: Variant) -> None:
    """When you answered, the nodes' rules kept the client's address, and led to a node's own pods only."""
    port, own = variant.number("node_port"), homes(cluster, variant)
    ways = {node.name: rules.ways(port, node) for node in nodes}
    hidden = sorted(name for name, found in ways.items() if any(way.masquerade for way in found))
    abroad = sorted(name for name, found in ways.items() if found and name not in own)
    if hidden or abroad or not any(ways.values()):
        wrong(
            expected="rules that leave the client's address as it is",
            found=f"{len(hidden)} nodes that put their own in its place (policy "
            f"{spec(cluster, variant).get('externalTrafficPolicy', 'none')})",
            next="set the Service's externalTrafficPolicy to Local, look, and answer while it is",
        )


@check(task="health", at="answer")
def health_port_is_named(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You named the port on which every node says whether it has pods of the Service."""
    found = spec(cluster, variant)
    right = found.get("healthCheckNodePort")
    if not right:
        wrong(
            expected="a Service that has a health check node port",
            found=f"type {found['type']}, policy {found.get('externalTrafficPolicy', 'none')}",
            next="it takes type LoadBalancer and externalTrafficPolicy Local; answer while both are set",
        )
    if forms.whole(answers.word("health")) != right:
        wrong(
            expected="the port that a balancer asks for a node's health",
            found=shown(answers.word("health")),
            next="it stands in the Service's spec beside the other ports, and is none of them",
        )


@check(task="ingress")
def ingress_names_the_service(balancer: Balancer, variant: Variant) -> None:
    """An Ingress leads all requests for the host to port 80 of the Service."""
    host, service = variant.text("host"), variant.text("service")
    found = [path for each in balancer.ingresses(variant.text("namespace")) for path in each.paths]
    fits = [path for path in found if path.takes_all and (path.host, path.service) == (host, service)]
    if not any(path.port in ("80", "") for path in fits):
        told = ", ".join(
            f"{path.host}{path.path} ({path.kind}) to {path.service} port {path.port}" for path in found
        )
        wrong(
            expected=f"a rule for host {host} and every path; its backend the Service {service} at port 80",
            found=told or f"no rule of an Ingress in {variant.text('namespace')}",
            next="write the Ingress into a file, `kubectl apply -f FILE`; `kubectl edit ingress` mends one",
        )


@check(task="ingress", needs=["ingress_names_the_service"])
def balancer_serves_it(balancer: Balancer, variant: Variant) -> None:
    """The balancer has targets for it, and at least one of them is healthy."""
    served = servers(balancer, variant)
    if not any(each.up for each in served):
        wrong(
            expected="a healthy target behind the balancer",
            found=f"{len(served)} targets, none of them up",
            next=LOOK.format(namespace=variant.text("namespace")),
        )


def servers(balancer: Balancer, variant: Variant) -> tuple[Server, ...]:
    """The balancer's targets for the Service."""
    return balancer.servers(variant.text("namespace"), variant.text("service"))


def judge_targets(meant: set[str], mode: str, balancer: Balancer, variant: Variant) -> None:
    """The balancer's targets are these ``ip:port``."""
    found = {each.at for each in servers(balancer, variant)}
    if found != meant:
        wrong(
            expected=f"the balancer's targets to be those of target-type {mode}",
            found=f"{len(found & meant)} of {len(meant)} such targets, and {len(found - meant)} others",
            next=f"set the annotation to {mode}; look or measure, and answer, before you change it",
        )


def counted(task: str, answers: Answers, seen: Mapping[str, int]) -> dict[str, int]:
    """The requests that each pod has answered; enough, and no more than a witness has `seen`."""
    given = answers.counts(task)
    counts.require_pods(answers, task, seen)
    counts.require_enough(answers, task, REQUESTS)
    if any(number > seen[name] for name, number in given.items()):
        wrong(
            expected="no more answers of a pod than it was given requests",
            found="more than the counters say",
            next="send the requests through the balancer, once, and answer before anything is changed",
        )
    return {name: given.get(name, 0) for name in seen}


def nodes_at(nodes: Nodes, variant: Variant) -> set[str]:
    """Every node at the Service's NodePort."""
    return {f"{node.address}:{variant.number('node_port')}" for node in nodes}


@check(task="dice", at="answer")
def instances_were_counted(
    answers: Answers, cluster: Cluster, traffic: Traffic, balancer: Balancer, variant: Variant
) -> None:
    """You sent 60 requests through the balancer to the nodes, and kube-proxy's rules have counted them."""
    answers.value("dice")
    judge_targets(nodes_at(traffic.nodes, variant), "instance", balancer, variant)
    seen = traffic.connections()
    given = counted("dice", answers, {each.pod: seen.get(each.at, 0) for each in endpoints(cluster, variant)})
    if sum(given.values()) > sum(each.requests for each in servers(balancer, variant)):
        wrong(
            expected="requests that came through the balancer",
            found="more than its statistics have",
            next="send them to the balancer's address, with the header Host",
        )


@check(task="dice", at="answer")
def dice_are_fair(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """They were shared out over the pods as evenly as chance makes it."""
    live = [each.pod for each in endpoints(cluster, variant)]
    counts.require_even(answers, "dice", live, REQUESTS)


@check(task="turn", at="answer", points=2)
def pods_were_counted(answers: Answers, cluster: Cluster, balancer: Balancer, variant: Variant) -> None:
    """You sent 60 requests through the balancer to the pods, and it has counted them."""
    answers.value("turn")
    live = {each.at: each.pod for each in endpoints(cluster, variant)}
    judge_targets(set(live), "ip", balancer, variant)
    counted("turn", answers, {live[each.at]: each.requests for each in servers(balancer, variant)})


@check(task="turn", at="answer")
def turn_was_kept(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """They were shared out in turn: no pod had more than one above another."""
    given = answers.counts("turn")
    numbers = [given.get(each.pod, 0) for each in endpoints(cluster, variant)]
    if sum(numbers) < REQUESTS or max(numbers) - min(numbers) > 1:
        wrong(
            expected="counts as a balancer makes them that gives to each pod in turn",
            found=shown(answers.value("turn")),
            next="send all requests in one go, while every pod is healthy, and count those only",
        )


@check(task="peer", at="answer")
def pod_sees_the_proxy(answers: Answers, cluster: Cluster, balancer: Balancer, variant: Variant) -> None:
    """You named the client that a pod sees when the balancer comes to it directly."""
    answers.value("peer")
    judge_targets({each.at for each in endpoints(cluster, variant)}, "ip", balancer, variant)
    judge_address("peer", [balancer.address], "the source address of the connection to the pod", answers)


@check(task="checked", points=2)
def hanging_pod_is_left_out(cluster: Cluster, balancer: Balancer, variant: Variant) -> None:
    """The balancer knows the pods, and has found out that one of them does not answer."""
    judge_targets({each.at for each in endpoints(cluster, variant)}, "ip", balancer, variant)
    found = servers(balancer, variant)
    down = sum(not each.up for each in found)
    if down != 1 or len(found) < 2:
        more = "let the others go on: `curl -X POST 'http://ADDRESS:PORT/control/hang?value=false'`"
        wrong(
            expected="one pod that is down by the balancer's health check, and others that are up",
            found=f"{down} of {len(found)} are down",
            next=more
            if down > 1
            else "let one pod hang, leave it so, and give the check its time: interval times threshold",
        )
