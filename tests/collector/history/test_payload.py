"""What the history keeps of a measurement is enough to judge it again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabta_collector.history.payload import Evidence, pack, pack_aside, unpack
from rabta_collector.verdict.background import Background
from rabta_collector.verdict.fingerprints import OURS
from rabta_proto.model import Measurement
from support.factories import FAR, NEAR, NOON, PLAIN, RESET, dns_lie, offline, story, tls_trouble, works
from support.strategies import measurements


def again(evidence: Evidence) -> Evidence:
    return unpack(pack(evidence), len(evidence.controls), pack_aside(evidence))


@given(measurements(), st.lists(measurements(), max_size=2), st.lists(measurements(), max_size=2))
def test_everything_comes_back(one: Measurement, controls: list[Measurement], references: list[Measurement]) -> None:
    evidence = Evidence(measurement=one, controls=tuple(controls), references=tuple(references))
    assert evidence == again(evidence)
    assert evidence.judge() == again(evidence).judge()


def test_marks_of_the_operator_decide_again() -> None:
    page = story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, marks=("a.notice",)).measurement()
    evidence = Evidence(measurement=page, known=replace(OURS, marks=OURS.marks | {"a.notice"}))
    assert "http.blockpage.known" == evidence.judge().rule == again(evidence).judge().rule
    assert OURS == again(Evidence(measurement=page)).known


def test_what_else_was_known_comes_back_as_far_as_it_is_about_this_measurement() -> None:
    asns = {NEAR: 13414, FAR: 4134}
    evidence = Evidence(
        measurement=works().measurement(),
        background=Background(quic_works=False, ipv6_works=True, controls_sound=True, asn_of=asns.get),
    )
    background = again(evidence).background
    assert background.asn_of is not None
    assert (False, True, True, 13414, None) == (
        background.quic_works,
        background.ipv6_works,
        background.controls_sound,
        background.asn_of(NEAR),
        background.asn_of(FAR),
    )


def test_nothing_is_kept_aside_where_there_is_nothing() -> None:
    assert "" == pack_aside(Evidence(measurement=dns_lie("127.0.0.1").measurement()))


def test_it_is_small() -> None:
    looks = tuple(works().measurement(at=NOON + at) for at in (1, 2))
    assert len(pack(Evidence(measurement=tls_trouble(RESET).measurement(), controls=looks))) < 1000


@pytest.mark.parametrize("payload", [b"", b"not deflated", pack(Evidence(measurement=offline().measurement()))[:-20]])
def test_what_cannot_be_read_is_an_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match="a payload"):
        unpack(payload, 0, "")
