"""Sentences for people: what was seen, in the order in which it happened. No address in them is a volunteer's."""

from rabta_collector.verdict import wording
from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.legs import address_of, cut_short, dns, http, is_ipv6, tcp, tls, vpn
from rabta_collector.verdict.support import Support
from rabta_collector.verdict.wording import earliest, listed, times
from rabta_proto.model import Observation
from rabta_proto.vocabulary import ResolverKind, Step

_PASSED = {
    Step.DNS: "resolved the name",
    Step.TCP: "connected",
    Step.TLS: "completed the handshake",
    Step.QUIC: "completed the QUIC handshake",
    Step.VPN: "got the server's answer",
}
_NAMES = {ResolverKind.DOH: "DNS over HTTPS", ResolverKind.UDP: "a public resolver"}


# What came back


def reached(f: Facts) -> str:
    last = f.responses.page
    answered = "" if last is None else f" and answered HTTP {last.status}"
    return f"{listed(f.leg.secured & f.leg.own)} showed a certificate valid for {f.name}{answered}{_but_not_all(f)}"


def _but_not_all(f: Facts) -> str:
    """What of the machine's own addresses failed all the same; IPv4 and IPv6 are told apart."""
    failed = [o for o in f.leg.tcp + f.leg.tls if o.failure and address_of(o) in f.leg.own - f.leg.secured]
    four, six = [o for o in failed if not is_ipv6(address_of(o))], [o for o in failed if is_ipv6(address_of(o))]
    return "".join(
        f"; {over}{listed({address_of(o) for o in part})} got {wording.trouble(first)}"
        for over, part in (("", four), ("over IPv6 ", six))
        if (first := earliest(part)) is not None
    )


def connected(f: Facts) -> str:
    each = {f"{tcp(o).address}:{tcp(o).port}" for o in f.leg.tcp if o.failure is None and tcp(o).address in f.leg.own}
    return f"TCP to {listed(each)} worked"


def refused(f: Facts) -> str:
    given = sorted({str(response.status) for response in f.voices.pages})
    return f"{page(f)}; controls were given HTTP {listed(given)}"


def page(f: Facts) -> str:
    last = f.responses.page
    if last is None:
        return f"{f.name} gave no response"
    title = f', title "{last.title}"' if last.title else ""
    return f"{last.url} answered HTTP {last.status}, {last.body_bytes} bytes{title}"


def block_page(f: Facts) -> str:
    return f"{page(f)}; it bears {f.responses.block_page}"


def block_page_address(f: Facts) -> str:
    return f"{answer(f)}, where a known block page stands"


def filter_address(f: Facts) -> str:
    return f"{answer(f)}, where a filter stands that customers ask for"


def redirect_elsewhere(f: Facts) -> str:
    return f"{redirect(f)}; of {len(f.voices.pages)} control measurements none was sent there"


def redirect(f: Facts) -> str:
    targets = listed({response.location for response in f.responses.plain})
    return f"A plain response sent {f.measurement.target} on to {targets}"


# Names


def answer(f: Facts) -> str:
    """What the machine's own resolver said."""
    leg, first, who = f.leg, earliest(f.leg.failed_queries), _resolver(f)
    if leg.own:
        return f"{who} said {listed(leg.own)} for {f.name}{_later(f)}"
    if first is None:
        return f"{who} said nothing for {f.name}"
    if cut_short(first):
        return f"{who} cut its answer for {f.name} short, and over TCP there was {wording.trouble(first)}"
    tries = f", {len(leg.failed_queries)} times" if len(leg.failed_queries) > 1 else ""
    return f"Asked for {f.name}, {who[0].lower()}{who[1:]} gave {wording.trouble(first)}{tries}{_later(f)}"


def _resolver(f: Facts) -> str:
    if f.naming.chosen:
        return f"The public resolver {listed(f.naming.chosen)}, which this machine uses,"
    return "The machine's resolver"


def _later(f: Facts) -> str:
    """What else came in answer to one question."""
    own = [o for o in f.leg.dns if dns(o).resolver_kind is ResolverKind.SYSTEM and dns(o).later_replies]
    first = earliest(own)
    if first is None:
        return ""
    raced = [reply for query, reply in f.naming.raced if query is dns(first)]
    reply = min(raced or dns(first).later_replies, key=lambda reply: reply.offset_us)
    told = listed(answer.value for answer in reply.answers if answer.type in ("A", "AAAA"))
    after_ms = max(1, round((reply.offset_us - first.duration_us) / 1000))
    return f"; a second answer, {told}, came {after_ms} ms later"


def others_said(f: Facts) -> str:
    """What the machine's own resolver said beside what others said."""
    doh, controls = f.leg.named_by(ResolverKind.DOH), f.naming.by_controls
    told = [f"DNS over HTTPS said {listed(doh)}"] if doh else []
    told += [f"controls said {listed(controls)}"] if controls else []
    if f.naming.echoed:
        told.append("a public resolver, asked in plain text, said the same")
    elif f.naming.public:
        told.append(f"a public resolver said {listed(f.naming.public)}")
    return "; ".join([answer(f), *(told or ["nobody else named an address"])])


def elsewhere(f: Facts) -> str:
    """What the machine's own resolver said, and what proves it wrong."""
    kinds = {dns(o).resolver_kind for o in f.leg.dns if f.leg.elsewhere.intersection(dns(o).addresses)}
    named = [_NAMES[kind] for kind in sorted(kinds) if kind in _NAMES]
    named += ["the controls"] if f.naming.elsewhere_by_control else []
    how = " and ".join(named) or "public resolvers"
    echo = "; a public resolver, asked in plain text, told the same lie" if f.naming.echoed else ""
    shown = f"; {certificate(f)}" if f.foreign_certificate else ""
    proof = f"{listed(f.leg.elsewhere)}, named by {how}, showed a certificate valid for {f.name}"
    return f"{answer(f)}{echo}{shown}; {proof}"


def address_fails(f: Facts) -> str:
    works = f.leg.elsewhere or (f.leg.connected - f.leg.own)
    return f"{others_said(f)}; {end(f)}; {listed(works)} answered for {f.name}"


def raced(f: Facts) -> str:
    return others_said(f) if f.step is None else f"{others_said(f)}; {end(f)}"


# Connections, handshakes, requests


def connecting(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step is not Step.TCP:
        return f"No connection to {f.name} was made"
    each = {f"{tcp(o).address}:{tcp(o).port}" for o in f.leg.failed}
    return f"TCP to {listed(each)} got {wording.trouble(first)}, {times(f.leg.failed)}"


def handshaking(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step not in (Step.TLS, Step.QUIC):
        return f"No handshake with {f.name} was made"
    each = listed({f"{tls(o).address}:{tls(o).port}" for o in f.leg.failed})
    got = f"got {wording.trouble(first)}, {times(f.leg.failed)}"
    if first.step is Step.QUIC:
        return f"A QUIC handshake with {f.name} at {each} {got}{_another_name(f)}"
    return f"TCP to {each} worked; ClientHello with {f.name} {got}{_afterwards(f)}{_in_two(f)}{_another_name(f)}"


def _another_name(f: Facts) -> str:
    """What came of an innocuous name on the same address."""
    if f.isolated:
        return f"; the same address answered for {listed({tls(o).server_name for o in f.isolated})}"
    failed = {address_of(o) for o in f.leg.failed}
    first = earliest(o for o in f.leg.isolation if o.failure and address_of(o) in failed)
    return f"; {tls(first).server_name} got {wording.trouble(first)} there" if first else ""


def _afterwards(f: Facts) -> str:
    """Whether the address was cut for the machine once it had said the name."""
    shaken = earliest(f.leg.failed)
    cut = [o for o in f.leg.tcp if o.failure and shaken and address_of(o) == address_of(shaken)]
    later = [o for o in cut if shaken and o.offset_us > shaken.offset_us]
    first = earliest(later)
    return f"; after that TCP to the same address got {wording.trouble(first)}" if first else ""


def _in_two(f: Facts) -> str:
    """What came of a ClientHello in two segments, which what reads names one by one does not see."""
    if not f.leg.split:
        return ""
    through = any(o.failure is None for o in f.leg.split)
    return f"; a ClientHello in two segments {'got through' if through else 'did not get through either'}"


def certificate(f: Facts) -> str:
    own = [o for o in f.leg.tls if address_of(o) in f.leg.own - f.leg.secured]
    shown = {c.issuer or c.subject or "nobody named" for o in own if (c := tls(o).certificate) is not None}
    whose = listed(shown) if shown else "an issuer that was not recorded"
    return f"{handshaking(f)}; the certificate came from {whose}"


def requesting(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step is not Step.HTTP:
        return f"No request to {f.name} was made"
    return f"The request to {http(first).url} got {wording.trouble(first)}, {times(f.leg.failed)}"


def nothing_over_quic(f: Facts) -> str:
    return f"{handshaking(f)}; nothing else was reached over QUIC from here at about that time"


def answered_as_vpn(f: Facts) -> str:
    each = {_vpn(o) for o in f.leg.vpn if o.failure is None and vpn(o).address in f.leg.own}
    return f"The server answered: {listed(each)}"


def greeting(f: Facts) -> str:
    first = earliest(f.leg.failed)
    if first is None or first.step is not Step.VPN:
        return f"Nothing was said to {f.name}"
    each = listed({_vpn(o) for o in f.leg.failed})
    said = "The connection stood; the first message" if vpn(first).over_tcp else "The first message"
    return f"{said} to {each} got {wording.trouble(first)}, {times(f.leg.failed)}"


def _vpn(observation: Observation) -> str:
    seen = vpn(observation)
    return f"{seen.protocol} at {seen.address}:{seen.port} over {'TCP' if seen.over_tcp else 'UDP'}"


def by_ech(f: Facts) -> str:
    answered = times([o for o in f.leg.plain if o.failure is None])
    return f"{greeting(f)}; the same ClientHello without Encrypted Client Hello was answered there, {answered}"


def perhaps_ech(f: Facts) -> str:
    return f"{greeting(f)}; that Encrypted Client Hello sets it off is not shown"


def nothing_over_udp(f: Facts) -> str:
    return f"{greeting(f)}; nothing else was reached over UDP from here at about that time"


def end(f: Facts) -> str:
    """Where the way ended, whatever the step."""
    match f.step:
        case Step.DNS:
            return answer(f)
        case Step.TCP:
            return connecting(f)
        case Step.TLS | Step.QUIC:
            return handshaking(f)
        case Step.HTTP:
            return requesting(f)
        case Step.VPN:
            return greeting(f)
    return answer(f) if f.named_only else page(f)


# The controls


def controls(f: Facts) -> str:
    """What the controls say, with numbers."""
    words = f.voices.words
    passed, count = sum(word.passed for word in words), len(words)
    did = _PASSED.get(f.step or Step.HTTP, "got an answer")
    match f.voices.support:
        case Support.NONE:
            return "No control measured it at about that time"
        case Support.AWAITED:
            if any(word.after for word in words):
                return f"{wording.share(passed, count)} {did} at about that time; not all of them have looked since"
            return f"{wording.share(passed, count)} {did} before that; none has looked since"
        case Support.FAILS:
            return f"{wording.share(count - passed, count)} failed at that step or before, too"
    return f"{wording.share(passed, count)} {did} at about that time"
