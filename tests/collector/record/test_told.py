"""What is said of an event is what the record's line says of it."""

import json

import pytest

from rabta_collector.record.lines import NOTHING_BEFORE, write_line
from rabta_collector.record.told import LARGEST, Moment, read_told, write_told
from rabta_collector.state import Witness
from rabta_collector.verdict.rules import RULES_VERSION
from support.country import NOW, make_events


@pytest.mark.parametrize("number", range(len(make_events())))
def test_an_event_is_read_as_it_was_said(number: int) -> None:
    event = make_events()[number]
    line = write_line(7, NOTHING_BEFORE, NOW, event, {"of": number})
    told = read_told(write_told(3, round(event.at * 1e6), line.text))
    known = json.loads(line.text)
    assert (3, Moment(at_us=round(event.at * 1e6), platform=event.platform or "")) == (told.number, told.moment)
    assert (event.at, event.isp, event.to_state, event.mechanism) == (
        told.event.at,
        told.event.isp,
        told.event.to_state,
        told.event.mechanism,
    )
    again = write_line(7, NOTHING_BEFORE, NOW, told.event, told.evidence, rules_version=told.rules_version)
    assert known == json.loads(again.text)


def test_witnesses_are_read_and_evidence_may_be_none() -> None:
    (event, *_) = make_events()
    line = write_line(1, NOTHING_BEFORE, NOW, event, None).text.replace(
        b'"witness":[]', b'"witness":[{"rule":"tls.reset","count":4}]'
    )
    told = read_told(write_told(1, 1, line))
    assert ((Witness(rule="tls.reset", count=4),), None, RULES_VERSION) == (
        told.event.witness,
        told.evidence,
        told.rules_version,
    )


def test_evidence_that_is_too_large_is_left_out_and_the_rest_is_said() -> None:
    (event, *_) = make_events()
    told = write_told(1, 1, write_line(1, NOTHING_BEFORE, NOW, event, {"of": "x" * LARGEST}).text)
    assert len(told) < 1000
    assert read_told(told).evidence is None


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"number":1,"at_us":1,"evidence":null,"event":{}}'])
def test_what_is_no_event_is_told_so(text: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_told(text)
