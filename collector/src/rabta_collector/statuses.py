"""What ends a call, as the status that collector.proto names."""

import grpc

from rabta_collector.admit import Reason
from rabta_collector.session import End

_OF_REASON = {
    Reason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.REVOKED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.INVITATION: grpc.StatusCode.PERMISSION_DENIED,
    Reason.LAB: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.RATE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.PREFIX: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.SESSIONS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.ENROLMENTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.UNFINISHED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.JOURNAL: grpc.StatusCode.UNAVAILABLE,
}  # every other is INVALID_ARGUMENT
_OF_END = {
    End.REVOKED: grpc.StatusCode.UNAUTHENTICATED,
    End.REPLACED: grpc.StatusCode.ABORTED,
    End.SILENT: grpc.StatusCode.DEADLINE_EXCEEDED,
    End.STOPPING: grpc.StatusCode.UNAVAILABLE,
    End.SHARED: grpc.StatusCode.UNAVAILABLE,
}


def status_of(cause: Reason | End) -> grpc.StatusCode:
    """The status of a refusal, or of a session that the collector ends."""
    if isinstance(cause, End):
        return _OF_END[cause]
    return _OF_REASON.get(cause, grpc.StatusCode.INVALID_ARGUMENT)
