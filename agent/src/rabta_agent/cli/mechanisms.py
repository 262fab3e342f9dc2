"""How platforms are kept from their users, in plain sentences: the words of the collector's page."""

from rabta_agent.words import mark
from rabta_proto.vocabulary import Mechanism

MECHANISMS = {
    Mechanism.DNS_NXDOMAIN: mark("The network's name server says that the site's name does not exist, though it does."),
    Mechanism.DNS_BOGON: mark("The network's name server gives an address that no site can have."),
    Mechanism.DNS_BLOCKPAGE: mark(
        "The network's name server gives the address of a block page in place of the site's."
    ),
    Mechanism.DNS_OTHER: mark(
        "The network's name server, or somebody who answers before it does, gives a wrong address, or none."
    ),
    Mechanism.DNS_REFUSED: mark("The network's name server refuses to answer for this name."),
    Mechanism.DNS_TIMEOUT: mark("The network's name server stays silent when it is asked for this name."),
    Mechanism.TCP_RESET: mark("Connections to the site's address are cut before anything was said."),
    Mechanism.TCP_TIMEOUT: mark("The site's address does not answer from this network, though it answers elsewhere."),
    Mechanism.TCP_REFUSED: mark(
        "Connections to the site's address are refused on this network, and accepted elsewhere."
    ),
    Mechanism.IP_UNREACHABLE: mark("A router on the way says that the site's address cannot be reached."),
    Mechanism.TLS_RESET_SNI: mark(
        "The connection is cut as soon as the site's name is sent over it; with another name the same address answers."
    ),
    Mechanism.TLS_RESET_OTHER: mark(
        "The connection is cut at the beginning of encryption; whether the site's name does it is not shown."
    ),
    Mechanism.TLS_TIMEOUT_SNI: mark(
        "The connection falls silent as soon as the site's name is sent over it; with another name the same "
        "address answers."
    ),
    Mechanism.TLS_TIMEOUT_OTHER: mark(
        "The connection falls silent at the beginning of encryption; whether the site's name does it is not shown."
    ),
    Mechanism.TLS_EOF_SNI: mark(
        "The connection is closed as soon as the site's name is sent over it; with another name the same "
        "address answers."
    ),
    Mechanism.TLS_EOF_OTHER: mark(
        "The connection is closed at the beginning of encryption; whether the site's name does it is not shown."
    ),
    Mechanism.TLS_ALERT_SNI: mark(
        "An error comes back as soon as the site's name is sent; with another name the same address answers."
    ),
    Mechanism.TLS_MITM: mark("Somebody else answers in place of the site, under a certificate of their own."),
    Mechanism.TLS_ECH: mark(
        "The connection is cut where the site's name is sent encrypted (ECH), and not where it is sent in the open."
    ),
    Mechanism.HTTP_BLOCKPAGE: mark("A block page is shown in place of the site."),
    Mechanism.HTTP_REDIRECT: mark("Visitors are sent on to another site, such as a block page."),
    Mechanism.HTTP_RESET_HOST: mark("The connection is cut after the page is asked for."),
    Mechanism.HTTP_TIMEOUT_HOST: mark("The connection falls silent after the page is asked for."),
    Mechanism.HTTP_EOF_HOST: mark("The connection is closed after the page is asked for."),
    Mechanism.QUIC_TIMEOUT: mark(
        "QUIC, the newer way to load sites, gets no answer for this one; the older way may still work."
    ),
    Mechanism.QUIC_REFUSED: mark(
        "QUIC, the newer way to load sites, is refused for this one; the older way may still work."
    ),
    Mechanism.THROTTLE_SNI: mark(
        "The connection is slowed once the site's name is sent; under another name the same server is fast."
    ),
    Mechanism.THROTTLE_HOST: mark("The connection is slowed once the site's page is asked for."),
    Mechanism.THROTTLE_IP: mark(
        "All that the site's server gives is held to one rate, while other sites come faster, and this one "
        "comes faster abroad."
    ),
    Mechanism.VPN_TIMEOUT: mark(
        "The first message to a VPN server or a Tor relay stays without an answer, though it is answered abroad."
    ),
    Mechanism.VPN_RESET: mark(
        "The connection is cut after the first message to a VPN server or a Tor relay, which is answered abroad."
    ),
    Mechanism.VPN_EOF: mark(
        "The connection is closed after the first message to a VPN server or a Tor relay, which is answered abroad."
    ),
    Mechanism.VPN_REFUSED: mark("The VPN server is refused on this network, and answers elsewhere."),
}
