"""What volunteers' agents are told of the verdicts."""

from rabta_collector.standing import LOOK_S, TELL_S, Standings
from rabta_collector.state import Snapshot, Verdict
from rabta_proto.vocabulary import Mechanism, State


def verdict(isp: str, state: State, mechanism: Mechanism | None = None) -> Verdict:
    return Verdict(
        platform="x",
        isp=isp,
        state=state,
        mechanism=mechanism,
        since=100.0,
        updated=100.0,
        confidence=1.0,
        agents=3,
        measurements=9,
        agreement=1.0,
    )


class Country:
    """What is decided, and may change."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = verdicts
        self.standings = Standings(lambda: Snapshot(at=200.0, verdicts=self.verdicts))


def test_the_first_is_whole_by_the_minute_and_leaves_out_what_is_not_known() -> None:
    country = Country(verdict("ptcl", State.BLOCKED, Mechanism.TLS_RESET_SNI), verdict("jazz", State.INCONCLUSIVE))
    standing = country.standings.teller().news(0.0)
    assert standing is not None
    assert standing.whole
    assert [("x", "ptcl", "blocked", "tls.reset.sni", 60)] == [
        (held.platform, held.isp, held.state, held.mechanism, held.since.seconds) for held in standing.held
    ]


def test_later_only_what_changed_is_told_and_not_before_its_time() -> None:
    country = Country(verdict("ptcl", State.BLOCKED), verdict("jazz", State.REACHABLE))
    teller = country.standings.teller()
    assert teller.news(0.0) is not None
    country.verdicts = (verdict("ptcl", State.INCONCLUSIVE), verdict("jazz", State.REACHABLE))
    assert teller.news(TELL_S - 1) is None
    later = teller.news(TELL_S)
    assert later is not None
    assert (False, [("ptcl", "inconclusive")]) == (later.whole, [(held.isp, held.state) for held in later.held])
    assert teller.news(3 * TELL_S) is None


def test_who_comes_later_is_told_all_of_it() -> None:
    country = Country(verdict("ptcl", State.BLOCKED))
    assert country.standings.teller().news(0.0) is not None
    country.verdicts = (verdict("ptcl", State.REACHABLE),)
    standing = country.standings.teller().news(LOOK_S)
    assert standing is not None
    assert (True, ["reachable"]) == (standing.whole, [held.state for held in standing.held])


def test_where_nothing_is_known_nothing_is_said_until_something_is() -> None:
    country = Country()
    teller = country.standings.teller()
    assert teller.news(0.0) is None
    country.verdicts = (verdict("ptcl", State.DOWN),)
    standing = teller.news(LOOK_S)
    assert standing is not None
    assert standing.whole
