"""OONI's failures in our words."""

import pytest

from rabta_collector.ooni.failures import read_failure
from rabta_collector.verdict.legs import Manner, manner_of
from rabta_proto.vocabulary import Failure


@pytest.mark.parametrize("nothing", [None, False, ""])
def test_no_failure_is_none(nothing: object) -> None:
    assert read_failure(nothing) is None


OURS_ALONE = {Failure.SPECIAL_ADDRESS, Failure.DNS_NO_RESOLVER}
LESS_SURE = {Failure.DNS_SERVER_MISBEHAVING}  # Go says so of what may be anything


@pytest.mark.parametrize("failure", sorted(set(Failure) - OURS_ALONE - LESS_SURE))
def test_words_in_common_stay(failure: Failure) -> None:
    assert failure == read_failure(str(failure))


@pytest.mark.parametrize(
    ("theirs", "manner"),
    [
        ("dns_name_error", Manner.NXDOMAIN),
        ("dns_bogon_error", Manner.SPECIAL),
        ("dns_temporary_failure", Manner.SERVFAIL),
        ("dns_server_misbehaving", Manner.SERVFAIL),
        ("android_dns_cache_no_data", Manner.SERVFAIL),
        ("dns_lookup_error", Manner.SERVFAIL),
        ("connection_refused_error", Manner.REFUSAL),
        ("tcp_timed_out_error", Manner.SILENCE),
        ("ssl_unknown_autority", Manner.CERTIFICATE),
        ("ssl_error: handshake", Manner.GARBLE),
        ("unknown_failure: read tcp [scrubbed]: read: connection reset by peer", Manner.RESET),
        ("unknown_failure: dial tcp [scrubbed]: connect: network is unreachable", Manner.UNREACHABLE),
        ("unknown_failure: x509: certificate signed by unknown authority", Manner.CERTIFICATE),
        ("unknown_failure: remote error: tls: unrecognized name", Manner.GARBLE),
        ("special_address", Manner.OTHER),
        ("connect_error", Manner.OTHER),
        ("unknown_failure: who knows", Manner.OTHER),
        (17, Manner.OTHER),
        (True, Manner.OTHER),
        ({}, Manner.OTHER),
    ],
)
def test_other_words_have_their_manner(theirs: object, manner: Manner) -> None:
    found = read_failure(theirs)
    assert found is not None
    assert manner is manner_of(found)


def test_what_is_not_known_is_kept_in_part() -> None:
    assert "unknown_failure: who knows" == read_failure("unknown_failure: Who knows")
    assert len(read_failure("x" * 10_000) or "") < 300
