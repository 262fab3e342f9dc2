"""Every cause has its status."""

import grpc
import pytest

from rabta_collector.admit import Reason
from rabta_collector.session import End
from rabta_collector.statuses import status_of


@pytest.mark.parametrize("end", [end for end in End if end is not End.SHARED])
def test_every_end_has_a_status_of_its_own(end: End) -> None:
    assert [end] == [other for other in End if other is not End.SHARED and status_of(other) is status_of(end)]


def test_who_is_to_go_to_another_part_comes_again_as_if_this_one_stopped() -> None:
    assert status_of(End.STOPPING) is status_of(End.SHARED)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.REVOKED, grpc.StatusCode.UNAUTHENTICATED),
        (Reason.INVITATION, grpc.StatusCode.PERMISSION_DENIED),
        (Reason.RATE, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Reason.UNREADABLE, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_refusal_has_the_status_that_the_schema_names(reason: Reason, code: grpc.StatusCode) -> None:
    assert code is status_of(reason)
