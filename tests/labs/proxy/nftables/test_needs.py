"""What is too old is told, with what to do."""

from __future__ import annotations

import pytest

from labs.proxy.nftables.needs import SKIP, Unsupported, check

NFT = "nftables v1.0.6 (Lester Gooch #5)"


@pytest.mark.parametrize("release", ["5.13.0", "5.13", "6.18.44-fc", "10.0.1"])
@pytest.mark.parametrize("nft", [NFT, "nftables v1.0.1 (Fearless Fosdick #3)", "nftables v1.1 (x)"])
def test_new_enough_is_fine(nft: str, release: str) -> None:
    check(nft, release)
    assert release


@pytest.mark.parametrize("release", ["5.12.19", "4.18.0-553.el8", "what"])
def test_an_old_kernel_is_named(release: str) -> None:
    with pytest.raises(Unsupported, match=rf"needs Linux 5\.13 or later, found {release}") as error:
        check(NFT, release)
    assert SKIP in error.value.cure


def test_a_kernel_with_the_fixes_can_be_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SKIP, "1")
    check(NFT, "5.12.0")
    with pytest.raises(Unsupported, match="needs nft"):
        check("nftables v0.9.8", "5.12.0")


@pytest.mark.parametrize("nft", ["nftables v1.0.0 (Fearless Fosdick #2)", "nftables v0.9.8 (E.D.S.)", ""])
def test_an_old_nft_is_named(nft: str) -> None:
    with pytest.raises(Unsupported, match=r"needs nft 1\.0\.1 or later, found (nftables v|nothing)"):
        check(nft, "6.1.0")
