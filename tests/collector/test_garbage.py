"""When objects that hold each other are looked for."""

import gc
import weakref

from rabta_collector.garbage import seldom


class Holder:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def made_and_left() -> "weakref.ref[Holder]":
    return weakref.ref(Holder())


def test_all_objects_are_not_looked_through_by_themselves() -> None:
    looks: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "stop":
            looks.append(about["generation"])

    with seldom():
        gc.callbacks.append(note)
        try:
            kept = [[number] for number in range(500_000)]
        finally:
            gc.callbacks.remove(note)
    assert 500_000 == len(kept)
    assert {0, 1} == set(looks)


def test_new_ones_that_hold_each_other_go_all_the_same() -> None:
    with seldom():
        left = made_and_left()
        kept = [[number] for number in range(5000)]
    assert left() is None
    assert 5000 == len(kept)


def test_it_is_as_it_was_afterwards() -> None:
    before = gc.get_threshold()
    with seldom():
        assert before != gc.get_threshold()
    assert before == gc.get_threshold()
