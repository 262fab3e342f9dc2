"""The targets file: what is accepted, and what is said of the rest."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from rabta_collector.catalogue import Need, Part, Resolvers, Target, Transfer
from rabta_collector.document import InvalidFileError, parse_toml
from rabta_collector.share import READ_AT_MOST, Terms, share
from rabta_collector.targets import default_catalogue, load_catalogue, parse_catalogue, parse_test_list
from support.authorities import make_root, written

FILE = """\
innocuous = ["example.com"]
[[platform]]
id = "x"
name = "X (Twitter)"
category = "SOCIAL"
need = "any"
[[platform.target]]
url = "https://x.com/"
interval = "60s"
priority = 1
transfer = { url = "https://x.com/big", bytes = 262144, control_name = "example.com" }
[[platform.target]]
url = "http://x.com:8080/"
[[reference]]
url = "https://example.com/"
[resolvers]
doh = ["https://1.1.1.1/dns-query"]
udp = ["8.8.8.8", "127.0.0.1:5353", "[2001:db8::1]:53"]
[deadlines]
dns = "2s"
repeat_pause = "500ms"
"""


def test_a_whole_file_is_a_catalogue() -> None:
    catalogue = parse_catalogue(parse_toml(FILE, "t.toml"))
    (platform,) = catalogue.platforms
    assert ("x", "X (Twitter)", "SOCIAL", Need.ANY) == (platform.id, platform.name, platform.category, platform.need)
    assert (
        Target(
            url="https://x.com/",
            platform="x",
            interval_s=60,
            priority=1,
            transfer=Transfer(url="https://x.com/big", bytes=262_144, control_name="example.com"),
        ),
        Target(url="http://x.com:8080/", platform="x", interval_s=300, priority=2),
        Target(url="https://example.com/", platform="", interval_s=300, priority=2),
    ) == catalogue.targets
    assert Resolvers(doh=("https://1.1.1.1/dns-query",), udp=("8.8.8.8", "127.0.0.1:5353", "[2001:db8::1]:53")) == (
        catalogue.resolvers
    )
    assert (2.0, 8.0, 0.5) == (
        catalogue.deadlines.dns_s,
        catalogue.deadlines.tcp_s,
        catalogue.deadlines.repeat_pause_s,
    )
    assert ("example.com",) == catalogue.innocuous_names


MORE = """\
portal_check = "http://portal.example/204"
[[platform]]
id = "x"
[[platform.target]]
url = "https://x.com/"
[[platform.target]]
url = "quic://x.com/"
required = false
[[platform.target]]
url = "dns:x.com"
required = true
[[reference]]
url = "quic://quic.example/"
[[reference]]
url = "tcp://mail.example:25"
[deadlines]
quic = "3s"
"""


def test_targets_of_every_kind_are_taken_and_some_need_not_work() -> None:
    catalogue = parse_catalogue(parse_toml(MORE, "t.toml"))
    assert [
        ("https://x.com/", True),
        ("quic://x.com/", False),
        ("dns:x.com", True),
        ("quic://quic.example/", True),
        ("tcp://mail.example:25", True),
    ] == [(target.url, target.required) for target in catalogue.targets]
    assert ("http://portal.example/204", 3.0) == (catalogue.portal_check, catalogue.deadlines.quic_s)


def test_where_no_portal_check_is_named_none_is_made() -> None:
    assert "" == parse_catalogue(parse_toml(FILE, "t.toml")).portal_check


def test_the_default_catalogue_has_what_people_ask_about() -> None:
    catalogue = default_catalogue()
    asked = {
        "x",
        "whatsapp",
        "youtube",
        "facebook",
        "instagram",
        "tiktok",
        "telegram",
        "signal",
        "wikipedia",
        "bluesky",
    }
    assert asked <= {platform.id for platform in catalogue.platforms}
    assert catalogue.references
    assert catalogue.resolvers.doh


def test_the_default_catalogue_times_objects_of_platforms_rarely_and_has_something_to_compare_them_with() -> None:
    catalogue = default_catalogue()
    timed = {target.platform: target.transfer for target in catalogue.targets if target.transfer and target.platform}
    assert {"x", "youtube", "facebook", "telegram", "wikipedia"} <= set(timed)
    for transfer in timed.values():
        assert 64 * 1024 <= transfer.bytes <= READ_AT_MOST
        assert transfer.interval_s >= 12 * 3600
        assert transfer.control_name in ("", *catalogue.innocuous_names)
        assert transfer.url.startswith("https://")
    assert catalogue.reference_object not in {transfer.url for transfer in timed.values()} | {""}


def test_the_default_catalogue_asks_telegram_s_data_centres_on_both_ports_and_any_will_do() -> None:
    (telegram,) = (platform for platform in default_catalogue().platforms if platform.id == "telegram")
    urls = [target.url for target in telegram.targets if target.part == "messages"]
    assert 5 == len({url.rpartition(":")[0] for url in urls})
    assert {80: 5, 443: 5} == Counter(int(url.rpartition(":")[2]) for url in urls)
    assert [Need.ANY] == [part.need for part in telegram.parts]


def test_what_decides_a_platform_of_the_default_catalogue_is_measured_while_its_vote_stands() -> None:
    """Even where an ISP has one volunteer, whose intervals stretch: votes stand six hours at the most."""
    catalogue = default_catalogue()
    optional = {
        (platform.id, part.id) for platform in catalogue.platforms for part in platform.parts if not part.required
    }
    deciding = {
        target.url for target in catalogue.targets if target.required and (target.platform, target.part) not in optional
    }
    (shares,) = share(catalogue.targets, {"a": frozenset()}, Terms(floor_s=60, bytes_per_day=15_000_000)).values()
    late = [one.target.url for one in shares if one.target.url in deciding and one.interval_s > 6 * 3600]
    assert [] == late


PINNED = '[[platform]]\nid = "x"\n[[platform.target]]\nurl = "%s"\nauthority = "%s"\n'


TRACED = '[[platform]]\nid = "x"\n[[platform.target]]\nurl = "%s"\ntrace = %s\n'


@pytest.mark.parametrize("url", ["https://x.com/", "http://x.com/", "tls://chat.x.com"])
def test_a_target_with_a_name_may_be_traced(url: str) -> None:
    for text, trace in (("true", True), ("false", False)):
        (target,) = parse_catalogue(parse_toml(TRACED % (url, text), "t.toml")).targets
        assert trace is target.trace


@pytest.mark.parametrize("url", ["quic://x.com/", "tcp://x.com:443", "dns:x.com", "openvpn://x.com"])
def test_no_other_target_may(url: str) -> None:
    with pytest.raises(InvalidFileError, match=r"t.toml:5: platform.target.trace: only a https"):
        parse_catalogue(parse_toml(TRACED % (url, "true"), "t.toml"))


def test_a_target_may_have_an_authority_of_its_own() -> None:
    root = make_root(ends_in=timedelta(days=400))
    (target,) = parse_catalogue(parse_toml(PINNED % ("tls://chat.x.com", written(root)), "t.toml")).targets
    assert root == target.authority
    for url, authority, wrong in (
        ("https://x.com/", written(root), "only a tls:// target has an authority of its own"),
        ("tls://chat.x.com", "MIIF2z", "expected an authority's certificate, its DER form in base64"),
    ):
        with pytest.raises(InvalidFileError, match=f"t.toml:5: platform.target.authority: {wrong}"):
            parse_catalogue(parse_toml(PINNED % (url, authority), "t.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"60s"', '"60"', 't.toml:9: platform.target.interval: "60" is no duration'),
        ('"60s"', "60", "t.toml:9: platform.target.interval: expected a string, not 60"),
        ('"60s"', '"2d"', 't.toml:9: platform.target.interval: "2d" is not within'),
        ("priority = 1", "priority = 4", "t.toml:10: platform.target.priority: expected 1 to 3, not 4"),
        ("interval =", "interva1 =", "t.toml:9: platform.target.interva1: unknown key; did you mean interval?"),
        ('"https://x.com/"', '"x.com"', 't.toml:8: platform.target.url: "x.com" has no scheme'),
        (
            '"https://x.com/"',
            '"ftp://x.com"',
            't.toml:8: platform.target.url: "ftp://x.com": expected https, http, quic,',
        ),
        ('"https://x.com/"', '"tcp://x.com"', 't.toml:8: platform.target.url: "tcp://x.com" names no port'),
        ('"https://x.com/big"', '"quic://x.com/"', "t.toml:11: platform.target.transfer.url: "),
        ("priority = 1", 'required = "no"', 't.toml:10: platform.target.required: expected true or false, not "no"'),
        ("innocuous", 'portal_check = "https://p.example/"\ninnocuous', "t.toml:1: portal_check: "),
        ("innocuous", 'portal_check = "p.example"\ninnocuous', "t.toml:1: portal_check: "),
        ("innocuous", 'portal_check = ""\ninnocuous', "t.toml:1: portal_check: "),
        ('dns = "2s"', 'quic = "2m"', "t.toml:20: deadlines.quic: "),
        ('"http://x.com:8080/"', '"https://x.com/"', "t.toml:13: platform.target.url: https://x.com/ stands above"),
        ('"https://example.com/"', '"https:///"', "t.toml:15: reference.url: "),
        ('need = "any"', 'need = "some"', 't.toml:6: platform.need: "some" is none of all, any'),
        ('id = "x"', 'id = "X!"', 't.toml:3: platform.id: "X!" is no identifier'),
        ('id = "x"', "", "t.toml:2: platform.id: missing"),
        ('"8.8.8.8"', '"dns.google"', 't.toml:18: resolvers.udp: "dns.google" is no address'),
        ('"8.8.8.8"', '"8.8.8.8:0"', "t.toml:18: resolvers.udp: "),
        ('"https://1.1.1.1', '"http://1.1.1.1', "t.toml:17: resolvers.doh: "),
        ("bytes = 262144", "bytes = 1", "t.toml:11: platform.target.transfer.bytes: "),
        ('control_name = "example.com"', 'control_name = "a b"', "t.toml:11: platform.target.transfer.control_name: "),
        ('dns = "2s"', 'dns = "2m"', "t.toml:20: deadlines.dns: "),
        ('["example.com"]', '["no host"]', 't.toml:1: innocuous: "no host" is no host name'),
        ('["example.com"]', '["exämple.com"]', 't.toml:1: innocuous: "exämple.com" is no host name'),
        ('name = "X (Twitter)"', r'name = "X\u001b[31m"', "t.toml:4: platform.name: holds a character"),
        ("[deadlines]", "[deadline]", "t.toml:19: deadline: unknown key; did you mean deadlines?"),
        ("[[platform]]", "[[platform", "t.toml:2: Expected"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(old: str, new: str, message: str) -> None:
    assert old in FILE
    with pytest.raises(InvalidFileError) as raised:
        parse_catalogue(parse_toml(FILE.replace(old, new, 1), "t.toml"))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_platforms_of_one_name_are_an_error() -> None:
    twice = FILE + '[[platform]]\nid = "x"\n[[platform.target]]\nurl = "https://y.com/"\n'
    with pytest.raises(InvalidFileError, match=r't.toml:23: platform.id: "x" is taken'):
        parse_catalogue(parse_toml(twice, "t.toml"))


PARTS = """
[[platform]]
id = "telegram"
[[platform.part]]
id = "chat"
name = "messages"
need = "any"
[[platform.target]]
url = "tcp://149.154.167.51:443"
part = "chat"
[[platform.target]]
url = "https://web.telegram.org/"
"""


def test_targets_belong_to_parts_of_their_platform() -> None:
    (platform,) = parse_catalogue(parse_toml(PARTS, "targets.toml")).platforms
    assert (Part(id="chat", name="messages", need=Need.ANY),) == platform.parts
    assert ["chat", ""] == [target.part for target in platform.targets]


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        (PARTS.replace('part = "chat"', 'part = "cat"'), '"cat" is no part'),
        (PARTS.replace('part = "chat"', ""), 'no target belongs to the part "chat"'),
        (PARTS.replace("[[platform.part]]", '[[platform.part]]\nid = "chat"\n[[platform.part]]'), "is taken"),
        (PARTS.replace('need = "any"', 'needs = "any"'), "needs"),
    ],
)
def test_a_part_that_is_not_one_is_named(wrong: str, names: str) -> None:
    with pytest.raises(InvalidFileError, match=names):
        parse_catalogue(parse_toml(wrong, "targets.toml"))


def test_a_platform_without_targets_is_an_error() -> None:
    with pytest.raises(InvalidFileError, match=r"t.toml:1: platform.target: missing"):
        parse_catalogue(parse_toml('[[platform]]\nid = "x"', "t.toml"))


def test_an_empty_file_is_an_error() -> None:
    with pytest.raises(InvalidFileError, match=r"t.toml:1: platform: missing"):
        parse_catalogue(parse_toml("", "t.toml"))


CSV = """url,category_code,category_description,date_added,source,notes
https://www.bbc.com/urdu,NEWS,News Media,2014-04-15,citizenlab,
http://www.bbc.com/,NEWS,News Media,2014-04-15,citizenlab,"a, b"
https://www.bbc.com/urdu,NEWS,News Media,2014-04-15,citizenlab,
"""


def test_each_url_of_a_test_list_is_a_platform_named_after_its_host() -> None:
    catalogue = parse_test_list(CSV, "pk.csv")
    assert [("bbc-com", "bbc.com/urdu", "NEWS"), ("bbc-com-2", "bbc.com", "NEWS")] == [
        (platform.id, platform.name, platform.category) for platform in catalogue.platforms
    ]
    assert catalogue.resolvers.doh


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pk.csv:1: url: missing"),
        ("link,code\nhttps://x.com/,NEWS\n", "pk.csv:1: url: missing"),
        ("url\n", "pk.csv:1: url: the list is empty"),
        ("url,notes\nhttps://x.com/,\nx.com,\n", 'pk.csv:3: url: "x.com" has no scheme'),
        ("url,notes\nquic://x.com/,\n", 'pk.csv:2: url: "quic://x.com/": expected https or http, not quic'),
    ],
)
def test_what_is_wrong_with_a_test_list_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidFileError) as raised:
        parse_test_list(text, "pk.csv")
    assert message in str(raised.value)


def test_a_files_name_says_its_form(tmp_path: Path) -> None:
    (tmp_path / "pk.csv").write_text(CSV)
    (tmp_path / "t.toml").write_text(FILE)
    assert 2 == len(load_catalogue(tmp_path / "pk.csv").platforms)
    assert 1 == len(load_catalogue(tmp_path / "t.toml").platforms)
