"""What a network does to its users' traffic, as plain state: the gateway and the resolvers ask it, the story sets it.

One rule for each site at a time. Rules on names look at what the client says (SNI, Host), rules on addresses at where
it goes, rules on DNS at what it asks; none of them knows where the client came from beyond its network.
"""

from dataclasses import dataclass
from enum import StrEnum

from lab.atlas import Site


class Action(StrEnum):
    """What can be done to a site at a network. README.md says what a client's socket sees of each."""

    CLEAR = "clear"  # nothing (any more)
    DNS_NXDOMAIN = "dns_nxdomain"  # the name does not exist
    DNS_REFUSED = "dns_refused"  # the resolver refuses the name
    DNS_SERVFAIL = "dns_servfail"  # the resolver fails
    DNS_EMPTY = "dns_empty"  # the name has no address
    DNS_FORGED = "dns_forged"  # the name has another address
    DNS_SILENCE = "dns_silence"  # no answer for the name
    TCP_REFUSED = "tcp_refused"  # RST to the SYN
    TCP_RESET = "tcp_reset"  # RST as soon as the connection stands
    TCP_SILENCE = "tcp_silence"  # no answer to the SYN
    TLS_RESET = "tls_reset"  # RST after a ClientHello with any name
    TLS_SILENCE = "tls_silence"  # nothing after it
    TLS_CLOSE = "tls_close"  # FIN after it
    SNI_RESET = "sni_reset"  # RST after the ClientHello with the name
    SNI_SILENCE = "sni_silence"  # nothing after it
    SNI_CLOSE = "sni_close"  # FIN after it
    SNI_ALERT = "sni_alert"  # a TLS alert after it
    TLS_FORGED = "tls_forged"  # another's certificate
    HOST_RESET = "host_reset"  # RST after the request
    HOST_SILENCE = "host_silence"  # nothing after it
    HOST_CLOSE = "host_close"  # FIN after it
    HOST_BLOCKPAGE = "host_blockpage"  # a block page in place of the answer
    HOST_BLOCKPAGE_UNKNOWN = "host_blockpage_unknown"  # a page that no list knows
    HOST_REDIRECT = "host_redirect"  # 302 to a host known for block pages
    HOST_REDIRECT_UNKNOWN = "host_redirect_unknown"  # 302 to a host that no list knows
    QUIC_SILENCE = "quic_silence"  # datagrams to the address are lost
    THROTTLE = "throttle"  # bytes from the server held down after the name


NAMES_IN_DNS = frozenset(action for action in Action if action.startswith("dns_"))
NAMES_IN_TLS = frozenset(action for action in Action if action.startswith("sni_")) | {Action.TLS_FORGED}
NAMES_IN_HTTP = frozenset(action for action in Action if action.startswith("host_"))
ADDRESSES = frozenset(action for action in Action if action.startswith("tcp_"))
ADDRESSES_IN_TLS = frozenset({Action.TLS_RESET, Action.TLS_SILENCE, Action.TLS_CLOSE})
DATAGRAMS = frozenset({Action.QUIC_SILENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One action with what it needs."""

    action: Action
    address: str = ""  # dns_forged: the answer; empty is the network's block page
    on_path: bool = False  # dns_*: injected into all plain UDP, whichever resolver is asked; the true answer follows
    first_only: bool = False  # tcp_*: the first of the site's addresses alone
    bytes_per_second: int = 16_000  # throttle


NOTHING = Rule(action=Action.CLEAR)


class Censor:
    """The rules in force at one network, and whether it carries anything at all."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}
        self.shut = False

    def set(self, site: Site, rule: Rule) -> None:
        self._rules[site.key] = rule

    def on(self, site: Site | None, kind: frozenset[Action]) -> Rule | None:
        """The rule in force for a site, if it is of this kind."""
        rule = self._rules.get(site.key, NOTHING) if site else NOTHING
        return rule if rule.action in kind else None

    def at(self, site: Site, place: int, kind: frozenset[Action]) -> Rule | None:
        """The same for one of the site's addresses."""
        rule = self.on(site, kind)
        return None if rule is None or (rule.first_only and place > 0) else rule

    def rate(self, site: Site | None) -> int | None:
        """Bytes a second that a connection to this name gets; `None`: all that there is."""
        rule = self.on(site, frozenset({Action.THROTTLE}))
        return rule.bytes_per_second if rule else None
