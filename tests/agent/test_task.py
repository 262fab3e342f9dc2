import subprocess
import sys

from rabta_agent.task import Settings, own_settings
from rabta_agent.urls import parse_url
from rabta_proto.vocabulary import Step


def test_the_agents_own_resolvers_are_https_urls() -> None:
    assert all(parse_url(url).tls for url in Settings().doh)


def test_measuring_loads_no_heavy_library() -> None:
    """A volunteer's memory: dnspython's resolver alone is 17 MB."""
    heavy = {"dns.resolver", "dns.asyncresolver", "dns.query", "httpx", "aiohttp", "grpc", "numpy", "trio", "anyio"}
    program = f"import sys, rabta_agent.measure, rabta_agent.context; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "" == done.stdout.strip()


def test_each_step_has_a_deadline_of_its_own() -> None:
    settings = Settings(dns_s=1, tcp_s=2, tls_s=3, quic_s=4, http_s=5)
    steps = (Step.DNS, Step.TCP, Step.TLS, Step.QUIC, Step.HTTP)
    assert [1, 2, 3, 4, 5] == [settings.seconds_for(step) for step in steps]


def test_a_lab_asks_no_public_resolver_of_its_own_accord() -> None:
    assert ((), ()) == (own_settings(lab=True).doh, own_settings(lab=True).udp)
    assert Settings() == own_settings(lab=False)
