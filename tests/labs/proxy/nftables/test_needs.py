"""What is too old is told, with what to do."""

from __future__ import annotations

import pytest

from labs.proxy.nftables.needs import SKIP, Unsupported, check_kernel, check_nft


@pytest.mark.parametrize("release", ["5.13.0", "5.13", "6.18.44-fc", "10.0.1"])
def test_a_new_enough_kernel_is_fine(release: str) -> None:
    check_kernel(release)
    assert release


@pytest.mark.parametrize("release", ["5.12.19", "4.18.0-553.el8", "what"])
def test_an_old_kernel_is_named(release: str) -> None:
    with pytest.raises(Unsupported, match=rf"needs Linux 5\.13 or later, found {release}") as error:
        check_kernel(release)
    assert SKIP in error.value.cure


def test_a_kernel_with_the_fixes_can_be_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SKIP, "1")
    check_kernel("5.12.0")
    monkeypatch.delenv(SKIP)
    with pytest.raises(Unsupported):
        check_kernel("5.12.0")


@pytest.mark.parametrize(
    "nft", ["nftables v1.0.6 (Lester Gooch #5)", "nftables v1.0.1 (x)", "nftables v1.1 (x)"]
)
def test_a_new_enough_nft_is_fine(nft: str) -> None:
    check_nft(nft)
    assert nft


@pytest.mark.parametrize("nft", ["nftables v1.0.0 (Fearless Fosdick #2)", "nftables v0.9.8 (E.D.S.)", ""])
def test_an_old_nft_is_named(nft: str) -> None:
    with pytest.raises(Unsupported, match=r"needs nft 1\.0\.1 or later, found (nftables v|nothing)"):
        check_nft(nft)
