"""The closed sets of words that agent, collector, metrics and API share.

Values are public: they stand in measurements, labels and JSON, and are never changed, only added to.
Failures are named as in OONI df-007; the other words are those of the collector's README.
"""

from enum import StrEnum


class Step(StrEnum):
    """One stage of a measurement."""

    DNS = "dns"  # one query to one resolver
    TCP = "tcp"  # one connection to one address
    TLS = "tls"  # one handshake under one server name
    QUIC = "quic"  # one QUIC handshake under one server name
    HTTP = "http"  # one request and its response
    TRANSFER = "transfer"  # a timed read of an object
    VPN = "vpn"  # the first message of a VPN protocol, and the server's answer
    TRACE = "trace"  # first words that pass so many routers and no more


class Failure(StrEnum):
    """Why a step failed. Anything else is `unknown_failure: ...`, which is legal and counted."""

    # Any step
    GENERIC_TIMEOUT = "generic_timeout_error"  # our own deadline ran out
    TIMED_OUT = "timed_out"  # the kernel gave up (ETIMEDOUT)
    CONNECTION_REFUSED = "connection_refused"  # ECONNREFUSED: RST in answer to SYN, or ICMP port unreachable
    CONNECTION_RESET = "connection_reset"  # ECONNRESET or EPIPE: RST on a connection that stood
    CONNECTION_ABORTED = "connection_aborted"  # ECONNABORTED
    HOST_UNREACHABLE = "host_unreachable"  # EHOSTUNREACH
    NETWORK_UNREACHABLE = "network_unreachable"  # ENETUNREACH
    NETWORK_DOWN = "network_down"  # ENETDOWN
    ADDRESS_NOT_AVAILABLE = "address_not_available"  # EADDRNOTAVAIL
    PERMISSION_DENIED = (
        "permission_denied"  # EACCES, EPERM: a local firewall, as a rule; or the own network, not dialled
    )
    EOF = "eof_error"  # the peer closed (FIN) before it had answered
    SPECIAL_ADDRESS = "special_address"  # Rabta's own: never dialled, for the volunteer's safety
    # dns
    DNS_NXDOMAIN = "dns_nxdomain_error"  # rcode 3
    DNS_REFUSED = "dns_refused_error"  # rcode 5
    DNS_SERVFAIL = "dns_server_failure"  # rcode 2
    DNS_SERVER_MISBEHAVING = "dns_server_misbehaving"  # another rcode, or a response that cannot be read
    DNS_NO_ANSWER = "dns_no_answer"  # rcode 0 without an address
    DNS_NO_RESOLVER = "dns_no_resolver"  # Rabta's own: the machine names no resolver
    # tls
    SSL_INVALID_HOSTNAME = "ssl_invalid_hostname"  # the certificate is for another name
    SSL_UNKNOWN_AUTHORITY = "ssl_unknown_authority"  # no public root vouches for it
    SSL_INVALID_CERTIFICATE = "ssl_invalid_certificate"  # expired, not yet valid, or otherwise wrong
    SSL_FAILED_HANDSHAKE = "ssl_failed_handshake"  # an alert, or bytes that are not TLS
    # quic
    QUIC_FAILED_HANDSHAKE = "quic_failed_handshake"  # Rabta's own: a CONNECTION_CLOSE, or packets that are not QUIC
    # vpn
    VPN_FAILED_HANDSHAKE = "vpn_failed_handshake"  # Rabta's own: an answer that is not the protocol's
    # http
    HTTP_INVALID_RESPONSE = "http_invalid_response"  # Rabta's own: bytes that are not HTTP/1.1
    HTTP_INVALID_REDIRECT = "http_invalid_redirect_location_host"  # Location cannot be followed
    HTTP_TOO_MANY_REDIRECTS = "http_too_many_redirects"  # Rabta's own: more than ten


UNKNOWN_FAILURE = "unknown_failure"
"""Prefix of a failure outside of the closed set."""


class State(StrEnum):
    """What all recent findings of one platform at one ISP say together."""

    REACHABLE = "reachable"  # nearly all agents reach it
    BLOCKED = "blocked"  # kept from reaching it by something between them and it
    THROTTLED = "throttled"  # reached, but held to a rate that the name sets off
    DISRUPTED = "disrupted"  # part of the agents, or part of the time
    DOWN = "down"  # fails for the controls too
    INCONCLUSIVE = "inconclusive"  # not known


class Judgement(StrEnum):
    """What one measurement says when held against its controls."""

    OK = "ok"
    BLOCKED = "blocked"
    THROTTLED = "throttled"
    DOWN = "down"
    INCONCLUSIVE = "inconclusive"


class Mechanism(StrEnum):
    """How a platform is kept from its users: the deepest node that the evidence supports."""

    DNS_NXDOMAIN = "dns.nxdomain"  # the resolver says that the name does not exist
    DNS_BOGON = "dns.injection.bogon"  # the answer is an address that no site can have
    DNS_BLOCKPAGE = "dns.injection.blockpage"  # the answer is the address of a block page
    DNS_OTHER = "dns.injection.other"  # the answer is another wrong address, or none
    DNS_REFUSED = "dns.refused"  # the resolver refuses this name
    DNS_TIMEOUT = "dns.timeout"  # the resolver is silent for this name
    TCP_RESET = "tcp.reset"  # the connection is reset before anything was said
    TCP_TIMEOUT = "tcp.timeout"  # the address is silent
    TCP_REFUSED = "tcp.refused"  # the address refuses
    IP_UNREACHABLE = "ip.unreachable"  # a router says that the address cannot be reached
    TLS_RESET_SNI = "tls.reset.sni"  # reset after the ClientHello, set off by the name in it
    TLS_RESET_OTHER = "tls.reset.other"  # reset after the ClientHello, whatever the name
    TLS_TIMEOUT_SNI = "tls.timeout.sni"  # silence after the ClientHello, set off by the name in it
    TLS_TIMEOUT_OTHER = "tls.timeout.other"  # silence after the ClientHello, whatever the name
    TLS_EOF_SNI = "tls.eof.sni"  # closed after the ClientHello, set off by the name in it
    TLS_EOF_OTHER = "tls.eof.other"  # closed after the ClientHello, whatever the name
    TLS_ALERT_SNI = "tls.alert.sni"  # an alert or garbage after the ClientHello, set off by the name in it
    TLS_MITM = "tls.mitm"  # another's certificate
    HTTP_BLOCKPAGE = "http.blockpage"  # a block page in place of the site
    HTTP_REDIRECT = "http.redirect"  # sent on to a block page
    HTTP_RESET_HOST = "http.reset.host"  # reset after the request
    HTTP_TIMEOUT_HOST = "http.timeout.host"  # silence after the request
    HTTP_EOF_HOST = "http.eof.host"  # closed after the request
    QUIC_TIMEOUT = "quic.timeout"  # silence on UDP/443
    QUIC_REFUSED = "quic.refused"  # UDP/443 is refused
    VPN_TIMEOUT = "vpn.timeout"  # silence after a VPN protocol's first message
    VPN_RESET = "vpn.reset"  # reset after it
    VPN_EOF = "vpn.eof"  # closed after it
    VPN_REFUSED = "vpn.refused"  # its UDP port is refused
    TLS_ECH = "tls.ech"  # cut, set off by Encrypted Client Hello
    THROTTLE_SNI = "throttle.sni"  # slowed, set off by the name in the ClientHello
    THROTTLE_HOST = "throttle.host"  # slowed, set off by the Host header
    THROTTLE_IP = "throttle.ip"  # slowed for an address


class IspState(StrEnum):
    """What agents' sessions and reference targets say of an ISP as a whole."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class IspKind(StrEnum):
    """What an ISP sells."""

    FIXED = "fixed"
    MOBILE = "mobile"
    OTHER = "other"


class Role(StrEnum):
    """What an agent is for."""

    PROBE = "probe"  # measures from inside the country
    CONTROL = "control"  # measures from outside of it


class ResolverKind(StrEnum):
    """Which kind of resolver was asked."""

    SYSTEM = "system"  # the one that the machine uses
    UDP = "udp"  # a public one, plain
    DOH = "doh"  # a public one, over HTTPS
    UNKNOWN = "unknown"  # from an agent newer than this code


class ResolverPlace(StrEnum):
    """Whose a machine's own resolver is, as far as its address tells."""

    LOCAL = "local"  # the machine itself, or its local network: a router that passes questions on
    NETWORK = "network"  # a public address: as a rule the ISP's
    PUBLIC = "public"  # a known public resolver that the volunteer chose: not the ISP's word
    UNKNOWN = "unknown"  # not the machine's own, the platform asked in our place, or another version of the agent


class DnsTransport(StrEnum):
    """What carried a DNS message."""

    UDP = "udp"
    TCP = "tcp"  # asked again, because the response over UDP was cut short
    HTTPS = "https"
    UNKNOWN = "unknown"  # the platform asked in our place, or another version of the agent


class AddressSource(StrEnum):
    """Who named an address that was tried."""

    SYSTEM = "system"
    UDP = "udp"
    DOH = "doh"
    LITERAL = "literal"  # the target itself
    CONTROL = "control"  # the plan, which has it from controls
    UNKNOWN = "unknown"  # from an agent newer than this code


class Trigger(StrEnum):
    """Why a measurement was made."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    REQUESTED = "requested"
    UNKNOWN = "unknown"  # from an agent newer than this code


class TransferKind(StrEnum):
    """Under which name an object was read."""

    TARGET = "target"  # the target's own
    CONTROL = "control"  # an innocuous one, at the same address
    REFERENCE = "reference"  # another object, of a reference
    UNKNOWN = "unknown"  # from an agent newer than this code


class VpnProtocol(StrEnum):
    """What a VPN server is spoken to in."""

    OPENVPN = "openvpn"
    WIREGUARD = "wireguard"
    IKEV2 = "ikev2"
    TOR = "tor"
    ECH = "ech"  # GREASE Encrypted Client Hello
    TLS = "tls"  # a plain ClientHello, to hold another against
    UNKNOWN = "unknown"  # from an agent newer than this code


class Depth(StrEnum):
    """How far a measurement goes."""

    FULL = "full"
    LIGHT = "light"  # no HTTP request
    TRANSFER = "transfer"  # all of it, and then timed reads of an object
    TRACE = "trace"  # only where on the path begins what had just cut the target off
    UNKNOWN = "unknown"  # from an agent newer than this code


class NetworkKind(StrEnum):
    """How a machine reaches its network."""

    ETHERNET = "ethernet"
    WIFI = "wifi"
    MOBILE = "mobile"
    UNKNOWN = "unknown"
