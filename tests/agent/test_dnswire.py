import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.failure import StepError
from rabta_agent.probes.dnswire import ANSWER_LIMIT, Question, Response, decode_response, encode_query, read_addresses
from rabta_proto.model import DnsAnswer

QUESTION = Question(hostname="x.com", type="A")


def respond(*records: str, rcode: int = 0, identifier: int = 7, truncated: bool = False) -> bytes:
    """A response with records as a zone file has them."""
    message = dns.message.make_response(dns.message.from_wire(encode_query(QUESTION, identifier)))
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.flags |= dns.flags.TC if truncated else 0
    for record in records:
        message.answer.append(dns.rrset.from_text(*record.split(maxsplit=4)))  # type: ignore[arg-type]
    return message.to_wire()


def decode(wire: bytes) -> Response | None:
    return decode_response(wire, QUESTION, 7)


def decoded(wire: bytes) -> Response:
    response = decode(wire)
    assert response is not None
    return response


def decode_or_fail(wire: bytes) -> str:
    """The failure that bytes are, if they are one."""
    try:
        decode(wire)
    except StepError as error:
        return error.failure
    return "decoded"


def test_a_query_is_a_plain_recursive_one() -> None:
    message = dns.message.from_wire(encode_query(QUESTION, 7))
    assert (7, "x.com. IN A", True, -1) == (
        message.id,
        message.question[0].to_text(),
        bool(message.flags & dns.flags.RD),
        message.edns,
    )


def test_every_record_is_kept_in_order() -> None:
    wire = respond("x.com. 300 IN CNAME a.example.", "a.example. 60 IN A 104.244.42.1", "a.example. 60 IN TXT hello")
    expected = (
        DnsAnswer(type="CNAME", value="a.example", ttl_s=300),
        DnsAnswer(type="A", value="104.244.42.1", ttl_s=60),
        DnsAnswer(type="TXT", value="", ttl_s=60),
    )
    assert expected == decoded(wire).answers
    assert ("104.244.42.1",) == read_addresses(decoded(wire), QUESTION)


def test_a_resolver_may_write_the_name_in_letters_of_any_case() -> None:
    wire = respond("x.com. 60 IN A 104.244.42.1").replace(b"\x01x\x03com", b"\x01X\x03cOm")
    assert ("104.244.42.1",) == read_addresses(decoded(wire), QUESTION)


def test_records_of_one_kind_are_not_made_one() -> None:
    """A forged answer may hold what no zone does: two aliases of one name, and addresses of different age."""
    wire = respond("x.com. 60 IN CNAME a.example.", "x.com. 60 IN CNAME b.example.")
    assert ["a.example", "b.example"] == [answer.value for answer in decoded(wire).answers]
    wire = respond("x.com. 300 IN A 1.1.1.1", "x.com. 60 IN A 9.9.9.9", "x.com. 60 IN A 1.0.0.1")
    assert [("1.1.1.1", 300), ("9.9.9.9", 60), ("1.0.0.1", 60)] == [
        (answer.value, answer.ttl_s) for answer in decoded(wire).answers
    ]


def test_a_record_of_another_class_is_no_answer() -> None:
    wire = respond("x.com. 60 IN A 104.244.42.1").replace(
        b"\x00\x01\x00\x01\x00\x00\x00\x3c", b"\x00\x01\x01\x01\x00\x00\x00\x3c"
    )
    assert () == decoded(wire).answers


def test_a_response_without_end_is_cut() -> None:
    wire = respond(*(f"x.com. 60 IN A 1.1.{number}.1" for number in range(200)))
    assert ANSWER_LIMIT == len(decoded(wire).answers)


@pytest.mark.parametrize(
    ("rcode", "failure"),
    [
        (dns.rcode.NXDOMAIN, "dns_nxdomain_error"),
        (dns.rcode.REFUSED, "dns_refused_error"),
        (dns.rcode.SERVFAIL, "dns_server_failure"),
        (dns.rcode.NOTIMP, "dns_server_misbehaving"),
        (12, "dns_server_misbehaving"),
    ],
)
def test_each_rcode_has_its_failure(rcode: int, failure: str) -> None:
    with pytest.raises(StepError) as caught:
        read_addresses(decoded(respond(rcode=rcode)), QUESTION)
    assert failure == caught.value.failure


@pytest.mark.parametrize("records", [(), ("x.com. 60 IN AAAA 2606:4700::1",), ("x.com. 60 IN CNAME y.com.",)])
def test_a_yes_without_an_address_of_the_type_is_no_answer(records: tuple[str, ...]) -> None:
    with pytest.raises(StepError, match="dns_no_answer"):
        read_addresses(decoded(respond(*records)), QUESTION)


def test_an_empty_truncated_response_is_not_taken_for_no_answer() -> None:
    with pytest.raises(StepError, match="dns_server_misbehaving: truncated"):
        read_addresses(decoded(respond(truncated=True)), QUESTION)


def test_the_response_to_another_query_is_not_ours() -> None:
    assert None is decode(respond(identifier=8))
    assert None is decode(encode_query(QUESTION, 7))
    other = dns.message.make_response(dns.message.make_query("y.com", "A", id=7)).to_wire()
    assert None is decode(other)


def test_who_refuses_may_leave_out_the_question() -> None:
    message = dns.message.Message(id=7)
    message.flags |= dns.flags.QR
    assert None is decode(message.to_wire())
    message.set_rcode(dns.rcode.REFUSED)
    assert dns.rcode.REFUSED == decoded(message.to_wire()).rcode


@given(st.binary(max_size=80) | st.integers(1, 60).map(lambda cut: respond("x.com. 60 IN A 1.1.1.1")[:-cut]))
def test_any_bytes_are_a_response_or_not_or_garbage(wire: bytes) -> None:
    assert decode_or_fail(wire) in ("decoded", "dns_server_misbehaving")


@given(st.integers(12, 60), st.integers(0, 255))
def test_any_damage_is_borne(position: int, byte: int) -> None:
    wire = bytearray(respond("x.com. 60 IN CNAME a.example.", "a.example. 60 IN A 104.244.42.1"))
    wire[min(position, len(wire) - 1)] = byte
    assert decode_or_fail(bytes(wire)) in ("decoded", "dns_server_misbehaving")


def test_order_and_ttl_do_not_make_two_responses_differ() -> None:
    one = decoded(respond("x.com. 60 IN A 1.1.1.1", "x.com. 60 IN A 2.2.2.2"))
    other = decoded(respond("x.com. 9 IN A 2.2.2.2", "x.com. 9 IN A 1.1.1.1"))
    assert one.says_the_same(other)
    assert not one.says_the_same(decoded(respond("x.com. 60 IN A 10.0.0.1")))
    assert not one.says_the_same(decoded(respond(rcode=3)))


def test_a_response_that_was_cut_short_is_not_the_same_as_a_whole_one() -> None:
    assert decoded(respond(truncated=True)).says_the_same(decoded(respond(truncated=True)))
    assert not decoded(respond(truncated=True)).says_the_same(decoded(respond()))
