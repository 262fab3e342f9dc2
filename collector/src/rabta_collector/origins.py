"""Where agents come from, for those who count hands (verdict/hands.py): invitation, joining, and prefix.

Invitation and joining are the registry's, and the same at a replay. The prefix is that of the session which an agent
has now, under a salt of memory alone: it is kept nowhere, and a replay knows none.
"""

from collections.abc import Callable

from rabta_collector.accounts import Accounts
from rabta_collector.verdict.hands import UNKNOWN, Origin


class Origins:
    """What the engine asks, and what is not made of the journal."""

    def __init__(self, accounts: Accounts, prefix_of: Callable[[str], bytes | None]) -> None:
        """`prefix_of`: of an agent that has a session, as a number that tells nobody."""
        self._accounts, self._prefix_of = accounts, prefix_of

    def of(self, agent: str) -> Origin:
        """By an agent's pseudonym; of one that is not known here nothing is."""
        known = self._accounts.find(agent)
        if known is None:
            return UNKNOWN
        return Origin(invite=known.invite, prefix=self._prefix_of(agent), joined=known.enrolled_at)
