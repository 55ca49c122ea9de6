"""The lab's authority is made once; the server's certificate follows its names."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509

from labs.kube import certificates


def names(path: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def test_files_are_made_once_and_kept(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path / "pki", ["127.0.0.1"])
    before = {path.name: path.read_bytes() for path in files.folder.iterdir()}

    certificates.ensure(tmp_path / "pki", ["127.0.0.1"])

    assert {path.name: path.read_bytes() for path in files.folder.iterdir()} == before
    assert set(before) == {"ca.crt", "ca.key", "apiserver.crt", "apiserver.key"}


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path / "pki", [])

    assert {files.ca_key.stat().st_mode & 0o777, files.server_key.stat().st_mode & 0o777} == {0o600}


def test_new_names_make_a_new_certificate_of_the_same_authority(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, ["127.0.0.1"])
    authority = files.ca.read_bytes()

    certificates.ensure(tmp_path, ["127.0.0.1", "192.168.56.10"])

    assert files.ca.read_bytes() == authority
    assert {"192.168.56.10", "localhost", "kubernetes.default.svc"} <= names(files.server)


def test_a_broken_certificate_is_made_again(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, ["127.0.0.1"])
    files.server.write_text("not a certificate")

    certificates.ensure(tmp_path, ["127.0.0.1"])

    assert "127.0.0.1" in names(files.server)


def test_the_strictest_client_accepts_the_chain(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, ["127.0.0.1"])
    context = ssl.create_default_context(cafile=str(files.ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT

    client_side, server_side = _handshake(context, files)

    assert client_side.getpeercert()["subject"] == ((("commonName", "kube-apiserver"),),)
    assert server_side.version() == "TLSv1.3"


def _handshake(
    context: ssl.SSLContext, files: certificates.Certificates
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends in memory."""
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(files.server, files.server_key)
    client = context.wrap_bio(downward, upward, server_hostname="127.0.0.1")
    server = serving.wrap_bio(upward, downward, server_side=True)
    for end in (client, server, client, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client, server
