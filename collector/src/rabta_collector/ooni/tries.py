"""How often a step was tried, which OONI does not say: it repeats nothing. Pure.

Each failed endpoint at the step where a hop ends is one try; until 0.4 the fetch of the page is another one
(asking.py). Where that makes but one, and it was silence while the test helper answered the probe (so the network was
up), it counts twice where the probe's system must have asked again, or somebody else asked in vain, too:

* a connection that was silent for `RESENT_US` or longer: the kernel sent the packet again (RFC 6298: after 1 s, and 2 s
  more); where no time is told, OONI's own deadlines are longer;
* a resolver that was silent for `ASKED_AGAIN_US` or longer: every system's resolver has asked again by then (glibc and
  Go after 5 s, others sooner). OONI's 0.5 waits 4 s, in which a slow one may not have come to its answer;
* a resolver that was silent while a public one was silent for that name, too, unless that one is known to have answered
  nothing else either (`x_dns_whoami`), as where a network lets nobody ask outside.
"""

from collections.abc import Iterator
from dataclasses import replace

from rabta_collector.ooni import fields
from rabta_collector.ooni.fields import Record
from rabta_collector.verdict.legs import Leg, Manner, dns, manner_of, read_legs
from rabta_proto.model import Measurement, Observation
from rabta_proto.vocabulary import ResolverKind, Step

RESENT_US = 3_000_000
ASKED_AGAIN_US = 6_000_000


def number_tries(measurement: Measurement, keys: Record, *, up: bool) -> Iterator[Observation]:
    """The observations, those at the step where their hop ends numbered by tries. `up`: the helper answered."""
    for leg in read_legs(measurement):
        tries = sorted(leg.failed, key=lambda o: (o.offset_us, o.duration_us))
        if up and len(tries) == 1 and leg.manner is Manner.SILENCE and _counts_twice(leg, tries[0], keys):
            tries.append(tries[0])
        others = [o for seen in (leg.dns, leg.tcp, leg.tls, leg.isolation, leg.http) for o in seen if o not in tries]
        yield from others
        yield from (replace(o, attempt=number) for number, o in enumerate(tries, 1))


def notes_of_tries(measurement: Measurement) -> tuple[str, ...]:
    """Where one silence counts as two tries, why it does."""
    first = {replace(o, attempt=1) for o in measurement.observations if o.attempt == 1}
    twice = [o for o in measurement.observations if o.attempt == 2 and replace(o, attempt=1) in first]
    if not twice:
        return ()
    if twice[0].step is Step.DNS and twice[0].duration_us < ASKED_AGAIN_US:
        return ("One silence counts as two tries: a public resolver was silent for that name, too",)
    sender = "resolver asked" if twice[0].step is Step.DNS else "kernel sent"
    return (f"A silence that long is one try of the probe's and counts as two: its {sender} again",)


def _counts_twice(leg: Leg, silence: Observation, keys: Record) -> bool:
    if leg.step is Step.DNS:
        return silence.duration_us >= ASKED_AGAIN_US or (_public_was_silent(leg) and _public_answers_others(keys))
    return not 0 < silence.duration_us < RESENT_US


def _public_was_silent(leg: Leg) -> bool:
    """Whether a public resolver was asked for this name, and nobody answered."""
    asked = [o for o in leg.dns if dns(o).resolver_kind is ResolverKind.UDP]
    return bool(asked) and all(manner_of(o.failure) is Manner.SILENCE for o in asked)


def _public_answers_others(keys: Record) -> bool:
    """Whether public resolvers answer other questions, as far as is told."""
    told = fields.record(fields.record(keys.get("x_dns_whoami")).get("udp_v4"))
    return not told or any(told.values())
