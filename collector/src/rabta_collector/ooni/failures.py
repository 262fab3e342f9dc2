"""OONI's failures (df-007, and those of its older probes) in Rabta's words. Pure.

Invariant: what OONI leaves open stays open. A failure that may have several causes becomes the one that proves least:
of names, `dns_server_failure`, which has to be seen twice; of the rest `unknown_failure`, which no rule blames on
anybody.
"""

from rabta_proto.vocabulary import UNKNOWN_FAILURE, Failure

_SAME = frozenset(str(failure) for failure in Failure) - {Failure.SPECIAL_ADDRESS, Failure.DNS_NO_RESOLVER}

ANDROID_NO_DATA = "android_dns_cache_no_data"
"""Android's EAI_NODATA, "no address associated with hostname"."""

_OTHER_NAMES: dict[str, Failure] = {
    # the test helper
    "dns_name_error": Failure.DNS_NXDOMAIN,
    # probe-engine
    "dns_bogon_error": Failure.SPECIAL_ADDRESS,
    "dns_servfail_error": Failure.DNS_SERVFAIL,
    "dns_lookup_timeout_error": Failure.GENERIC_TIMEOUT,
    "dns_temporary_failure": Failure.DNS_SERVFAIL,  # EAI_AGAIN
    "dns_server_misbehaving": Failure.DNS_SERVFAIL,  # Go's word for EAI_AGAIN
    "dns_non_recoverable_failure": Failure.DNS_SERVFAIL,  # EAI_FAIL
    ANDROID_NO_DATA: Failure.DNS_SERVFAIL,  # for whatever went wrong; see vantage.py
    "dns_nxdomain": Failure.DNS_NXDOMAIN,
    "ssl_unknown_autority": Failure.SSL_UNKNOWN_AUTHORITY,  # as df-007 spells it
    "connection_already_closed": Failure.EOF,
    "dns_reply_with_wrong_query_id": Failure.DNS_SERVFAIL,
    "address_family_not_supported": Failure.ADDRESS_NOT_AVAILABLE,
    "quic_incompatible_version": Failure.QUIC_FAILED_HANDSHAKE,
    # Measurement Kit and ooniprobe-legacy (which is written with Twisted)
    "connection_reset_error": Failure.CONNECTION_RESET,
    "connection_aborted_error": Failure.CONNECTION_ABORTED,
    "connection_lost_error": Failure.CONNECTION_RESET,  # not closed in due form
    "connection_done": Failure.EOF,
    "response_never_received": Failure.EOF,  # closed in place of a response
    "no_route_to_host": Failure.HOST_UNREACHABLE,
    "host_unreachable_error": Failure.HOST_UNREACHABLE,
    "network_unreachable_error": Failure.NETWORK_UNREACHABLE,
    "dns_lookup_error": Failure.DNS_SERVFAIL,
    "dns_name_failure": Failure.DNS_SERVFAIL,
    "connection_refused_error": Failure.CONNECTION_REFUSED,
    "tcp_timed_out_error": Failure.GENERIC_TIMEOUT,
    "task_timed_out": Failure.GENERIC_TIMEOUT,
    "deferred_timeout_error": Failure.GENERIC_TIMEOUT,
    "ssl_error": Failure.SSL_FAILED_HANDSHAKE,
    "address_family_not_supported_error": Failure.ADDRESS_NOT_AVAILABLE,
}

_TO_OONI: dict[str, str] = {
    Failure.DNS_SERVFAIL: "dns_servfail_error",
    Failure.SPECIAL_ADDRESS: "dns_bogon_error",
    Failure.QUIC_FAILED_HANDSHAKE: "ssl_failed_handshake",  # OONI's word for TLS and for QUIC
    Failure.HTTP_TOO_MANY_REDIRECTS: f"{UNKNOWN_FAILURE}: stopped after 10 redirects",  # as Go puts it
    Failure.HTTP_INVALID_RESPONSE: f"{UNKNOWN_FAILURE}: malformed HTTP response",
    Failure.DNS_NO_RESOLVER: f"{UNKNOWN_FAILURE}: {Failure.DNS_NO_RESOLVER}",
}

# What stands within `unknown_failure: ...`, in the words of Go's standard library, of Windows, and our own.
_WITHIN: tuple[tuple[str, Failure], ...] = (
    ("no route to host", Failure.HOST_UNREACHABLE),
    ("host is down", Failure.HOST_UNREACHABLE),
    ("to an unreachable host", Failure.HOST_UNREACHABLE),
    ("network is unreachable", Failure.NETWORK_UNREACHABLE),
    ("to an unreachable network", Failure.NETWORK_UNREACHABLE),
    ("network is down", Failure.NETWORK_DOWN),
    ("assign requested address", Failure.ADDRESS_NOT_AVAILABLE),
    ("requested address is not valid in its context", Failure.ADDRESS_NOT_AVAILABLE),
    ("address family not supported", Failure.ADDRESS_NOT_AVAILABLE),
    ("operation not permitted", Failure.PERMISSION_DENIED),
    ("permission denied", Failure.PERMISSION_DENIED),
    ("forbidden by its access permissions", Failure.PERMISSION_DENIED),
    ("connection reset by peer", Failure.CONNECTION_RESET),
    ("forcibly closed by the remote host", Failure.CONNECTION_RESET),
    ("broken pipe", Failure.CONNECTION_RESET),
    ("aborted by the software in your host machine", Failure.CONNECTION_ABORTED),
    ("software caused connection abort", Failure.CONNECTION_ABORTED),
    ("connection refused", Failure.CONNECTION_REFUSED),
    ("actively refused it", Failure.CONNECTION_REFUSED),
    ("i/o timeout", Failure.GENERIC_TIMEOUT),
    ("deadline exceeded", Failure.GENERIC_TIMEOUT),
    ("timeout exceeded while", Failure.GENERIC_TIMEOUT),
    ("timeout awaiting response", Failure.GENERIC_TIMEOUT),
    ("handshake timeout", Failure.GENERIC_TIMEOUT),
    ("did not properly respond after a period of time", Failure.TIMED_OUT),
    ("connection timed out", Failure.TIMED_OUT),
    ("operation timed out", Failure.TIMED_OUT),
    ("no such host", Failure.DNS_NXDOMAIN),  # as OONI's newer probes read it
    ("server misbehaving", Failure.DNS_SERVFAIL),
    ("temporary failure in name resolution", Failure.DNS_SERVFAIL),
    ("no answer from dns server", Failure.DNS_NO_ANSWER),
    (Failure.DNS_NO_RESOLVER, Failure.DNS_NO_RESOLVER),
    ("unknown authority", Failure.SSL_UNKNOWN_AUTHORITY),
    ("certificate is not trusted", Failure.SSL_UNKNOWN_AUTHORITY),
    ("certificate is not valid for", Failure.SSL_INVALID_HOSTNAME),
    ("certificate is valid for", Failure.SSL_INVALID_HOSTNAME),
    ("doesn't contain any ip sans", Failure.SSL_INVALID_HOSTNAME),
    ("certificate has expired", Failure.SSL_INVALID_CERTIFICATE),
    ("x509:", Failure.SSL_INVALID_CERTIFICATE),
    ("malformed http", Failure.HTTP_INVALID_RESPONSE),
    ("http response to https client", Failure.SSL_FAILED_HANDSHAKE),  # bytes that are not TLS
    ("stopped after 10 redirects", Failure.HTTP_TOO_MANY_REDIRECTS),
    ("tls:", Failure.SSL_FAILED_HANDSHAKE),
    ("unexpected eof", Failure.EOF),
)

DNS_FAILURES = frozenset(str(failure) for failure in Failure if failure.startswith("dns_")) | {Failure.SPECIAL_ADDRESS}
CERTIFICATE_FAILURES = frozenset(
    {Failure.SSL_INVALID_HOSTNAME, Failure.SSL_UNKNOWN_AUTHORITY, Failure.SSL_INVALID_CERTIFICATE}
)
TLS_FAILURES = CERTIFICATE_FAILURES | {Failure.SSL_FAILED_HANDSHAKE}
TCP_FAILURES = frozenset({Failure.CONNECTION_REFUSED, Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE})


def read_failure(value: object) -> str | None:
    """A failure in Rabta's words; `None` only for what says that there was none."""
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, str):
        return f"{UNKNOWN_FAILURE}: not a text"
    word = value[:200].encode("utf-8", "replace").decode().strip().lower()
    if (known := _OTHER_NAMES.get(word)) is not None:
        return known
    if word in _SAME:
        return word
    if word.startswith("ssl_error"):
        return Failure.SSL_FAILED_HANDSHAKE
    if word in (f"{UNKNOWN_FAILURE}: eof", "eof"):
        return Failure.EOF
    within = next((failure for words, failure in _WITHIN if words in word), None)
    return within or f"{UNKNOWN_FAILURE}: {word.removeprefix('unknown_failure').lstrip(': ')}".strip()


def write_failure(failure: str | None) -> str | None:
    """A failure of ours in OONI's words."""
    return None if failure is None else _TO_OONI.get(failure, str(failure))
