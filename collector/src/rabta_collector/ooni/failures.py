"""OONI's failures (df-007, and those of its older probes) in Rabta's words. Pure.

Invariant: what OONI leaves open stays open. A failure that may have several causes becomes the one that proves least:
of names, `dns_server_failure`, which has to be seen twice; of the rest `unknown_failure`, which no rule blames on
anybody.
"""

from rabta_proto.vocabulary import UNKNOWN_FAILURE, Failure

_SAME = frozenset(str(failure) for failure in Failure) - {Failure.SPECIAL_ADDRESS, Failure.DNS_NO_RESOLVER}

_OTHER_NAMES: dict[str, Failure] = {
    # the test helper
    "dns_name_error": Failure.DNS_NXDOMAIN,
    # probe-engine
    "dns_bogon_error": Failure.SPECIAL_ADDRESS,
    "dns_temporary_failure": Failure.DNS_SERVFAIL,  # EAI_AGAIN
    "dns_server_misbehaving": Failure.DNS_SERVFAIL,  # Go's word for EAI_AGAIN
    "dns_non_recoverable_failure": Failure.DNS_SERVFAIL,  # EAI_FAIL
    "android_dns_cache_no_data": Failure.DNS_SERVFAIL,  # Android's word for whatever went wrong
    "dns_nxdomain": Failure.DNS_NXDOMAIN,
    "ssl_unknown_autority": Failure.SSL_UNKNOWN_AUTHORITY,  # as df-007 spells it
    "connection_already_closed": Failure.EOF,
    # Measurement Kit and ooniprobe-legacy
    "dns_lookup_error": Failure.DNS_SERVFAIL,
    "dns_name_failure": Failure.DNS_SERVFAIL,
    "connection_refused_error": Failure.CONNECTION_REFUSED,
    "tcp_timed_out_error": Failure.GENERIC_TIMEOUT,
    "task_timed_out": Failure.GENERIC_TIMEOUT,
    "deferred_timeout_error": Failure.GENERIC_TIMEOUT,
    "ssl_error": Failure.SSL_FAILED_HANDSHAKE,
}

# What stands within `unknown_failure: ...`, in the words of Go's standard library.
_WITHIN: tuple[tuple[str, Failure], ...] = (
    ("no route to host", Failure.HOST_UNREACHABLE),
    ("network is unreachable", Failure.NETWORK_UNREACHABLE),
    ("connection reset by peer", Failure.CONNECTION_RESET),
    ("forcibly closed by the remote host", Failure.CONNECTION_RESET),
    ("broken pipe", Failure.CONNECTION_RESET),
    ("connection refused", Failure.CONNECTION_REFUSED),
    ("i/o timeout", Failure.GENERIC_TIMEOUT),
    ("deadline exceeded", Failure.GENERIC_TIMEOUT),
    ("unknown authority", Failure.SSL_UNKNOWN_AUTHORITY),
    ("certificate is valid for", Failure.SSL_INVALID_HOSTNAME),
    ("doesn't contain any ip sans", Failure.SSL_INVALID_HOSTNAME),
    ("certificate has expired", Failure.SSL_INVALID_CERTIFICATE),
    ("x509:", Failure.SSL_INVALID_CERTIFICATE),
    ("malformed http", Failure.HTTP_INVALID_RESPONSE),
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
    word = value.strip().lower()[:200]
    if (known := _OTHER_NAMES.get(word)) is not None:
        return known
    if word in _SAME:
        return word
    if word.startswith("ssl_error"):
        return Failure.SSL_FAILED_HANDSHAKE
    within = next((failure for words, failure in _WITHIN if words in word), None)
    return within or f"{UNKNOWN_FAILURE}: {word.removeprefix('unknown_failure').lstrip(': ')}".strip()
