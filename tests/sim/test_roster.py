"""Who is counted as there."""

from hypothesis import given
from hypothesis import strategies as st

from sim.roster import Count

MOMENTS = st.integers(0, 30).map(float)


@given(st.lists(st.tuples(MOMENTS, MOMENTS).map(sorted).map(tuple)), MOMENTS)  # type: ignore[arg-type]
def test_spans_are_counted_as_if_each_were_asked(spans: list[tuple[float, float]], at: float) -> None:
    assert Count(spans).at(at) == sum(since <= at < until for since, until in spans)
