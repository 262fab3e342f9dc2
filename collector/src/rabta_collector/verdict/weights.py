"""How sure a row of the table may be, in one place. Pure.

A row's weights say how much speaks for the site being blocked, throttled, down, or ok; what is left of 1 is not known.
The judgement follows from them: the heaviest, from `LEAST` on; below that the row is inconclusive. So there is one
truth and not two columns. The numbers are ours and not measured frequencies: what they order is the strength of
evidence. A verdict is never surer than the mean of the findings that bear it (decide.py).
"""

from dataclasses import dataclass

from rabta_collector.verdict.once import once
from rabta_proto.vocabulary import Judgement

LEAST = 0.6
"""From this weight on a row judges; above one half, so that only one judgement can have it."""


@dataclass(frozen=True, kw_only=True)  # not slotted: `once` needs a dictionary
class Weights:
    """Each from 0 to 1, together at most 1."""

    blocked: float = 0.0
    down: float = 0.0
    ok: float = 0.0
    throttled: float = 0.0

    @once
    def judgement(self) -> Judgement:
        heaviest = max(self._by_judgement().items(), key=lambda item: item[1])
        return heaviest[0] if heaviest[1] >= LEAST else Judgement.INCONCLUSIVE

    @once
    def of_judgement(self) -> float:
        """The weight of the judgement; 0 where there is none."""
        return self._by_judgement().get(self.judgement, 0.0)

    def _by_judgement(self) -> dict[Judgement, float]:
        return {
            Judgement.BLOCKED: self.blocked,
            Judgement.THROTTLED: self.throttled,
            Judgement.DOWN: self.down,
            Judgement.OK: self.ok,
        }


# Blocked

PROVED = Weights(blocked=0.97, down=0.01, ok=0.02)
"""Proof that needs no control: another name at the same address and time, or the site alive at another address."""

KNOWN_MARK = Weights(blocked=0.95, down=0.01, ok=0.04)
"""A mark of a block page where only somebody on the path can write. Marks can be quoted, and addresses handed on."""

SECOND_ANSWER = Weights(blocked=0.93, down=0.02, ok=0.05)
"""Two different answers to one question, of which the first is false: resolvers that answer twice are rare."""

GHOST = Weights(blocked=0.85, down=0.13, ok=0.02)
"""A false answer for what is gone: the site is down in any case."""

BY_CONTROL = Weights(blocked=0.9, down=0.06, ok=0.04)
"""Fails here, repeatedly where silence is meant, and works for controls: the site may still turn away this country."""

BY_CONTROL_AND_SILENCE = Weights(blocked=0.85, down=0.08, ok=0.07)
"""The same where nothing came back: a broken route to that one network looks the same."""

ELSEWHERE_WORKS = Weights(blocked=0.8, down=0.12, ok=0.08)
"""The address that this resolver alone gives fails, and others' works: an answer that is merely old looks the same."""

COMPARED = Weights(blocked=0.75, down=0.02, ok=0.2)
"""Something else came than for the controls, and no mark says what it is: servers do that too."""

# Throttled

SLOWED_BY_NAME = Weights(throttled=0.95, ok=0.04, blocked=0.01)
"""Four reads of four slower under this name than under another, at one server and in turn, and controls are not."""

SLOWED_BY_ADDRESS = Weights(throttled=0.85, ok=0.13, blocked=0.02)
"""The line and the server can both do more, and not with one another: a broken link between them looks the same."""

PERHAPS_THROTTLED = Weights(throttled=0.5, ok=0.4)
"""It looks slowed, and something that would prove it is missing."""

# Down

SITE_S_FAULT = Weights(blocked=0.02, down=0.95, ok=0.03)
"""It fails for the controls just as it does here."""

FAILS_FOR_CONTROLS = Weights(blocked=0.1, down=0.85, ok=0.05)
"""It fails for the controls, perhaps in another way: a block here would not show."""

# Ok

CERTIFIED = Weights(blocked=0.01, ok=0.98)
"""A certificate valid for the name, which nobody on the path can have."""

CERTIFIED_LATE = Weights(blocked=0.07, ok=0.9)
"""The same after a failure: loss, or a block that works now and then."""

SAME_PAGE = Weights(blocked=0.06, ok=0.88)
"""Plain text like the controls': nobody vouches for it, and nobody gains by forging it."""

SERVER_S_DOING = Weights(blocked=0.12, ok=0.8)
"""The server turns this client away, and shows that it is the server."""

UNCERTIFIED = Weights(blocked=0.15, ok=0.75)
"""A connection, or an answer that agrees with others': nobody vouches for what stands there."""

# Inconclusive

NOTHING_KNOWN = Weights()
"""The measurement says nothing of the site."""

PERHAPS_BLOCKED = Weights(blocked=0.5, down=0.15, ok=0.2)
"""It looks like a block, and something that would prove it is missing."""

PERHAPS_DOWN = Weights(blocked=0.35, down=0.45, ok=0.05)
"""It fails, and whether it does so for everybody is not known."""

PERHAPS_OK = Weights(blocked=0.3, ok=0.5)
"""It works in a way that a censor could bring about."""
