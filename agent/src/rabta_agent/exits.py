"""How the program ends. Exit codes are API: scripts of volunteers rely on them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told."""

    GOOD = 0
    FAILED = 1
    USAGE = 2  # wrong usage: a flag, a URL, a configuration
    NOT_JOINED = 3  # no credential here, or one that the collector does not take any more
    UNREACHABLE = 4  # the collector cannot be reached


class CommandError(Exception):
    """A command cannot go on; the message is one line for the volunteer."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code
