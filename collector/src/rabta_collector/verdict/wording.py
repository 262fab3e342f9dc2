"""Words for what was seen, of which evidence.py makes sentences. Pure."""

from collections.abc import Iterable, Sequence

from rabta_proto.model import Observation, QuicHandshake, TlsHandshake
from rabta_proto.vocabulary import Failure

_WORDS: dict[str, str] = {
    Failure.GENERIC_TIMEOUT: "no answer",
    Failure.TIMED_OUT: "no answer",
    Failure.CONNECTION_RESET: "RST",
    Failure.CONNECTION_ABORTED: "an abort",
    Failure.CONNECTION_REFUSED: "a refusal",
    Failure.HOST_UNREACHABLE: "a router's word that there is no way there",
    Failure.NETWORK_UNREACHABLE: "the word that there is no way there",
    Failure.EOF: "FIN",
    Failure.DNS_NXDOMAIN: "the answer that there is no such name",
    Failure.DNS_REFUSED: "a refusal",
    Failure.DNS_SERVFAIL: "the answer that it had failed",
    Failure.DNS_SERVER_MISBEHAVING: "an answer that makes no sense",
    Failure.DNS_NO_ANSWER: "an answer without an address",
    Failure.SSL_INVALID_HOSTNAME: "a certificate for another name",
    Failure.SSL_UNKNOWN_AUTHORITY: "a certificate that no public root vouches for",
    Failure.SSL_INVALID_CERTIFICATE: "a certificate that is not valid",
    Failure.SSL_FAILED_HANDSHAKE: "an alert, or bytes that are not TLS",
    Failure.QUIC_FAILED_HANDSHAKE: "an end to the connection, or packets that are not QUIC",
    Failure.VPN_FAILED_HANDSHAKE: "messages that are not of this protocol",
    Failure.HTTP_INVALID_RESPONSE: "bytes that are not HTTP",
}


def trouble(observation: Observation) -> str:
    """What a step got in place of success: in words, by OONI's name, and after which time where that was measured."""
    failure = observation.failure or "nothing"
    words = _alert(observation) or _WORDS.get(failure)
    named = f"{words} ({failure})" if words else failure
    if not observation.duration_us:
        return named
    return f"{named} {'in' if words == 'no answer' else 'after'} {milliseconds(observation)}"


def _alert(observation: Observation) -> str | None:
    match observation.detail:
        case TlsHandshake(alert=int(number)):
            return f"TLS alert {number}"
        case QuicHandshake(close_code=int(code)):
            return f"CONNECTION_CLOSE with code {code}"
    return None


def milliseconds(observation: Observation) -> str:
    return f"{max(1, round(observation.duration_us / 1000))} ms"


def earliest(observations: Iterable[Observation]) -> Observation | None:
    return min(observations, key=lambda o: (o.offset_us, o.duration_us, o.failure or ""), default=None)


def listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(value for value in values if value)) or "no address"


def times(failed: Sequence[Observation]) -> str:
    return "once" if len(failed) == 1 else f"{len(failed)} times in a row"


def share(part: int, count: int) -> str:
    """How many of the control measurements."""
    if part != count:
        return f"{part} of {count} control measurements"
    return {1: "The one control measurement", 2: "Both control measurements"}.get(
        count, f"All {count} control measurements"
    )
