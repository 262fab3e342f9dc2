"""Sentences for people: what was seen, in the order in which it happened. No address in them is a volunteer's."""

from collections.abc import Iterable

from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.legs import Seen, cut_short, dns, http, tcp, tls
from rabta_collector.verdict.support import Support
from rabta_proto.model import Observation
from rabta_proto.vocabulary import ResolverKind, Step


def earliest(observations: Iterable[Observation]) -> Observation | None:
    return min(observations, key=lambda o: (o.offset_us, o.duration_us, o.failure or ""), default=None)


def milliseconds(observation: Observation) -> str:
    return f"{max(1, round(observation.duration_us / 1000))} ms"


def listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(value for value in values if value)) or "no address"


def reached(f: Facts) -> str:
    secured = listed(f.leg.secured & f.leg.own)
    if f.page is None:
        return f"{secured} showed a certificate valid for {f.name}"
    return f"{secured} showed a certificate valid for {f.name} and answered HTTP {f.page.status}"


def page(f: Facts) -> str:
    if f.page is None:
        return f"{f.name} gave no response"
    title = f', title "{f.page.title}"' if f.page.title else ""
    return f"{f.page.url} answered HTTP {f.page.status}, {f.page.body_bytes} bytes{title}"


def block_page(f: Facts) -> str:
    return f"{page(f)}; it bears {f.block_page}"


def redirect(f: Facts) -> str:
    targets = listed({response.location for response in f.plain})
    return f"A plain response sent {f.measurement.target} on to {targets}"


def answer(f: Facts) -> str:
    """What the machine's own resolver said."""
    leg, first = f.leg, earliest(f.leg.failed_queries)
    if leg.own:
        said = f"The machine's resolver said {listed(leg.own)} for {f.name}"
    elif first is None:
        said = f"The machine's resolver said nothing for {f.name}"
    elif cut_short(first):
        said = f"The machine's resolver cut its answer for {f.name} short, and over TCP there was {first.failure}"
    else:
        tries = f", {len(leg.failed_queries)} times" if len(leg.failed_queries) > 1 else ""
        said = f"The machine's resolver answered {first.failure} for {f.name} after {milliseconds(first)}{tries}"
    raced = [o for o in leg.dns if dns(o).later_replies]
    return f"{said}; another, different reply came later" if raced else said


def elsewhere(f: Facts) -> str:
    """What the machine's own resolver said, and what proves it wrong."""
    kinds = {dns(o).resolver_kind for o in f.leg.dns if f.leg.elsewhere.intersection(dns(o).addresses)}
    how = " and ".join(k for k in (_NAMES[kind] for kind in sorted(kinds)) if k) or "public resolvers"
    return f"{answer(f)}; {listed(f.leg.elsewhere)}, named by {how}, showed a certificate valid for {f.name}"


_NAMES = {
    ResolverKind.DOH: "DNS over HTTPS",
    ResolverKind.UDP: "a public resolver",
    ResolverKind.SYSTEM: "",
    ResolverKind.UNKNOWN: "",
}


def others_said(f: Facts) -> str:
    """What the machine's own resolver said beside what others said."""
    return f"{answer(f)}; public resolvers and controls said {listed(f.honest)}"


def connecting(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step is not Step.TCP:
        return f"No connection to {f.name} was made"
    each = {f"{tcp(o).address}:{tcp(o).port}" for o in f.leg.failed}
    return f"TCP to {listed(each)} got {first.failure} after {milliseconds(first)}, {_times(f.leg.failed)}"


def handshaking(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step is not Step.TLS:
        return f"No handshake with {f.name} was made"
    each = {f"{tls(o).address}:{tls(o).port}" for o in f.leg.failed}
    sent = f"ClientHello with {f.name} got {first.failure} after {milliseconds(first)}, {_times(f.leg.failed)}"
    return f"TCP to {listed(each)} worked; {sent}"


def isolated(f: Facts) -> str:
    names = listed({tls(o).server_name for o in f.isolated})
    return f"{handshaking(f)}; the same address answered for {names}"


def certificate(f: Facts) -> str:
    shown = {c.issuer or c.subject or "nobody named" for o in f.leg.tls if (c := tls(o).certificate) is not None}
    return (
        f"{handshaking(f)}; the certificate came from {listed(shown) if shown else 'an issuer that was not recorded'}"
    )


def requesting(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step is not Step.HTTP:
        return f"No request to {f.name} was made"
    return f"The request to {http(first).url} got {first.failure} after {milliseconds(first)}, {_times(f.leg.failed)}"


def end(f: Facts) -> str:
    """Where the way ended, whatever the step."""
    match f.step:
        case Step.DNS:
            return answer(f)
        case Step.TCP:
            return connecting(f)
        case Step.TLS:
            return handshaking(f)
        case Step.HTTP:
            return requesting(f)
    return page(f)


def controls(f: Facts) -> str:
    """What the controls say, with numbers."""
    words = f.voices.words
    passed, count = sum(word.passed for word in words), len(words)
    match f.voices.support:
        case Support.NONE:
            return "No control measured it at about that time"
        case Support.AWAITED:
            return f"{_controls(count)} reached it before that; none has looked since"
        case Support.FAILS:
            return f"It failed for {count - passed} of {_controls(count)} too"
    return f"{passed} of {_controls(count)} got past that step at about that time"


def _controls(count: int) -> str:
    return f"{count} control measurement" + ("" if count == 1 else "s")


def _times(failed: Seen) -> str:
    return "once" if len(failed) == 1 else f"{len(failed)} times in a row"
