"""What evidence says of who asked: nothing."""

from rabta_collector.disclosure import disclose
from rabta_collector.dossier import Dossier, Example
from rabta_collector.verdict.classify import Finding
from rabta_proto.vocabulary import Judgement, Mechanism
from support.country import NOW, make_verdict
from support.factories import FORGED, PLAIN, story

MINE = "203.0.113.7"


def test_a_block_page_that_greets_its_visitor_by_address_tells_no_reader_who_that_was() -> None:
    title = f"Blocked for {MINE}"
    measurement = story(PLAIN).names(FORGED).connects(FORGED).answers(FORGED, title=title).measurement()
    finding = Finding(
        judgement=Judgement.BLOCKED,
        rule="http.blockpage.known",
        step=None,
        mechanism=Mechanism.HTTP_BLOCKPAGE,
        server_side=False,
        reasons=(f'{PLAIN} answered HTTP 200, 900 bytes, title "{title}"; the server is {FORGED}',),
    )
    example = Example(measurement=measurement, finding=finding, controls=())
    dossier = Dossier(
        at=NOW, verdict=make_verdict("x", "ptcl"), legs=(), rules=(), examples=(example,), voters=("a", "b", "c")
    )
    said = str(disclose(dossier, lambda _: ""))
    assert MINE not in said
    assert 'title "Blocked for [scrubbed]"' in said
    assert f"the server is {FORGED}" in said
