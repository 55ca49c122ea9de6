"""Operations as messages: all that the mode writes has some, and what is read back is what was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.proxy.netlink import HEADER, attributes, messages, nested, string
from labs.proxy.nftables.netlink import reading
from labs.proxy.nftables.netlink.grammar import Unknown
from labs.proxy.nftables.netlink.messages import KINDS, Messages
from labs.proxy.nftables.objects import Chain, Element, Set
from labs.proxy.nftables.transaction import Operation

PAYLOADS = Path(__file__).parent.parent / "payloads"


def operations(path: Path) -> list[tuple[str, Operation]]:
    found = []
    for line in path.read_text().splitlines():
        verb, kind, family, _, *more = line.split(" ", 5)
        name, rest = ("", " ".join(more)) if kind == "table" else (more[0], "".join(more[1:]))
        found.append((family, Operation(verb, kind, name, rest)))
    return found


def said(verb: str, kind: str, name: str = "", rest: str = "") -> dict[int, bytes]:
    """The attributes of the one message of an operation."""
    ((_, _, body),) = Messages("ip").bodies(Operation(verb, kind, name, rest))
    return dict(attributes(body))


@pytest.mark.parametrize(
    "path", sorted(PAYLOADS.glob("*.output.txt")), ids=lambda path: path.name.split(".")[0]
)
def test_every_operation_of_a_payload_has_messages(path: Path) -> None:
    for family, operation in operations(path):
        assert list(Messages(family).bodies(operation))


def test_a_set_is_read_as_it_was_written() -> None:
    by_address = "ipv4_addr . inet_proto . inet_service : verdict"
    assert reading.set_(said("add", "map", "m", f'{{ type {by_address} ; comment "c" ; }}')) == Set(
        by_address
    )
    sticky = said("add", "set", "s", "{ type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }")
    assert reading.set_(sticky) == Set("ipv4_addr", timeout=10800)
    assert reading.name(sticky) == "s"
    assert not reading.is_anonymous(sticky)


def test_a_chain_is_read_as_it_was_written() -> None:
    base = "type nat hook postrouting priority 100"
    assert reading.chain(said("add", "chain", "n", f"{{ {base} ; }}")) == ("n", Chain(None, base))
    base = "type filter hook prerouting priority -110"
    assert reading.chain(said("add", "chain", "f", f"{{ {base} ; }}")) == ("f", Chain(None, base))
    assert reading.chain(said("add", "chain", "r", '{ comment "c" ; }')) == ("r", Chain(None))


@pytest.mark.parametrize(
    ("rest", "type_", "key", "element"),
    [
        ("{ 10.96.0.10 }", "ipv4_addr", "10.96.0.10", Element()),
        ("{ fd00:96::10 }", "ipv6_addr", "fd00:96::10", Element()),
        ("{ tcp . 30080 : drop }", "inet_proto . inet_service : verdict", "tcp . 30080", Element("drop")),
        (
            '{ 10.0.0.1 . udp . 53 comment "a/b:c" : goto reject-chain }',
            "ipv4_addr . inet_proto . inet_service : verdict",
            "10.0.0.1 . udp . 53",
            Element("goto reject-chain", "a/b:c"),
        ),
    ],
)
def test_an_element_is_read_as_it_was_written(rest: str, type_: str, key: str, element: Element) -> None:
    assert reading.elements(said("add", "element", "m", rest), type_) == {key: element}


def test_a_set_of_a_type_that_is_not_ours_differs_from_every_one_of_ours() -> None:
    ether = {1: b"kube-proxy\0", 2: b"macs\0", 4: (9).to_bytes(4, "big")}
    assert reading.set_(ether).type == reading.UNKNOWN


def test_deleting_says_the_name_and_no_more() -> None:
    assert said("delete", "chain", "c") == {1: b"kube-proxy\0", 3: b"c\0"}
    assert said("delete", "set", "s") == {1: b"kube-proxy\0", 2: b"s\0"}
    assert said("delete", "table") == {1: b"kube-proxy\0"}


def test_names_of_anonymous_sets_go_on_after_those_there_are() -> None:
    choice = "numgen random mod 2 vmap { 0 : goto a , 1 : goto b }"
    bodies = list(
        Messages("ip", ["cluster-ips", "__map7", "__map3"]).bodies(Operation("add", "rule", "c", choice))
    )
    assert [kind for kind, _, _ in bodies] == [KINDS["set"], KINDS["element"], KINDS["rule"]]
    assert reading.name(dict(attributes(bodies[0][2]))) == "__map8"


def test_many_elements_are_several_messages() -> None:
    entries = " , ".join(f"{n} : 10.0.{n // 250}.{n % 250} . 80" for n in range(3000))
    choice = f"dnat ip addr . port to numgen random mod 3000 map {{ {entries} }}"
    bodies = list(Messages("ip").bodies(Operation("add", "rule", "c", choice)))
    assert len(bodies) > 4
    assert (
        sum(len(reading.found(bytes(4) + body)[3]) for kind, _, body in bodies if kind == KINDS["element"])
        > 3000
    )
    assert all(len(body) < 0xFFFF for _, _, body in bodies)


def test_what_is_not_understood_is_not_sent() -> None:
    with pytest.raises(Unknown):
        list(Messages("ip").bodies(Operation("add", "element", "m", "{  }")))


def test_a_message_is_framed_and_found_again() -> None:
    made = Messages("ip6")
    body = next(iter(made.bodies(Operation("add", "chain", "c"))))
    ((kind, flags, number, found),) = messages(made.framed(body, 5))
    assert (kind & 0xFF, flags, number) == (KINDS["chain"], 0x401, 5)
    assert found[0] == 10  # the IP family
    assert reading.of_ours(reading.found(found))
    assert not reading.of_ours(reading.found(bytes(4) + string(1, "mine")))
    assert len(made.framed(body, 5)) == HEADER.size + len(found)


def test_nested_attributes_come_apart() -> None:
    assert dict(attributes(dict(attributes(nested(4, string(1, "a"), string(2, "bcd"))))[4])) == {
        1: b"a\0",
        2: b"bcd\0",
    }
