"""What an acknowledgement may settle: what is on its way in this session, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from rabta_agent.inflight import InFlight, Waiting, to_batch
from rabta_proto.v1 import collector_pb2 as wire

EPOCH = 7


def waiting(*sequences: int, epoch: int = EPOCH) -> list[Waiting]:
    return [Waiting(row=number, epoch=epoch, sequence=number, payload=b"x") for number in sequences]


def ack(*ranges: tuple[int, int, "wire.Outcome.ValueType"], epoch: int = EPOCH) -> wire.Ack:
    return wire.Ack(
        epoch=epoch,
        ranges=[
            wire.AckRange(first=first, last=last, outcome=outcome, reason="why") for first, last, outcome in ranges
        ],
    )


def test_accepted_and_duplicate_are_delivered_and_rejected_is_told_apart() -> None:
    flight = InFlight(2)
    flight.add(waiting(1, 2, 3, 4), sent_at=0)
    settled = flight.settle(
        ack((1, 2, wire.OUTCOME_ACCEPTED), (3, 3, wire.OUTCOME_DUPLICATE), (4, 4, wire.OUTCOME_REJECTED))
    )
    assert ({1, 2, 3}, {4}, {"why"}) == (set(settled.accepted), set(settled.rejected), settled.reasons)
    assert flight.empty


def test_a_range_that_is_too_wide_settles_only_what_was_sent() -> None:
    flight = InFlight(2)
    flight.add(waiting(5, 9), sent_at=0)
    assert {5, 9} == set(flight.settle(ack((0, 2**63, wire.OUTCOME_ACCEPTED))).accepted)


def test_an_ack_of_another_epoch_settles_nothing() -> None:
    flight = InFlight(2)
    flight.add(waiting(1), sent_at=0)
    assert () == flight.settle(ack((1, 1, wire.OUTCOME_ACCEPTED), epoch=8)).accepted
    assert not flight.empty


def test_an_ack_that_comes_twice_settles_once() -> None:
    flight = InFlight(2)
    flight.add(waiting(1), sent_at=0)
    assert (1,) == flight.settle(ack((1, 1, wire.OUTCOME_ACCEPTED))).accepted
    assert () == flight.settle(ack((1, 1, wire.OUTCOME_ACCEPTED))).accepted


def test_an_outcome_of_the_future_keeps_the_measurement_and_frees_the_way() -> None:
    flight = InFlight(1)
    flight.add(waiting(1), sent_at=0)
    future = wire.Ack(epoch=EPOCH, ranges=[wire.AckRange(first=1, last=1)])
    settled = flight.settle(future)
    assert ((), ()) == (settled.accepted, settled.rejected)
    assert not flight.full
    assert {1} == flight.rows()  # not to be sent again in this session


def test_the_way_is_full_at_its_limit_and_free_after_an_ack() -> None:
    flight = InFlight(2)
    flight.add(waiting(1), sent_at=1.0)
    flight.add(waiting(2), sent_at=2.0)
    assert (True, 1.0) == (flight.full, flight.oldest_sent_at)
    flight.settle(ack((1, 1, wire.OUTCOME_ACCEPTED)))
    assert (False, 2.0) == (flight.full, flight.oldest_sent_at)


@given(
    batches=st.lists(st.sets(st.integers(1, 60), min_size=1), max_size=5),
    ranges=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0, 1, 2, 3, 9])), max_size=6),
)
def test_settled_and_on_its_way_are_always_all_that_was_sent(
    batches: list[set[int]], ranges: list[tuple[int, int, int]]
) -> None:
    flight, sent = InFlight(5), set[int]()
    for batch in batches:
        flight.add(waiting(*(batch - sent)), sent_at=0)
        sent |= batch
    parts = [(first, last, wire.Outcome.ValueType(outcome)) for first, last, outcome in ranges]
    settled = flight.settle(ack(*parts))
    assert sorted(sent) == sorted([*settled.accepted, *settled.rejected, *flight.rows()])


def test_a_batch_is_in_the_order_it_was_measured_and_under_its_numbers() -> None:
    payload = wire.MeasurementBatch().measurements.add(target="https://x.com/").SerializeToString()
    batch = to_batch([Waiting(row=n, epoch=9, sequence=n, payload=payload) for n in (3, 1, 2)])
    assert [(9, 1), (9, 2), (9, 3)] == [(entry.epoch, entry.sequence) for entry in batch.measurements]
    assert {"https://x.com/"} == {entry.target for entry in batch.measurements}
