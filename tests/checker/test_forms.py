"""What an answer means, however it is written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker import forms

CHAIN = "KUBE-SVC-TII5GQPKXWC65SRC"
EXT = "KUBE-EXT-TII5GQPKXWC65SRC"
HASHES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=16)
CHAINS = st.builds("KUBE-{}-{}".format, st.sampled_from(["SVC", "SEP", "EXT"]), HASHES)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b", ["a", "b"]),
        ("a → b -> c", ["a", "b", "c"]),
        (" 'a', \"b\"; c ", ["a", "b", "c"]),
        (["a", ["b"], 3], ["a", "b", "3"]),
        ({"pod": "1.2.3.4:80"}, ["pod", "1.2.3.4:80"]),
        ("pod: 1.2.3.4:80", ["pod", "1.2.3.4:80"]),
        ("33 % 1 / 3", ["33%", "1/3"]),
        ("  61 pod-a\n  59 pod-b\n", ["61", "pod-a", "59", "pod-b"]),
        (None, []),
        ("", []),
        (0, ["0"]),
    ],
)
def test_words_of_an_answer(value, expected):
    assert forms.words(value) == expected


@pytest.mark.parametrize(
    "given",
    [CHAIN, CHAIN.lower(), "svc-TII5GQPKXWC65SRC", "KUBE-SVC-TII5…", "kube-svc-tii5...", "KUBE-SVC-TII5G"],
)
def test_a_chain_may_be_written_short_as_long_as_it_names_one(given):
    assert forms.names_chain(given, CHAIN, [CHAIN, EXT])


@pytest.mark.parametrize(
    "given",
    [
        EXT,
        "TII5GQPKXWC65SRC",
        "KUBE-SVC-TII",
        "KUBE-SVC-",
        "KUBE-SVC",
        "SVC",
        "",
        "KUBE-SVC-TII5X",
        CHAIN + "A",
    ],
)
def test_what_names_another_chain_or_none_is_refused(given):
    assert not forms.names_chain(given, CHAIN, [CHAIN, EXT])


def test_a_short_name_that_fits_two_chains_names_neither():
    twin = "KUBE-SVC-TII5AAAAAAAAAAAA"
    assert not forms.names_chain("KUBE-SVC-TII5", CHAIN, [CHAIN, twin])
    assert forms.names_chain("KUBE-SVC-TII5G", CHAIN, [CHAIN, twin])


def test_a_base_chain_is_not_the_chain_of_kube_proxy_with_that_name():
    assert not forms.names_chain("postrouting", "KUBE-POSTROUTING")
    assert forms.names_chain("kube-postrouting", "KUBE-POSTROUTING")


@given(CHAINS, CHAINS)
def test_a_chain_never_names_another(one, other):
    assert forms.names_chain(one, other, [one, other]) == (one == other)


@given(CHAINS, st.integers(0, 24), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_one_changed_letter_makes_another_chain(chain, at, letter):
    changed = chain[:at] + letter + chain[at + 1 :]
    assert forms.names_chain(changed, chain) == (changed == chain)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1/32", "10.0.0.1"),
        (" 10.0.0.1 ", "10.0.0.1"),
        ("FD00::5/128", "fd00::5"),
        ("10.0.0.1/24", ""),
        ("10.0.0", ""),
        ("", ""),
    ],
)
def test_addresses(text, expected):
    assert forms.address(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1:080", "10.0.0.1:80"),
        ("[fd00::5]:80", "[fd00::5]:80"),
        ("10.0.0.1", ""),
        (":80", ""),
        ("10.0.0.1:x", ""),
    ],
)
def test_endpoints(text, expected):
    assert forms.endpoint(text) == expected


KERNEL_THIRD = Fraction(715827883, 2**31)  # what the kernel keeps for 1/3: printed 0.33333333349


@pytest.mark.parametrize(
    "written", ["0.33333333349", "0.333333", "0.333", "0.33", ".33", "33%", "33.3%", "33.33 %", "1/3", "2/6"]
)
def test_a_third_may_be_written_in_many_ways(written):
    share = forms.share(forms.words(written)[0])
    assert share is not None
    assert share.means(KERNEL_THIRD)


@pytest.mark.parametrize(
    "written",
    [
        "0.33332999982",
        "0.34",
        "0.3",
        "0.33334",
        "34%",
        "30%",
        "1/4",
        "0.32",
        "3",
        "33",
        "none",
        "0.33333333350",
    ],
)
def test_what_is_near_a_third_is_no_third(written):
    share = forms.share(written)
    assert share is not None
    assert not share.means(KERNEL_THIRD)


@pytest.mark.parametrize("written", ["", "x", "1/0", "0.3.3", "-0.3", "1e-3", "%", ".", "nan", "1/3/3"])
def test_what_is_no_number_is_no_share(written):
    assert forms.share(written) is None


@given(st.integers(1, 40), st.integers(2, 11))
def test_every_rounding_to_two_places_or_more_means_the_value(left, places):
    actual = Fraction(round(2**31 / left), 2**31)
    share = forms.share(f"{float(actual):.{places}f}")
    assert share is not None
    assert share.means(actual) or abs(share.value - actual) >= forms.COARSEST


@given(st.integers(2, 30), st.integers(2, 30))
def test_a_fraction_means_one_chance_only(asked, given_):
    actual = Fraction(round(2**31 / asked), 2**31)
    share = forms.share(f"1/{given_}")
    assert share is not None
    assert share.means(actual) == (asked == given_)


@pytest.mark.parametrize(
    "written",
    [
        "pod-a=60 pod-b=40",
        "60 pod-a\n40 pod-b",
        {"pod-a": 60, "pod-b": 40},
        "pod-a: 60, pod-b: 40",
        "pod-a 60 40 pod-b",
    ],
)
def test_pairs_in_either_order(written):
    assert forms.pairs(written, str.isdigit) == {"pod-a": "60", "pod-b": "40"}


@pytest.mark.parametrize(
    "written", ["60", "pod-a", "60 40", "pod-a pod-b", "pod-a=60 pod-a=40", "pod-a 60 pod-b"]
)
def test_what_does_not_pair(written):
    assert forms.pairs(written, str.isdigit) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_anything_at_all_has_words_and_no_form_raises(value):
    for word in forms.words(value):
        forms.share(word)
        forms.address(word)
        forms.endpoint(word)
        forms.whole(word)
        forms.names_chain(word, CHAIN, [CHAIN, EXT])
    forms.pairs(value, str.isdigit)


def test_a_prediction_with_more_places_than_the_kernel_keeps_means_its_value():
    kernel = Fraction(round(2**31 / 6), 2**31)  # printed 0.16666666651
    assert forms.share("0.1666666667").means(kernel)
    assert not forms.share("0.1666686667").means(kernel)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("10.1.2.3:80", ", with a port"),
        ("10.1.2.3/24", ", with the length of its network"),
        ("fd00::1/64", ", with the length of its network"),
        ("10.1.2.3", ""),
        ("10.1.2.3/32", ""),
        ("client/24", ""),
        ("10.1.2/24", ""),
        ("", ""),
    ],
)
def test_what_stands_beside_an_address_is_named(written, why):
    assert forms.no_address(written) == why


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("0", 0),
        ("none", 0),
        (" Zero ", 0),
        ("12", 12),
        ("0x4000", 16384),
        ("-1", -1),
        ("few", None),
        ("1.5", None),
    ],
)
def test_a_whole_number_in_digits_or_a_word_for_zero(word, number):
    assert forms.whole(word) == number
