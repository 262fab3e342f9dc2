"""Evidence as a page shows it."""

from google.protobuf.json_format import MessageToDict

from rabta_collector.disclosure import Row
from rabta_collector.export.anonymous import anonymise
from rabta_collector.pages.evidence import make_evidence
from rabta_proto.codec import to_message
from support.country import NOW
from support.country import make_evidence as make_row
from support.factories import RESET, tls_trouble, works


def row_with(**changes: object) -> Row:
    return {**make_row("x", "ptcl"), **changes}


def test_votes_and_provinces_are_those_of_the_evidence() -> None:
    found = make_evidence(make_row("x", "ptcl"), NOW)
    (target,) = found.targets
    assert ("https://x.example/", "blocked", (("blocked", 8), ("ok", 1))) == (
        target.target,
        target.mark.word,
        target.votes,
    )
    assert (("Punjab", 5),) == found.provinces


def test_where_agents_may_not_be_counted_by_province_none_is_named() -> None:
    assert () == make_evidence(row_with(provinces=None), NOW).provinces


def test_an_example_has_every_step_and_stands_beside_its_control() -> None:
    own, control = (
        dict(MessageToDict(to_message(anonymise(story.measurement())))) for story in (tls_trouble(RESET), works())
    )
    example = {**make_row("x", "ptcl")["examples"][0], "measurement": own, "controls": [control]}  # type: ignore[index]
    (shown,) = make_evidence(row_with(examples=[example]), NOW).examples
    assert len(tls_trouble(RESET).observations) == len(shown.own.steps)
    assert "connection_reset" in {step.got for step in shown.own.steps}
    assert [len(works().observations)] == [len(table.steps) for table in shown.controls]
    assert ("TCP worked; ClientHello got RST",) == shown.reasons


def test_what_a_later_version_wrote_down_is_shown_as_far_as_it_is_known() -> None:
    examples = [
        {**make_row("x", "ptcl")["examples"][0], "measurement": measurement}  # type: ignore[index]
        for measurement in ({"target": "https://x.example/", "aura": "blue"}, {"target": "t", "startedAt": 7})
    ]
    shown = make_evidence(row_with(examples=examples), NOW).examples
    assert ["https://x.example/", "t"] == [example.own.target for example in shown]
