"""The sites that people want, and what is put in their place: origin servers for both labs.

    from lab.authority import Authorities
    from lab.sites.site import Site, Ports, StandIn, addresses_needed, hosts_of, next_host, zone
    from lab.sites.servers import Servers

    sites = [Site(host=host, kind=kind, addresses=("192.0.2.1",)) for host, kind in hosts_of(scenario).items()]
    async with Servers(sites, Authorities(), is_inside=lambda peer: peer.startswith("10.")):
        ...

* `hosts_of(scenario)`: every site that a scenario needs (a redirecting one needs the one that it sends on to);
  `addresses_needed(kind)`: how many IPv4 and IPv6 addresses to give it; `zone(site, inside=...)`: what honest resolvers
  say of it, `None` for a name that does not exist.
* `Site.addresses` must be addresses of this machine (or namespace). `Ports` are 80, 443, 443/udp, 5222 unless told;
  0 is any free port, `None` no server. Port numbers in redirects are those of the request's Host header.
* `DEAD` sites and the first address of `HALF_DEAD` ones have no listener: the kernel refuses. `SILENT` ones have
  listeners whose queue is full, so that their kernel drops each SYN, and a UDP socket that nobody reads.
* `StandIn` kinds are other people's servers: the address that a lying resolver gives, block pages, a captive portal, a
  forger, and what transparent proxies answer in a site's place whatever its name.
* `is_inside(peer address)` tells clients in the country from those abroad.
* `Authorities`: `usual`, `newest` (the second root, for `NEW_AUTHORITY`), `unknown` (`UNTRUSTED`), `forger`;
  `roots(folder)` and `old_roots(folder)` write trust stores for `SSL_CERT_FILE`; `save` and `load` hand them to
  another process.
* Every TLS server shows its own certificate to any server name, as most do: SNI isolation gets an answer.
"""
