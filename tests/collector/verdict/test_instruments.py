"""A version that fails by its own fault is told from a block, and liars hide none behind a version of their own."""

import pytest

from rabta_collector.verdict.instruments import find_faulty
from rabta_collector.verdict.vote import Vote
from rabta_proto.vocabulary import Judgement


def isp(told: str) -> list[Vote]:
    """Votes: "2b 1o" is one of version 2 that found a block, and one of version 1 that found none."""
    return [
        Vote(
            judgement=Judgement.OK if word[1] == "o" else Judgement.BLOCKED,
            rule="",
            step=None,
            mechanism=None,
            started=float(place),
            since=0.0,
            streak=1,
            expires=1e9,
            version=word[0].replace("-", ""),
        )
        for place, word in enumerate(told.split())
    ]


MIXED = "2b 2b 1o 1o 1o"


@pytest.mark.parametrize(
    ("isps", "faulty"),
    [
        ([MIXED, MIXED, MIXED], {"2"}),
        ([MIXED, MIXED, "2b 2b 2b"], {"2"}),  # where all have updated it still is no block
        ([MIXED, MIXED], set()),  # two ISPs may have a block of their own
        ([MIXED, MIXED, "2o 2o 2o"], set()),  # it works somewhere
        (["2b 2b 1b 1b", "2b 1b", "2b 1b 1b"], set()),  # a block of the whole country
        (["1b 1b 1b 1b 1b 3o"] * 4, set()),  # which one liar of six at each ISP denies
        (["-b -b -o -o -o"] * 3, set()),  # versions that are not known explain nothing
        ([MIXED, MIXED, MIXED, *["2b"] * 9, "2o"], {"2"}),  # one of sixteen got through
    ],
)
def test_a_failure_that_follows_a_version_through_the_country_is_its_own(isps: list[str], faulty: set[str]) -> None:
    assert faulty == find_faulty(map(isp, isps))
