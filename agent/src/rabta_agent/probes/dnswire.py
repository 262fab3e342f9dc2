"""DNS messages (RFC 1035) as questions, responses and failures. Pure, and total over arbitrary bytes."""

from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype

# dnspython loads these when the first record of a kind comes in, and that query would look 10 ms slower than it was.
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rrset

from rabta_agent.failure import StepError
from rabta_proto.model import DnsAnswer
from rabta_proto.vocabulary import Failure

ANSWER_LIMIT = 64
"""Records kept of one response; honest ones have fewer."""
QUESTIONS_REMEMBERED = 256
"""More than a plan has, of 300 bytes or so each."""

_FAILURES = {
    dns.rcode.NXDOMAIN: Failure.DNS_NXDOMAIN,
    dns.rcode.REFUSED: Failure.DNS_REFUSED,
    dns.rcode.SERVFAIL: Failure.DNS_SERVFAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: `hostname` in lower case without the final dot, `type` "A" or "AAAA"."""

    hostname: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a resolver said."""

    rcode: int
    answers: tuple[DnsAnswer, ...] = ()
    truncated: bool = False

    def addresses(self, question: Question) -> tuple[str, ...]:
        """Addresses of the type asked for, in order, each once."""
        return tuple(dict.fromkeys(answer.value for answer in self.answers if answer.type == question.type))

    def says_the_same(self, other: "Response") -> bool:
        """Whether two responses agree; order and TTL do not matter."""
        return self._gist() == other._gist()

    def _gist(self) -> tuple[int, bool, frozenset[tuple[str, str]]]:
        return self.rcode, self.truncated, frozenset((answer.type, answer.value) for answer in self.answers)


def encode_query(question: Question, identifier: int) -> bytes:
    """A recursive query, as a stub resolver without EDNS sends it."""
    return identifier.to_bytes(2) + _encode(question)


@lru_cache(QUESTIONS_REMEMBERED)
def _encode(question: Question) -> bytes:
    """A query after its identifier: the same one each time that a target's turn comes."""
    return dns.message.make_query(question.hostname, question.type, id=0).to_wire()[2:]


def decode_response(wire: bytes, question: Question, identifier: int) -> Response | None:
    """The response to a query; `None` for a message that answers another one.

    Raises `StepError` for bytes that are no DNS message.
    """
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, one_rr_per_rrset=True)
        if message.id != identifier or not message.flags & dns.flags.QR or not _repeats(message, question):
            return None
        answers = tuple(answer for rrset in message.answer for answer in _read_rrset(rrset))[:ANSWER_LIMIT]
        return Response(rcode=message.rcode(), answers=answers, truncated=bool(message.flags & dns.flags.TC))
    except (dns.exception.DNSException, ValueError, LookupError) as error:
        raise StepError(Failure.DNS_SERVER_MISBEHAVING, type(error).__name__) from error


def _repeats(message: dns.message.Message, question: Question) -> bool:
    """Whether a response repeats the question; one that refuses may leave it out."""
    if not message.question:
        return message.rcode() != dns.rcode.NOERROR
    asked = message.question[0]
    name = asked.name.to_text(omit_final_dot=True).lower()
    return name == question.hostname and dns.rdatatype.to_text(asked.rdtype) == question.type


def _read_rrset(rrset: dns.rrset.RRset) -> list[DnsAnswer]:
    """Records of an answer; those of a class other than IN, which was not asked for, are none."""
    if rrset.rdclass != dns.rdataclass.IN:
        return []
    type_, ttl_s = dns.rdatatype.to_text(rrset.rdtype), min(rrset.ttl, 2**31 - 1)
    values: list[str]
    match rrset.rdtype:
        case dns.rdatatype.A | dns.rdatatype.AAAA:
            values = [str(record.address) for record in rrset]
        case dns.rdatatype.CNAME:
            values = [record.target.to_text(omit_final_dot=True) for record in rrset]
        case _:
            values = ["" for _ in rrset]
    return [DnsAnswer(type=type_, value=value, ttl_s=ttl_s) for value in values]


def read_addresses(response: Response, question: Question) -> tuple[str, ...]:
    """The addresses that a response gives. Raises `StepError` for one that gives none.

    One that was cut short without an address gives none either: over UDP that is no failure, and its receiver does not
    ask here; elsewhere nothing cuts an honest response short.
    """
    if response.rcode != dns.rcode.NOERROR:
        failure = _FAILURES.get(dns.rcode.Rcode(response.rcode), Failure.DNS_SERVER_MISBEHAVING)
        raise StepError(failure, dns.rcode.to_text(dns.rcode.Rcode(response.rcode)))
    addresses = response.addresses(question)
    if not addresses and response.truncated:
        raise StepError(Failure.DNS_SERVER_MISBEHAVING, "truncated")
    if not addresses:
        raise StepError(Failure.DNS_NO_ANSWER)
    return addresses
