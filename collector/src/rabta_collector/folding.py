"""Adds counters up to the series that are shown. Pure but for what it remembers, which changes no answer.

Which series a counter belongs to is worked out when it is new and kept from scrape to scrape: there are tens of
thousands, and few come to them. Counters are known by their order, since those that come later stand behind the others.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

Labels = tuple[str, ...]
Counter = TypeVar("Counter", bound=Labels)


class Folding(Generic[Counter]):
    """The counters of one metric."""

    def __init__(self) -> None:
        self._rules: object = None
        self._counters: tuple[Counter, ...] = ()
        self._places: list[int] = []
        self._shown: dict[Labels, int] = {}
        self._labels: tuple[Labels, ...] = ()
        self._straight = True  # each counter has a series of its own, in the same order: nothing is added up

    def fold(
        self,
        counts: Mapping[Counter, int],
        name: Callable[[Counter], Labels | None],
        *,
        first: tuple[Labels, ...] = (),
        rules: object = None,
    ) -> tuple[tuple[Labels, ...], list[int]]:
        """Labels and values. `name` gives the labels of the series that a counter belongs to; `None`: it is not shown.

        Series of `first` are there in any case. While `rules` are equal, so is what `name` gives.
        """
        counters, rules = tuple(counts), (rules, first)
        if self._rules != rules or self._counters != counters[: len(self._counters)]:
            self._rules, self._counters, self._places = rules, (), []
            self._shown = {labels: place for place, labels in enumerate(first)}
            self._labels, self._straight = first, not first
        if len(counters) > len(self._counters):
            self._places += [self._place(name(counter)) for counter in counters[len(self._counters) :]]
            self._counters, self._labels = counters, tuple(self._shown)
            self._straight = self._places == list(range(len(self._labels)))
        if self._straight:
            return self._labels, list(counts.values())
        values = [0] * (len(self._labels) + 1)  # the last takes what is not shown
        for place, count in zip(self._places, counts.values(), strict=True):
            values[place] += count
        return self._labels, values[:-1]

    def _place(self, labels: Labels | None) -> int:
        return -1 if labels is None else self._shown.setdefault(labels, len(self._shown))
