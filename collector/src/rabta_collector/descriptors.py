"""How many files and connections this process may have open at once (getrlimit(2), RLIMIT_NOFILE).

Agents' connections must not use them up: the journal, the registry and the readers need some, too.
"""

import resource

RESERVED = 256  # for everything that is no agent's connection
UNBOUNDED = 1_000_000


def raise_limit() -> int:
    """Raises this process's own limit as far as it may; how many it has now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = UNBOUNDED if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def connections(*, sessions: int, descriptors: int) -> int:
    """Connections to let agents have: a quarter more than sessions, because old ones overlap with new ones."""
    return max(1, min(sessions + sessions // 4 + 1, descriptors - RESERVED))
