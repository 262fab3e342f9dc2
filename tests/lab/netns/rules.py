"""What a network's router does to packets, as input of iptables-restore(8). Pure.

Names are matched by the kernel within single packets (`string`), so a ClientHello in two segments gets by those rules;
the transparent proxies (REDIRECT, middlebox.py) read the whole of it. A rule on a name knows the length that stands
before it in the ClientHello (RFC 6066 section 3) and in a question (RFC 1035 section 3.1), so that a name which another
one ends with is not hit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.netns.shaping import class_of
from lab.netns.world import HUBS_NETWORK, Block, Network
from lab.scenario import CensorKind, Vantage

MIDDLEBOX_PORT = 7443
INJECTOR_PORT = 7053
RESIDUAL_S = 15  # longer than the repeats of one measurement, shorter than what lies between two
LOSS = 0.03
_MARKED = "0x1"  # a connection of which nothing more passes
_HELLO = "0>>22&0x3C@12>>26&0x3C@0>>16=0x1603"  # payload of TCP over IPv4 that begins as a TLS handshake record does

PROXIED_TLS = frozenset({CensorKind.SNI_CLOSE, CensorKind.SNI_ALERT, CensorKind.TLS_CLOSE, CensorKind.TLS_FORGED})
PROXIED_HTTP = frozenset(
    {
        CensorKind.HOST_CLOSE,
        CensorKind.HOST_BLOCKPAGE,
        CensorKind.HOST_BLOCKPAGE_UNKNOWN,
        CensorKind.HOST_REDIRECT,
        CensorKind.HOST_REDIRECT_UNKNOWN,
    }
)
INJECTED = frozenset({CensorKind.DNS_INJECTED, CensorKind.DNS_INJECTED_NXDOMAIN})


@dataclass(frozen=True, slots=True)
class Rule:
    """One line; `version` is that of IP, `None` for both."""

    table: str
    text: str
    version: int | None = None


def write_tables(rules: Sequence[Rule], version: int) -> str:
    """Input of iptables-restore (4) or ip6tables-restore (6); empty where there is no rule."""
    mine = [rule for rule in rules if rule.version in (None, version)]
    parts = []
    for table in dict.fromkeys(rule.table for rule in mine):
        parts += [f"*{table}", *(rule.text for rule in mine if rule.table == table), "COMMIT"]
    return "".join(f"{part}\n" for part in parts)


def rules_of(network: Network, blocks: Iterable[Block], taker: str) -> tuple[Rule, ...]:
    """All rules of a network's router; `taker` is the address of what may answer in everybody's place."""
    censored = [rule for block in blocks for rule in _of_block(block)]
    closed = Rule("filter", f"-A FORWARD -m connmark --mark {_MARKED} -j DROP")
    return (closed, *_of_vantage(network, taker), *censored)


def _of_vantage(network: Network, taker: str) -> Iterator[Rule]:
    """What a network does to everybody."""
    match network.vantage:
        case Vantage.LOSSY:
            lost = f"-m statistic --mode random --probability {LOSS} -j DROP"
            yield Rule("mangle", f"-A PREROUTING -i a+ {lost}")
            yield Rule("mangle", f"-A POSTROUTING -o a+ {lost}")
        case Vantage.PORTAL:
            yield _taken("80,443", taker)
        case Vantage.BROKEN_IPV6:
            yield Rule("filter", "-A FORWARD -j DROP", 6)
        case Vantage.NO_UDP:
            yield _NO_UDP
        case Vantage.OFFICE:
            yield _taken("443", taker)
            yield _NO_UDP


_NO_UDP = Rule("filter", "-A FORWARD -i a+ -p udp ! --dport 53 -j DROP")


def _taken(ports: str, taker: str) -> Rule:
    """To these ports all connections, but to collectors: an operator of a lab wants its measurements all the same."""
    mine = f"-A PREROUTING -i a+ -p tcp ! -d {HUBS_NETWORK} -m multiport --dports {ports}"
    return Rule("nat", f"{mine} -j DNAT --to-destination {taker}", 4)


def _of_block(block: Block) -> Iterator[Rule]:
    match block.kind:
        case CensorKind.DNS_INJECTED | CensorKind.DNS_INJECTED_NXDOMAIN:
            question = f"-p udp --dport 53 {_matching(_question(block.host))}"
            yield Rule("nat", f"-A PREROUTING {question} -j REDIRECT --to-ports {INJECTOR_PORT}", 4)
        case kind if kind in PROXIED_TLS or kind in PROXIED_HTTP:
            port = 443 if kind in PROXIED_TLS else 80
            for rule in _to_each(block.addresses, "nat", "PREROUTING", f"-p tcp --dport {port}"):
                yield Rule(rule.table, f"{rule.text} -j REDIRECT --to-ports {MIDDLEBOX_PORT}", rule.version)
        case kind if kind in _SLOWED:
            yield from _slowed(block)
        case _:
            yield from _by_address(block)
            yield from _by_name(block)


_SLOWED = frozenset(
    {
        CensorKind.THROTTLE_SNI,
        CensorKind.THROTTLE_HOST,
        CensorKind.THROTTLE_IP,
        CensorKind.SHAPE_SNI,
        CensorKind.STALL_SNI,
        CensorKind.DELAY_SNI,
        CensorKind.LOSS,
        CensorKind.CONGESTION,
    }
)
STALL_BYTES = 20_000
_BURST = 16  # packets of a connection that a policer lets through at once
_PACKET_BITS = 1500 * 8
_DELAYED = 6  # packets of a connection, up to the fourth copy or so of its ClientHello


def _slowed(block: Block) -> Iterator[Rule]:
    """What holds a connection down: the client's first packets set a mark, or it is about the address."""
    mark, hello = f"{0x100 + block.number:#x}", f"-p tcp --dport 443 {_matching(_server_name(block.host))}"
    request = f"-p tcp --dport 80 {_matching(f'Host: {block.host}|0d0a|')}"
    marked = f"-o a+ -m connmark --mark {mark}"
    policed = (
        f"-m hashlimit --hashlimit-above {block.rate * 60 // _PACKET_BITS}/minute --hashlimit-burst {_BURST} "
        f"--hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-name t{block.number} -j DROP"
    )
    first = request if block.kind is CensorKind.THROTTLE_HOST else hello
    sets_mark = Rule("mangle", f"-A FORWARD {first} -j CONNMARK --set-mark {mark}", 4)
    four = [address for address in block.addresses if ":" not in address]
    match block.kind:
        case CensorKind.THROTTLE_SNI | CensorKind.THROTTLE_HOST:
            yield sets_mark
            yield Rule("filter", f"-A FORWARD {marked} {policed}", 4)
        case CensorKind.THROTTLE_IP:
            yield from (Rule("filter", f"-A FORWARD -o a+ -s {address} {policed}", 4) for address in four)
        case CensorKind.SHAPE_SNI:
            yield sets_mark
            yield Rule("mangle", f"-A POSTROUTING {marked} -j CLASSIFY --set-class {class_of(block)}", 4)
        case CensorKind.STALL_SNI:
            yield sets_mark
            much = f"-m connbytes --connbytes {STALL_BYTES}: --connbytes-dir reply --connbytes-mode bytes"
            yield Rule("filter", f"-A FORWARD {marked} {much} -j DROP", 4)
        case CensorKind.DELAY_SNI:
            young = f"-m connbytes --connbytes 0:{_DELAYED} --connbytes-dir original --connbytes-mode packets"
            yield Rule("filter", f"-A FORWARD {hello} {young} -j DROP", 4)
        case CensorKind.LOSS:
            lost = f"-m statistic --mode random --probability {block.rate / 100} -j DROP"
            for address in four:
                yield Rule("filter", f"-A FORWARD -s {address} {lost}", 4)
                yield Rule("filter", f"-A FORWARD -d {address} {lost}", 4)
        case CensorKind.CONGESTION:
            for address in four:
                own = f"-s {address} -o a+ -j CLASSIFY --set-class {class_of(block)}"
                yield Rule("mangle", f"-A POSTROUTING {own}", 4)


def _by_address(block: Block) -> Iterator[Rule]:
    four, six = [a for a in block.addresses if ":" not in a], [a for a in block.addresses if ":" in a]
    syn, reset = "-p tcp --syn", "-j REJECT --reject-with tcp-reset"
    match block.kind:
        case CensorKind.TCP_SILENCE:
            yield from _to_each(block.addresses, "filter", "FORWARD", f"{syn} -j DROP")
        case CensorKind.TCP_SILENCE_FIRST:
            yield from _to_each(block.addresses[:1], "filter", "FORWARD", f"{syn} -j DROP")
        case CensorKind.TCP_SILENCE_IPV6:
            yield from _to_each(six, "filter", "FORWARD", f"{syn} -j DROP")
        case CensorKind.TCP_REFUSED:
            yield from _to_each(block.addresses, "filter", "FORWARD", f"{syn} {reset}")
        case CensorKind.TCP_RESET:
            yield from _to_each(block.addresses, "filter", "FORWARD", f"-p tcp ! --syn {reset}")
        case CensorKind.IP_UNREACHABLE:
            yield from _to_each(four, "filter", "FORWARD", "-j REJECT --reject-with icmp-host-unreachable")
        case CensorKind.IP_PROHIBITED:
            yield from _to_each(four, "filter", "FORWARD", "-j REJECT --reject-with icmp-admin-prohibited")
        case CensorKind.TLS_RESET:
            yield from _to_each(four, "filter", "FORWARD", f"-p tcp --dport 443 -m u32 --u32 {_HELLO} {reset}")
        case CensorKind.TLS_SILENCE:
            yield from _to_each(four, "mangle", "FORWARD", f"-p tcp --dport 443 -m u32 --u32 {_HELLO} {_MARK}")
        case CensorKind.QUIC_SILENCE:
            yield from _to_each(block.addresses, "filter", "FORWARD", "-p udp --dport 443 -j DROP")
        case CensorKind.QUIC_REFUSED:
            refused = "-p udp --dport 443 -j REJECT --reject-with icmp-port-unreachable"
            yield from _to_each(four, "filter", "FORWARD", refused)


_MARK = f"-j CONNMARK --set-mark {_MARKED}"


def _by_name(block: Block) -> Iterator[Rule]:
    hello = f"-p tcp --dport 443 {_matching(_server_name(block.host))}"
    request = f"-p tcp --dport 80 {_matching(f'Host: {block.host}|0d0a|')}"
    reset = "-j REJECT --reject-with tcp-reset"
    match block.kind:
        case CensorKind.SNI_RESET:
            yield Rule("filter", f"-A FORWARD {hello} {reset}")
        case CensorKind.SNI_RESET_RESIDUAL:
            seen = f"-m recent --name {block.host} --rsource"
            for rule in _to_each(block.addresses, "filter", "FORWARD", f"{seen} --rcheck --seconds {RESIDUAL_S}"):
                yield Rule(rule.table, f"{rule.text} -j DROP", rule.version)
            yield Rule("filter", f"-A FORWARD {hello} {seen} --set {reset}")
        case CensorKind.SNI_SILENCE:
            yield Rule("mangle", f"-A FORWARD {hello} {_MARK}")
        case CensorKind.HOST_RESET:
            yield Rule("filter", f"-A FORWARD {request} {reset}")
        case CensorKind.HOST_SILENCE:
            yield Rule("mangle", f"-A FORWARD {request} {_MARK}")


def _to_each(addresses: Iterable[str], table: str, chain: str, rest: str) -> Iterator[Rule]:
    for address in addresses:
        yield Rule(table, f"-A {chain} -d {address} {rest}", 6 if ":" in address else 4)


def _matching(hex_string: str) -> str:
    # kmp and not bm: Boyer-Moore does not find what lies across two fragments of a packet's memory
    return f'-m string --algo kmp --icase --hex-string "{hex_string}"'


def _server_name(host: str) -> str:
    return f"|00{len(host):04x}|{host}"


def _question(host: str) -> str:
    return "".join(f"|{len(label):02x}|{label}" for label in host.split(".")) + "|00|"
