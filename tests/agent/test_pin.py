"""A pin is of a key: the certificate around it may change, the key may not."""

import base64
import hashlib

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rabta_agent.pin import InvalidPinError, WrongKeyError, check_leaf, parse_pin, split_invitation

PIN = "sha256-" + base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")


def certificate(*names: str) -> x509.Certificate:
    issued = trustme.CA().issue_cert(*names, common_name="common.example")
    return x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())


def pin_of(leaf: x509.Certificate) -> str:
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256-" + base64.urlsafe_b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def test_an_invitation_may_carry_a_pin() -> None:
    assert ("rabta-1-a_b", "") == split_invitation("rabta-1-a_b")
    assert ("rabta-1-a_b", PIN) == split_invitation(f"rabta-1-a_b@{PIN}")
    assert bytes(32) == parse_pin(PIN)


@pytest.mark.parametrize("pin", ["", "sha256-", PIN[:-1], f"{PIN}A", PIN.replace("256", "1"), PIN[:-2] + "/+"])
def test_what_is_no_pin_is_said(pin: str) -> None:
    with pytest.raises(InvalidPinError, match="pin of the invitation"):
        split_invitation(f"token@{pin}")


def test_the_pinned_key_is_taken_with_its_names_and_no_other() -> None:
    leaf = certificate("c.example", "*.w.example", "192.0.2.1")
    found = check_leaf(leaf.public_bytes(Encoding.DER), pin_of(leaf))
    assert (("c.example", "www.w.example", "192.0.2.1"), leaf.public_bytes(Encoding.PEM)) == (found.names, found.pem)
    for other in (certificate("c.example").public_bytes(Encoding.DER), b"", b"nothing"):
        with pytest.raises(WrongKeyError):
            check_leaf(other, pin_of(leaf))
