"""Lab 2: mode userspace, told by kube-proxy's own socket, rules and log."""

from checker import Answers, Cluster, Nodes, Relays, Variant, check, counts, forms, shown, wrong

REQUESTS = 60
TURNS = 6


def service(variant: Variant) -> str:
    """The Service as rules and log call it."""
    return f"{variant.text('namespace')}/{variant.text('service')}"


def relay(relays: Relays, variant: Variant) -> int:
    """The port of the Service's relay on worker-1."""
    worker = relays.nodes.workers[0]
    found = relays.port(service(variant), worker)
    if worker.mode != "userspace" or not found:
        wrong(
            expected="kube-proxy in mode userspace, with a port for this Service",
            found=f"{worker.mode} on {worker.name}",
            next="`lab start 2` sets the stage again and keeps your answers",
        )
    return found


@check(task="listener")
def port_is_the_relays(answers: Answers, relays: Relays, variant: Variant) -> None:
    """You named the port to which rules lead this Service's packets."""
    given, found = forms.whole(answers.word("listener")), relay(relays, variant)
    if given != found:
        asked = ", the NodePort, which clients ask" if given == variant.number("node_port") else ""
        wrong(
            expected="the port at which packets to this Service end, on worker-1",
            found=f"{shown(answers.value('listener'))}{asked}",
            next="on worker-1, `iptables-save -t nat`, the rules of this Service: where do they lead?",
        )


@check(task="listener")
def somebody_listens_there(answers: Answers, relays: Relays) -> None:
    """Somebody on worker-1 listens on that port."""
    worker = relays.nodes.workers[0]
    given = forms.whole(answers.word("listener"))
    if given is None or not worker.listeners(given):
        wrong(
            expected="a port with a listening socket",
            found=f"{shown(answers.value('listener'))}, on which nobody listens",
            next="`ss -lnt` on worker-1 lists the sockets that listen",
        )


@check(task="program")
def holder_is_named(answers: Answers, relays: Relays, variant: Variant) -> None:
    """You named the program that holds the port."""
    given, worker = answers.word("program").lower(), relays.nodes.workers[0]
    if given not in worker.programs(relay(relays, variant)):
        wrong(
            expected="the program whose socket it is",
            found=shown(given),
            next="`ss -lntp` on worker-1: the name in the last column",
        )


@check(task="portal")
def portal_is_named(answers: Answers, nodes: Nodes, cluster: Cluster, variant: Variant) -> None:
    """You named the chain that catches what a process of the node sends to the ClusterIP."""
    given, worker = answers.word("portal"), nodes.workers[0]
    address = cluster.service(variant.text("namespace"), variant.text("service")).cluster_ip
    table = worker.ruleset.tables["nat"]
    called = {rule.jump for rule in table.chains["OUTPUT"].rules if rule.jump}
    right = [name for name in called if any(address in rule.text for rule in table.chains[name].rules)]
    if not any(forms.names_chain(given, name, table.chains) for name in right):
        wrong(
            expected="the chain after OUTPUT that knows this Service's ClusterIP",
            found=shown(given),
            next="on worker-1, `iptables -t nat -S OUTPUT`, and then each chain it jumps to",
        )


@check(task="source")
def source_is_the_proxys(answers: Answers, nodes: Nodes, relays: Relays, variant: Variant) -> None:
    """You named the address that the pod sees as the one who asks."""
    given, worker = forms.address(answers.word("source")), nodes.workers[0]
    relay(relays, variant)
    if given != worker.address:
        wrong(
            expected="what an answer has after `client=` when worker-1 was asked from outside",
            found=shown(answers.value("source")),
            next="`curl` worker-1's NodePort on the client and read the answer to its end",
        )


@check(task="order", at="answer")
def pods_take_turns(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """You wrote down six answers, and the pods that gave them took turns."""
    given = [word.lower() for word in answers.words("order")]
    pods = {each.pod for each in cluster.endpoints(variant.text("namespace"), variant.text("service"))}
    if len(given) != TURNS:
        wrong(
            expected=f"{TURNS} names of pods, in order",
            found=f"{len(given)} words",
            next=f"send {TURNS} requests, one after the other, and give the first word of each answer",
        )
    if set(given) != pods:
        strange = [name for name in given if name not in pods]
        wrong(
            expected="every pod of the Service, and no other",
            found=f"{shown(strange[0])}, which is none" if strange else f"{len(set(given))} of {len(pods)}",
            next="the pods that run now: send the requests again",
        )
    if given[len(pods) :] != given[: TURNS - len(pods)]:
        wrong(
            expected="the same order again after each pod had its turn",
            found="a pod out of turn",
            next="send the requests one by one, with nobody else asking worker-1 meanwhile",
        )


@check(task="order", at="answer")
def log_has_these_turns(answers: Answers, relays: Relays, cluster: Cluster, variant: Variant) -> None:
    """The log of kube-proxy on worker-1 has the same choices, in the same order."""
    given = [word.lower() for word in answers.words("order")]
    live = cluster.endpoints(variant.text("namespace"), variant.text("service"))
    names = {each.at: each.pod for each in live}
    chosen = [names.get(at, at) for at in relays.turns(service(variant))]
    if len(given) < TURNS or not any(chosen[at : at + len(given)] == given for at in range(len(chosen))):
        wrong(
            expected="six choices that follow each other in the log",
            found=f"{len(given)} names" if len(given) < TURNS else "an order that the log does not have",
            next="on worker-1, `grep NextEndpoint /var/log/kube-proxy.log` shows each choice",
        )


@check(task="shares", at="answer")
def requests_were_passed_on(answers: Answers, relays: Relays, cluster: Cluster, variant: Variant) -> None:
    """You sent sixty requests by worker-1, and its log has as many choices of each pod as you say."""
    given = answers.counts("shares")
    live = cluster.endpoints(variant.text("namespace"), variant.text("service"))
    turns = relays.turns(service(variant))
    seen = {each.pod: turns.count(each.at) for each in live}
    counts.require_enough(answers, "shares", REQUESTS)
    for name, number in given.items():
        if number > seen.get(name, 0):
            wrong(
                expected="no more answers of a pod than the log has choices of it",
                found=f"{number} for {shown(name)}",
                next="send the requests to worker-1's NodePort, and answer before you send others",
            )


@check(task="shares", at="answer")
def every_pod_has_its_part(answers: Answers, cluster: Cluster, variant: Variant) -> None:
    """Every pod answered equally often, give or take one."""
    given = answers.counts("shares")
    live = cluster.endpoints(variant.text("namespace"), variant.text("service"))
    counted = [given.get(each.pod, 0) for each in live]
    if max(counted) - min(counted) > 1:
        wrong(
            expected="counts of all pods that differ by one at most: there are no dice in this mode",
            found=shown(answers.value("shares")),
            next="count every request once, with nobody else asking worker-1 meanwhile",
        )


def failed_dial(answers: Answers) -> tuple[str, str]:
    """The two endpoints of the answer to `dial`."""
    given = [forms.endpoint(word) or word for word in answers.words("dial")]
    if len(given) != 2:
        wrong(
            expected="two endpoints: the one that refused, and the one that was dialled next",
            found=shown(answers.value("dial")),
            next="write ADDRESS:PORT ADDRESS:PORT, as the log has them",
        )
    return given[0], given[1]


@check(task="dial", at="answer")
def a_dial_has_failed(answers: Answers, relays: Relays, variant: Variant) -> None:
    """A pod refused, and you named the endpoint that kube-proxy could not reach."""
    first, _ = failed_dial(answers)
    failed = {choice.endpoint for choice in relays.choices(service(variant)) if choice.failed}
    if not failed:
        wrong(
            expected="a dial of this Service that failed",
            found="none in the log of worker-1",
            next="tell a pod to refuse (section 6), and send requests to worker-1 meanwhile",
        )
    if first not in failed:
        wrong(
            expected="the endpoint of a line with `Dial failed`",
            found=shown(first),
            next="on worker-1, `grep 'Dial failed' /var/log/kube-proxy.log`, the lines of this Service",
        )


@check(task="dial", points=2, at="answer")
def the_next_was_dialled(answers: Answers, relays: Relays, variant: Variant) -> None:
    """You named the endpoint that it dialled instead, for the same client."""
    first, second = failed_dial(answers)
    if (first, second) not in relays.detours(service(variant)):
        wrong(
            expected="the endpoint in the line after `Dial failed`, of the same Service",
            found=shown(second),
            next="on worker-1, `grep -A 1 'Dial failed' /var/log/kube-proxy.log`: the second line",
        )
