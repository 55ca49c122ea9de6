"""A wrong answer with another learner's names in it is noted."""

import pytest

from checker import copies
from checker.variant import Variant

VARIANTS = {
    "app": {"article": "appname", "one_of": ["orders", "ledger", "parcels"]},
    "service": {"article": "appname-backend-svc", "made_of": "{app}-backend-svc"},
    "node_port": {"article": 31103, "between": [30100, 32700]},
    "scaled": {"article": 3, "one_of": [3, 4]},
}
NAMES = copies.others(VARIANTS)
OWN = Variant(4711, {"app": "parcels", "service": "parcels-backend-svc", "node_port": 30922, "scaled": 4})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["ledger-backend-6d4f9c7b58-x2x9k=10.244.1.3:3001"], "names of another variant: ledger"),
        (["Orders-backend", "ledger-backend"], "names of another variant: ledger, orders"),
        (["parcels-backend-6d4f9c7b58-x2x9k"], ""),
        (["KUBE-SVC-LEDGERSX", "3"], ""),
        ([], ""),
    ],
)
def test_names_of_another_variant_are_named(answer, said):
    assert copies.note(NAMES, OWN, answer) == said


def test_numbers_are_no_names():
    assert {"app": frozenset({"orders", "ledger", "parcels"})} == NAMES
