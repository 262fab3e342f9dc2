import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL.crypto import X509

from rabta_agent.failure import classify
from rabta_agent.probes.trust import load_roots, verify
from support.peers import Authority
from support.quic_server import pem
from support.scenes import make_contexts

AUTHORITY = Authority()
CONTEXT = make_contexts(AUTHORITY).verified
NOW = datetime.now(UTC)
Shown = tuple[bytes, bytes]
"""A chain and its key, in PEM."""


def issue(*names: str, authority: trustme.CA = AUTHORITY.ca, days_ahead: int = 0) -> Shown:
    begin = NOW + timedelta(days=days_ahead) - timedelta(hours=1)
    return pem(authority.issue_cert(*names, not_before=begin, not_after=begin + timedelta(days=30)))


def issue_by_itself(name: str, purpose: x509.ObjectIdentifier) -> tuple[Shown, bytes]:
    """A certificate for a purpose, and the root that issued it."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        for text in (f"Root of {purpose.dotted_string}", name)
    ]
    built = []
    for number, extensions in enumerate(
        [
            [x509.BasicConstraints(ca=True, path_length=None)],
            [x509.SubjectAlternativeName([x509.DNSName(name)]), x509.ExtendedKeyUsage([purpose])],
        ]
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=30))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        built.append(builder.sign(keys[0], SHA256()).public_bytes(Encoding.PEM))
    key = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (built[1], key), built[0]


def check(context: ssl.SSLContext, shown: Shown, name: str) -> ssl.SSLCertVerificationError | None:
    """What we make of it."""
    certificate, *chain = x509.load_pem_x509_certificates(shown[0])
    try:
        verify(context, certificate, chain, name)
    except ssl.SSLCertVerificationError as error:
        return error
    return None


def shake(context: ssl.SSLContext, shown: Shown, name: str, folder: Path) -> ssl.SSLCertVerificationError | None:
    """What OpenSSL makes of it, in a handshake without a network."""
    path = folder / "shown.pem"
    path.write_bytes(shown[1] + shown[0])
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return error
    return None


FOREIGN = Authority().ca
(FOR_CLIENTS, ROOT_1), (FOR_ANY, ROOT_2), (FOR_SERVERS, ROOT_3) = (
    issue_by_itself("site.example", purpose)
    for purpose in (
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.SERVER_AUTH,
    )
)
CONTEXT.load_verify_locations(cadata=(ROOT_1 + ROOT_2 + ROOT_3).decode())
BENEATH = AUTHORITY.ca.create_child_ca()


@pytest.mark.parametrize(
    ("shown", "name", "failure"),
    [
        (issue("site.example"), "site.example", None),
        (issue("site.example"), "SITE.example", None),
        (issue("*.site.example"), "www.site.example", None),
        (issue("*.site.example"), "deep.www.site.example", "ssl_invalid_hostname"),
        (issue("*.example"), "site.example", "ssl_invalid_hostname"),
        (issue("site.example", authority=BENEATH), "site.example", None),
        (issue("127.0.0.1"), "127.0.0.1", None),
        (issue("127.0.0.1"), "127.0.0.2", "ssl_invalid_hostname"),
        (issue("site.example"), "127.0.0.1", "ssl_invalid_hostname"),
        (issue("other.example"), "site.example", "ssl_invalid_hostname"),
        (issue("other.example", days_ahead=-100), "site.example", "ssl_invalid_hostname"),
        (issue("site.example", days_ahead=-100), "site.example", "ssl_invalid_certificate"),
        (issue("site.example", days_ahead=100), "site.example", "ssl_invalid_certificate"),
        (issue("site.example", authority=FOREIGN), "site.example", "ssl_unknown_authority"),
        (issue("other.example", authority=FOREIGN, days_ahead=-100), "site.example", "ssl_unknown_authority"),
        ((FOREIGN.cert_pem.bytes(), FOREIGN.private_key_pem.bytes()), "site.example", "ssl_unknown_authority"),
        (FOR_CLIENTS, "site.example", "ssl_invalid_certificate"),
        (FOR_ANY, "site.example", "ssl_invalid_certificate"),
        (FOR_SERVERS, "site.example", None),
    ],
    ids=[
        "good",
        "upper case",
        "wildcard",
        "wildcard too deep",
        "wildcard too wide",
        "intermediate",
        "address",
        "other address",
        "address not named",
        "wrong name",
        "wrong name and expired",
        "expired",
        "from the future",
        "unknown authority",
        "everything wrong",
        "self-signed",
        "for clients only",
        "for any purpose",
        "for servers",
    ],
)
def test_we_say_what_openssl_says(shown: Shown, name: str, failure: str | None, tmp_path: Path) -> None:
    ours, theirs = check(CONTEXT, shown, name), shake(CONTEXT, shown, name, tmp_path)
    assert (theirs is None) == (ours is None)
    if ours is not None and theirs is not None:
        assert (theirs.verify_code, classify(theirs).failure) == (ours.verify_code, classify(ours).failure)
    assert failure == (classify(ours).failure if ours else None)


def test_a_chain_without_its_intermediate_leads_nowhere() -> None:
    shown = issue("site.example", authority=BENEATH)
    alone = x509.load_pem_x509_certificates(shown[0])[0].public_bytes(Encoding.PEM)
    error = check(CONTEXT, (alone, shown[1]), "site.example")
    assert error is not None
    assert "ssl_unknown_authority" == classify(error).failure


@pytest.mark.parametrize("partial", [True, False])
def test_a_chain_may_end_below_its_root_where_the_context_says_so(partial: bool, tmp_path: Path) -> None:
    shown = issue("site.example", authority=BENEATH)
    path = tmp_path / "beneath.pem"
    BENEATH.cert_pem.write_to_path(str(path))
    context = make_context(path)
    context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN if partial else ssl.VerifyFlags(0)
    ours, theirs = check(context, shown, "site.example"), shake(context, shown, "site.example", tmp_path)
    assert (partial, partial) == (ours is None, theirs is None)


def make_context(file: Path | None = None) -> ssl.SSLContext:
    """One that trusts what a file holds, and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file is not None:
        context.load_verify_locations(file)
    return context


@pytest.fixture
def root_file(tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    AUTHORITY.ca.cert_pem.write_to_path(str(path))
    return path


def test_roots_are_loaded_once_for_a_context() -> None:
    assert load_roots(CONTEXT) is load_roots(CONTEXT)


def test_a_context_is_not_believed_about_the_roots_of_another(root_file: Path) -> None:
    other = tuple(make_context() for _ in range(2))
    other[0].load_verify_locations(root_file)
    assert [None, 20] == [
        getattr(check(context, issue("site.example"), "site.example"), "verify_code", None) for context in other
    ]


def test_a_folder_of_roots_is_looked_up(tmp_path: Path, root_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    digest = X509.from_cryptography(x509.load_pem_x509_certificate(root_file.read_bytes())).subject_name_hash()
    (folder / f"{digest:08x}.0").write_bytes(root_file.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert None is check(make_context(), issue("site.example"), "site.example")


@pytest.mark.parametrize("exists", [True, False], ids=["empty folder", "no folder"])
def test_where_the_system_has_no_roots_those_of_certifi_are_taken(
    exists: bool, tmp_path: Path, root_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "certs"
    if exists:
        folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    monkeypatch.setattr(certifi, "where", lambda: str(root_file))
    assert None is check(make_context(), issue("site.example"), "site.example")


def test_where_the_system_has_roots_those_of_certifi_are_not(
    tmp_path: Path, root_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "foreign.pem"
    FOREIGN.cert_pem.write_to_path(str(foreign))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(certifi, "where", lambda: str(root_file))
    error = check(make_context(foreign), issue("site.example"), "site.example")
    assert error is not None
    assert 20 == error.verify_code


def test_nothing_of_the_extra_is_imported_before_it_is_used() -> None:
    script = (
        "import sys, rabta_agent.probes.quic, rabta_agent.probes.trust\n"
        "print(sorted({'aioquic', 'OpenSSL', 'service_identity', 'certifi'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
