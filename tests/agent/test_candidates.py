from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.candidates import LIMIT, REPEAT_LIMIT, Candidate, Named, choose, interleave
from rabta_proto.vocabulary import AddressSource

ADDRESSES = st.lists(st.sampled_from([*"abcdefg", *(f"{letter}:" for letter in "abcdefg")]), max_size=6, unique=True)
TUPLES = ADDRESSES.map(tuple)
NAMED = st.builds(Named, system=TUPLES, udp=TUPLES, doh=TUPLES, control=TUPLES)


def sources(named: Named) -> list[tuple[str, AddressSource]]:
    return [(candidate.address, candidate.source) for candidate in choose(named)]


def chosen(named: Named) -> set[str]:
    return {candidate.address for candidate in choose(named)}


@given(NAMED, st.sampled_from([LIMIT, REPEAT_LIMIT]))
def test_so_many_are_tried_each_once_and_each_was_named(named: Named, limit: int) -> None:
    addresses = [candidate.address for candidate in choose(named, limit)]
    everybody = {*named.system, *named.udp, *named.doh, *named.control}
    assert len(addresses) == len(set(addresses)) == min(limit, len(everybody))
    assert set(addresses) <= everybody


@given(NAMED)
def test_one_that_doh_and_one_that_controls_named_are_always_among_them(named: Named) -> None:
    assert not named.doh or chosen(named) & set(named.doh)
    assert not named.control or chosen(named) & set(named.control)


@given(NAMED)
def test_the_machines_own_of_both_families_are_always_among_them(named: Named) -> None:
    own = [candidate for candidate in choose(named) if candidate.is_users_own]
    assert {":" in address for address in named.system} == {candidate.is_ipv6 for candidate in own}


@given(NAMED)
def test_one_of_either_family_has_a_place_where_the_machines_own_are_few(named: Named) -> None:
    everybody = (*named.system, *named.udp, *named.doh, *named.control)
    if len(named.system) < 2:
        assert {":" in address for address in everybody} == {":" in address for address in chosen(named)}


@given(NAMED)
def test_an_ipv4_address_that_doh_named_is_among_them_where_it_named_one(named: Named) -> None:
    trusted = {address for address in named.doh if ":" not in address}
    assert not trusted or chosen(named) & trusted


@given(NAMED)
def test_the_order_is_the_machines_own_then_doh_then_controls_then_the_public_one(named: Named) -> None:
    order = (*named.system, *named.doh, *named.control, *named.udp)
    places = [order.index(candidate.address) for candidate in choose(named)]
    assert sorted(places) == places


def test_an_address_belongs_to_the_first_who_named_it() -> None:
    named = Named(system=("a",), udp=("a", "b"), doh=("b", "c"), control=("b", "d"))
    expected = [
        ("a", AddressSource.SYSTEM),
        ("b", AddressSource.UDP),
        ("c", AddressSource.DOH),
        ("d", AddressSource.CONTROL),
    ]
    assert expected == sources(named)


def test_what_controls_named_is_theirs_whatever_a_public_resolver_says() -> None:
    assert [("a", AddressSource.CONTROL)] == sources(Named(udp=("a",), control=("a",)))


def test_what_nobody_on_the_path_can_forge_is_tried_before_what_somebody_could() -> None:
    expected = [("c", AddressSource.DOH), ("d", AddressSource.CONTROL), ("b", AddressSource.UDP)]
    assert expected == sources(Named(udp=("b",), doh=("c",), control=("d",)))


def test_a_trusted_address_takes_the_last_place() -> None:
    named = Named(system=("a", "b", "c", "d", "e"), doh=("e",))
    assert ["a", "b", "c", "e"] == [address for address, _ in sources(named)]
    assert {AddressSource.SYSTEM} == {source for _, source in sources(named)}


def test_many_lies_leave_room_for_what_doh_and_controls_know() -> None:
    named = Named(system=("a", "b", "c", "d"), doh=("e", "e:"), control=("f",))
    assert ["a", "b", "e", "f"] == [address for address, _ in sources(named)]


def test_an_ipv4_truth_is_tried_beside_an_ipv6_one() -> None:
    """Of the two answers only the IPv4 one was forged, and IPv6 may be broken."""
    named = Named(system=("lie", "a:", "lie2", "b:"), doh=("a", "a:"))
    assert ["lie", "a:", "a"] == [address for address, _ in sources(named) if address not in ("lie2", "b:")]


def test_the_machines_own_of_the_other_family_goes_before_a_second_of_one() -> None:
    named = Named(system=("a", "b", "c:"), doh=("d",), control=("e",))
    assert ["a", "c:", "d", "e"] == [address for address, _ in sources(named)]


def test_a_literal_address_is_the_users_own() -> None:
    assert Candidate(address="1.1.1.1", source=AddressSource.LITERAL).is_users_own


def test_what_controls_named_is_not_the_users_own() -> None:
    assert not Candidate(address="1.1.1.1", source=AddressSource.CONTROL).is_users_own


def test_the_two_families_take_turns() -> None:
    assert ("4a", "6a", "4b") == interleave(("4a", "4b"), ("6a",))
    assert ("6a", "6b") == interleave((), ("6a", "6b"))
