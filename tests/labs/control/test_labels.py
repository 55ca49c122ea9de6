import pytest

from labs.control.affinity import may_go
from labs.control.labels import fulfils, selects
from labs.control.quantities import amount
from labs.control.taints import tolerates

LABELS = {"app": "web", "tier": "3"}


@pytest.mark.parametrize(
    ("key", "operator", "values", "expected"),
    [
        ("app", "In", ["web", "db"], True),
        ("app", "NotIn", ["web"], False),
        ("absent", "NotIn", ["web"], True),
        ("app", "Exists", [], True),
        ("absent", "DoesNotExist", [], True),
        ("tier", "Gt", ["2"], True),
        ("tier", "Lt", ["3"], False),
        ("app", "Gt", ["2"], False),
        ("absent", "Lt", ["2"], False),
        ("app", "Like", ["w"], False),
    ],
)
def test_requirements(key, operator, values, expected):
    assert fulfils({"key": key, "operator": operator, "values": values}, LABELS) is expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
    ],
)
def test_an_empty_selector_selects_everything_and_an_absent_one_nothing(selector, expected):
    assert selects(selector, LABELS) is expected


def test_a_term_without_requirements_matches_no_node():
    required = {"nodeSelectorTerms": [{}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    node = {"metadata": {"name": "worker-1", "labels": LABELS}}
    assert not may_go({"spec": {"affinity": affinity}}, node)


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "team", "value": "blue"}, True),
        ({"key": "team", "operator": "Equal", "value": "red"}, False),
        ({"key": "team", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "blue"}, False),
    ],
)
def test_tolerations(toleration, expected):
    taint = {"key": "team", "value": "blue", "effect": "NoSchedule"}
    assert tolerates(toleration, taint) is expected


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", "0.25"), ("1.5", "1.5"), ("64Mi", "67108864"), ("1k", "1000"), ("2Gi", "2147483648"), (3, "3")],
)
def test_quantities(text, number):
    assert str(amount(text).normalize()) == str(amount(number).normalize())


@pytest.mark.parametrize("text", ["", "much", "1Qi", "1,5"])
def test_what_is_no_quantity_is_refused_by_name(text):
    with pytest.raises(ValueError, match="quantity"):
        amount(text)
