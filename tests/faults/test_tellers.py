"""When nobody told is read from logs and kills alike."""

from faults.tellers import Turn, gaps, turns_of


def test_a_log_says_when_its_process_told() -> None:
    log = "\n".join(
        [
            '{"event": "lease.held", "timestamp": "2026-11-30T10:00:00.500000Z"}',
            '{"event": "session.start", "timestamp": "2026-11-30T10:00:01Z"}',
            "ready: page on http://127.0.0.1:1/",
            '{"event": "lease.lost", "timestamp": "2026-11-30T10:00:02.500000Z"}',
        ]
    )
    first, second = turns_of("decide0", log)
    assert (first.name, first.tells, second.tells, second.at - first.at) == ("decide0", True, False, 2.0)


def test_a_gap_goes_from_the_end_of_one_to_the_beginning_of_the_next() -> None:
    assert [7.0, 1.0] == gaps(
        [
            Turn(10.0, "a", True),
            Turn(20.0, "a", False),
            Turn(27.0, "b", True),
            Turn(30, "b", False),
            Turn(31, "b", True),
        ]
    )


def test_where_two_tell_there_is_no_gap_and_a_second_end_begins_none() -> None:
    assert [] == gaps([Turn(1.0, "a", True), Turn(2.0, "b", True), Turn(3.0, "a", False), Turn(4.0, "a", False)])


def test_what_nobody_has_begun_is_no_gap() -> None:
    assert [] == gaps([Turn(1.0, "a", False), Turn(9.0, "a", True), Turn(12.0, "a", False)])
