"""What resolvers say, heard by a plain client: the lies of the ISP's own, the truth of others, and injected answers."""

import ssl

import pytest

from lab.netns.client import Client, Find, at
from lab.netns.lab import NetnsLab
from lab.netns.world import PUBLIC_UDP, World
from lab.scenario import CensorKind, Scenario, Scheme, Vantage
from lab.sites.pages import BLOCKPAGE_TEXT
from lab.sites.site import OTHER_HOST

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (CensorKind.DNS_NXDOMAIN, "NXDOMAIN"),
        (CensorKind.DNS_REFUSED, "REFUSED"),
        (CensorKind.DNS_SERVFAIL, "SERVFAIL"),
        (CensorKind.DNS_EMPTY, "NOERROR"),
    ],
)
def test_codes(client: Client, find: Find, kind: CensorKind, code: str) -> None:
    for type_ in ("A", "AAAA"):
        (said,) = client.ask(find(kind).host, type_)
        assert (code, ()) == (said.code, said.addresses)


def test_silence(client: Client, find: Find) -> None:
    assert [] == client.hasty.ask(find(CensorKind.DNS_SILENCE).host)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (CensorKind.DNS_BOGON, "127.0.0.1"),
        (CensorKind.DNS_PRIVATE, "10.10.34.36"),
        (CensorKind.DNS_KNOWN_BLOCKPAGE, "203.82.48.83"),
    ],
)
def test_addresses(client: Client, find: Find, kind: CensorKind, address: str) -> None:
    (said,) = client.ask(find(kind).host)
    assert (address,) == said.addresses


def test_the_address_of_a_block_page(client: Client, find: Find) -> None:
    host = find(CensorKind.DNS_BLOCKPAGE, Scheme.HTTP).host
    ((address,),) = (said.addresses for said in client.ask(host))
    assert BLOCKPAGE_TEXT in client.get(address, host).body
    assert BLOCKPAGE_TEXT in client.get("203.82.48.83", host).body


def test_the_address_of_another_site(client: Client, world: World, find: Find) -> None:
    host = find(CensorKind.DNS_OTHER).host
    (said,) = client.ask(host)
    assert (world.address(OTHER_HOST),) == said.addresses
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        client.handshake(*said.addresses, host)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in CensorKind
        if kind.startswith("dns_") and "injected" not in kind and kind is not CensorKind.DNS_FAMILY_FILTER
    ],
)
def test_a_public_resolver_says_the_truth(
    client: Client, world: World, scenarios: tuple[Scenario, ...], kind: CensorKind
) -> None:
    scenario = next(s for s in scenarios if s.censor is kind)
    (said,) = client.ask(scenario.host, resolver=PUBLIC_UDP)
    site = world.find_site(scenario.host)
    assert site is not None
    assert site.addresses == said.addresses


@pytest.mark.parametrize("resolver", ["", PUBLIC_UDP])
def test_an_injected_address_outruns_the_true_one(client: Client, world: World, find: Find, resolver: str) -> None:
    host = find(CensorKind.DNS_INJECTED).host
    lie, truth = client.ask(host, resolver=resolver, count=2)
    assert (world.address(OTHER_HOST),) == lie.addresses
    assert (world.address(host),) == truth.addresses


@pytest.mark.parametrize("resolver", ["", PUBLIC_UDP])
def test_an_injected_nxdomain_outruns_the_true_address(client: Client, world: World, find: Find, resolver: str) -> None:
    host = find(CensorKind.DNS_INJECTED_NXDOMAIN).host
    lie, truth = client.ask(host, resolver=resolver, count=2)
    assert "NXDOMAIN" == lie.code
    assert (world.address(host),) == truth.addresses


def test_names_are_injected_in_any_mix_of_cases(client: Client, find: Find) -> None:
    assert 2 == len(client.ask(find(CensorKind.DNS_INJECTED).host.upper(), count=2))


def test_the_resolver_of_another_isp_says_the_truth(lab: NetnsLab, find: Find) -> None:
    for kind in (CensorKind.DNS_NXDOMAIN, CensorKind.DNS_INJECTED):
        host = find(kind).host
        (said,) = at(lab, Vantage.NO_UDP).ask(host)
        assert (lab.world.address(host),) == said.addresses
