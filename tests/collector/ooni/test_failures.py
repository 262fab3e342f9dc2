"""OONI's failures in our words."""

import pytest

from rabta_collector.ooni.failures import read_failure, write_failure
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
        ("connection_reset_error", Manner.RESET),
        ("connection_lost_error", Manner.RESET),
        ("connection_aborted_error", Manner.RESET),
        ("connection_done", Manner.CLOSE),
        ("response_never_received", Manner.CLOSE),
        ("no_route_to_host", Manner.UNREACHABLE),
        ("host_unreachable_error", Manner.UNREACHABLE),
        ("network_unreachable_error", Manner.UNREACHABLE),
        ("tcp_timed_out_error", Manner.SILENCE),
        ("ssl_unknown_autority", Manner.CERTIFICATE),
        ("ssl_error: handshake", Manner.GARBLE),
        ("unknown_failure: read tcp [scrubbed]: read: connection reset by peer", Manner.RESET),
        ("unknown_failure: dial tcp [scrubbed]: connect: network is unreachable", Manner.UNREACHABLE),
        ("unknown_failure: x509: certificate signed by unknown authority", Manner.CERTIFICATE),
        ("unknown_failure: remote error: tls: unrecognized name", Manner.GARBLE),
        ("dns_servfail_error", Manner.SERVFAIL),
        ("dns_reply_with_wrong_query_id", Manner.SERVFAIL),
        ("quic_incompatible_version", Manner.GARBLE),
        ("address_family_not_supported", Manner.LOCAL),
        ("address_family_not_supported_error", Manner.LOCAL),
        ("unknown_failure: EOF", Manner.CLOSE),
        ("unknown_failure: http: server gave HTTP response to HTTPS client", Manner.GARBLE),
        ("unknown_failure: lookup x.com on [scrubbed]: no such host", Manner.NXDOMAIN),
        ("unknown_failure: lookup x.com on [scrubbed]: server misbehaving", Manner.SERVFAIL),
        ("unknown_failure: net/http: TLS handshake timeout", Manner.SILENCE),
        (
            "unknown_failure: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
            Manner.SILENCE,
        ),
        ("unknown_failure: dial tcp [scrubbed]: connect: operation timed out", Manner.SILENCE),
        (
            "unknown_failure: dial tcp [scrubbed]: connectex: No connection could be made because the target machine "
            "actively refused it.",
            Manner.REFUSAL,
        ),
        (
            "unknown_failure: dial tcp [scrubbed]: connectex: A connection attempt failed because the connected party "
            "did not properly respond after a period of time, or established connection failed because connected "
            "host has failed to respond.",
            Manner.SILENCE,
        ),
        ("unknown_failure: connectex: A socket operation was attempted to an unreachable network.", Manner.UNREACHABLE),
        ("unknown_failure: connectex: A socket operation was attempted to an unreachable host.", Manner.UNREACHABLE),
        (
            "unknown_failure: wsarecv: An existing connection was forcibly closed by the remote host.",
            Manner.RESET,
        ),
        (
            "unknown_failure: wsasend: An established connection was aborted by the software in your host machine.",
            Manner.RESET,
        ),
        ("unknown_failure: connect: cannot assign requested address", Manner.LOCAL),
        ("unknown_failure: sendto: operation not permitted", Manner.LOCAL),
        ("\ud800", Manner.OTHER),
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


def test_a_text_that_is_no_unicode_is_mended() -> None:
    assert "unknown_failure: ?" == read_failure("\ud800")


@pytest.mark.parametrize("failure", Failure)
def test_what_is_written_has_the_same_manner_when_it_is_read(failure: Failure) -> None:
    written = write_failure(failure)
    assert written is not None
    if failure == Failure.DNS_SERVER_MISBEHAVING:
        assert Manner.SERVFAIL is manner_of(read_failure(written))  # OONI's word says less
    else:
        assert manner_of(failure) is manner_of(read_failure(written))


def test_our_own_words_are_not_written_as_ooni_s() -> None:
    ours = {Failure.SPECIAL_ADDRESS, Failure.DNS_NO_RESOLVER, Failure.QUIC_FAILED_HANDSHAKE}
    ours |= {Failure.HTTP_INVALID_RESPONSE, Failure.HTTP_TOO_MANY_REDIRECTS, Failure.DNS_SERVFAIL}
    assert ours.isdisjoint({write_failure(failure) for failure in Failure})
    assert write_failure(None) is None
