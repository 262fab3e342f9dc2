"""Measurements that are odd mixtures of what is seen in stories: for laws that hold of all of them."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from rabta_collector.verdict.background import Background
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Depth, Failure, ResolverKind
from support.factories import (
    BOGON,
    CHAT,
    CONTROL,
    EOF,
    FORGED,
    NAME,
    NEAR,
    NOON,
    PLAIN,
    RESET,
    SILENCE,
    SIX,
    Story,
    bad_certificate,
    dead,
    dns_lie,
    dns_trouble,
    gone,
    http_trouble,
    quic_trouble,
    story,
    tcp_trouble,
    tls_trouble,
    works,
    works_over_quic,
)

STORIES = [
    works(),
    works(PLAIN),
    dead(),
    gone(),
    *(tls_trouble(failure, isolated=isolated) for failure in (RESET, SILENCE, EOF) for isolated in (True, False)),
    bad_certificate(),
    bad_certificate(FORGED),
    tcp_trouble(SILENCE),
    tcp_trouble(RESET, target=PLAIN),
    dns_trouble(Failure.DNS_NXDOMAIN),
    dns_trouble(SILENCE, elsewhere=False),
    dns_lie(BOGON),
    http_trouble(RESET),
    story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, body_bytes=300, title="Surf Safely", header_names=()),
    story(PLAIN).names(NEAR).connects(NEAR).answers(NEAR, 302, location="https://warning.example/"),
    works_over_quic(),
    *(quic_trouble(failure, isolated=isolated) for failure in (SILENCE, RESET) for isolated in (True, False)),
    quic_trouble(Failure.CONNECTION_REFUSED),
    story(CHAT).names(NEAR).connects(NEAR),
    story(CHAT).names(FORGED, later=(NEAR,)).connects(FORGED),
    story(NAME).names(NEAR).names(NEAR, by=ResolverKind.DOH),
    story(NAME).names(FORGED, later=(NEAR,)),
    story(NAME).says(Failure.DNS_NXDOMAIN, later=(NEAR,)),
    story().names(FORGED, chosen="8.8.8.8").connects(FORGED).refuses_certificate(FORGED),
    story().names(FORGED).fails_tcp(FORGED, SILENCE).connects(NEAR, CONTROL).handshakes(NEAR, CONTROL),
    story().names(NEAR).connects(NEAR).fails_tls(NEAR, RESET).isolates(NEAR).splits(NEAR),
    tcp_trouble(SILENCE, address=SIX),
    story(PLAIN).follows("warning.example").names(FORGED).connects(FORGED).handshakes(FORGED).answers(FORGED),
]
SIGHTS = [observation for told in STORIES for observation in told.observations]


@st.composite
def mixtures(draw: st.DrawFn, stories: Sequence[Story] = STORIES) -> Measurement:
    """A story's beginning, and then whatever was seen in others: far more often judged than what is arbitrary."""
    told = draw(st.sampled_from(stories))
    kept = told.observations[: draw(st.integers(len(told.observations) // 2, len(told.observations)))]
    others = draw(st.lists(st.sampled_from(SIGHTS), max_size=5))
    measurement = told.measurement(at=NOON + draw(st.integers(-600, 600)), depth=draw(st.sampled_from(Depth)))
    return distinct(replace(measurement, observations=(*kept, *others)))


def distinct(measurement: Measurement) -> Measurement:
    """The same with offsets of its own for each observation, as a real one has."""
    seen = measurement.observations
    return replace(measurement, observations=tuple(replace(o, offset_us=n * 1000) for n, o in enumerate(seen)))


NETWORKS = {NEAR: 13414, FORGED: 4134}
backgrounds = st.builds(
    Background,
    quic_works=st.none() | st.booleans(),
    ipv6_works=st.none() | st.booleans(),
    asn_of=st.sampled_from([None, NETWORKS.get]),
)
