"""What others say when something fails, in the volunteer's language as far as it is known: system, gRPC, collector.

They all speak English. Words that are met often stand here, marked, so that the catalogue has them; anything else is
shown as it came, on one line and without addresses.
"""

import os

from rabta_agent.addresses import quote_stranger
from rabta_agent.words import lookup, mark, tr

KNOWN = (
    # of strerror(3), in the C library's words
    mark("Connection refused"),
    mark("Connection reset by peer"),
    mark("Connection timed out"),
    mark("Network is unreachable"),
    mark("No route to host"),
    mark("No such file or directory"),
    mark("Permission denied"),
    mark("Is a directory"),
    mark("Not a directory"),
    mark("File exists"),
    mark("No space left on device"),
    mark("Read-only file system"),
    mark("Disk quota exceeded"),
    mark("Too many open files"),
    # of getaddrinfo(3)
    mark("Name or service not known"),
    mark("Temporary failure in name resolution"),
    mark("No address associated with hostname"),
    # of OpenSSL, of a certificate
    mark("certificate has expired"),
    mark("certificate is not yet valid"),
    mark("self-signed certificate"),
    mark("self-signed certificate in certificate chain"),
    mark("unable to get local issuer certificate"),
)
OF_COLLECTORS = (
    mark("the invitation is not known here"),
    mark("the invitation is used up"),
    mark("the invitation has expired"),
    mark("the credential is not known here"),
    mark("the credential was revoked"),
    mark("no such ISP"),
    mark("no such province"),
    mark("this collector takes no agent that runs with RABTA_LAB"),
    mark("too many agents joined from this network; try again in an hour"),
    mark("too many calls from this network; try again in a minute"),
    mark("this network has as many sessions as it may; try again later"),
    mark("this collector has as many sessions as it takes; try again later"),
    mark("another session of this agent began"),
    mark("nothing was heard of the agent for too long"),
    mark("the collector stops"),
    mark("another part of the collector has more room"),
)
_CHOICES = "; one of: "


def in_words(wrong: OSError) -> str:
    """What the system says, on one line; asyncio puts its own words before them. Numbers of name resolution are < 0."""
    if wrong.errno is not None and wrong.errno > 0:
        return lookup(os.strerror(wrong.errno))
    return lookup(" ".join((wrong.strerror or str(wrong) or tr("the connection broke")).split()))


def retell(text: str) -> str:
    """What a stranger says, fit for a line of ours."""
    quoted = quote_stranger(text)
    problem, choices, names = quoted.partition(_CHOICES)
    if choices and problem in OF_COLLECTORS:
        return tr("{problem}; one of: {names}", problem=lookup(problem), names=names)
    return lookup(quoted)
