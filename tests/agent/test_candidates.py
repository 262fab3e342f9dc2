from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.candidates import LIMIT, Candidate, Named, choose, interleave
from rabta_proto.vocabulary import AddressSource

ADDRESSES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=4, unique=True).map(tuple)
NAMED = st.builds(Named, system=ADDRESSES, udp=ADDRESSES, doh=ADDRESSES)


def sources(named: Named) -> list[tuple[str, AddressSource]]:
    return [(candidate.address, candidate.source) for candidate in choose(named)]


@given(NAMED)
def test_at_most_three_are_tried_each_once_and_each_was_named(named: Named) -> None:
    addresses = [candidate.address for candidate in choose(named)]
    assert len(addresses) == len(set(addresses)) == min(LIMIT, len({*named.system, *named.udp, *named.doh}))
    assert set(addresses) <= {*named.system, *named.udp, *named.doh}


@given(NAMED)
def test_one_that_doh_named_is_always_among_them(named: Named) -> None:
    assert not named.doh or {candidate.address for candidate in choose(named)} & set(named.doh)


@given(NAMED)
def test_the_machines_own_answer_goes_first(named: Named) -> None:
    own = [candidate.is_users_own for candidate in choose(named)]
    assert sorted(own, reverse=True) == own
    assert not named.system or own[0]


def test_an_address_belongs_to_the_first_who_named_it() -> None:
    named = Named(system=("a",), udp=("a", "b"), doh=("b", "c"))
    expected = [("a", AddressSource.SYSTEM), ("b", AddressSource.UDP), ("c", AddressSource.DOH)]
    assert expected == sources(named)


def test_what_nobody_on_the_path_can_forge_is_tried_before_what_somebody_could() -> None:
    assert [("c", AddressSource.DOH), ("b", AddressSource.UDP)] == sources(Named(udp=("b",), doh=("c",)))


def test_a_trusted_address_takes_the_last_place() -> None:
    named = Named(system=("a", "b", "c", "d"), doh=("d",))
    assert [("a", AddressSource.SYSTEM), ("b", AddressSource.SYSTEM), ("d", AddressSource.SYSTEM)] == sources(named)


def test_a_literal_address_is_the_users_own() -> None:
    assert Candidate(address="1.1.1.1", source=AddressSource.LITERAL).is_users_own


def test_the_two_families_take_turns() -> None:
    assert ("4a", "6a", "4b") == interleave(("4a", "4b"), ("6a",))
    assert ("6a", "6b") == interleave((), ("6a", "6b"))
