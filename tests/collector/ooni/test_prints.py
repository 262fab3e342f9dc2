"""Fingerprints from CSV files: what they decide, what they clear, and what is wrong with a file."""

import time
from pathlib import Path

import pytest

from rabta_collector.ooni.judge import judge
from rabta_collector.ooni.prints import InvalidPrintsError, Match, Prints, load_prints
from support.ooni_builder import FORGED, OTHER_ASN, PLAIN, Keys, built, control, fetch, query

HEAD = (
    "name,scope,other_names,location_found,pattern_type,pattern,"
    "confidence_no_fp,expected_countries,source,exp_url,notes\n"
)
NOTICE = "<title>Notice</title><p>Blocked by order 12 of the Authority</p>"


def prints(folder: Path, *rows: str) -> Prints:
    path = folder / "prints.csv"
    path.write_text(HEAD + "".join(row + "\n" for row in rows), encoding="utf-8")
    return load_prints([path])


def row(pattern: str, *, kind: str = "contains", where: str = "body", scope: str = "isp", more: str = "5,PK") -> str:
    return f'a.{scope},{scope},,{where},{kind},"{pattern}",{more},tests,,'


def noticed(**more: str) -> Keys:
    return built(url=PLAIN, requests=[fetch(PLAIN, body=NOTICE, headers={"Server": "Box/1", **more})], helper=None)


@pytest.mark.parametrize(
    "one",
    [
        row("order 12 of the Authority"),
        row("<title>Notice", kind="prefix"),
        row(NOTICE, kind="full"),
        row("order [0-9]+ of", kind="regexp"),
        row("<title>.*Authority", kind="regexp", scope="nat"),
        row("Box/1", kind="full", where="header.server"),
        row("Box", kind="prefix", where="header.Server"),
        row("order 12", more=","),
        row("order 12", scope="prod", more='5,"IR,PK"'),
    ],
)
def test_a_page_that_matches_is_a_block_page(tmp_path: Path, one: str) -> None:
    found = judge(noticed(), prints(tmp_path, one))
    assert ("blocked", "http.blockpage.known") == (found["state"], found["rule"])


@pytest.mark.parametrize(
    "one",
    [
        row("order 13"),
        row("Authority", kind="prefix"),
        row("Box/1", where="header.via"),
        row("order 12", scope="vbw"),
        row("order 12", more="2,PK"),
        row("order 12", more="5,IR"),
        row("order 12", where="dns"),
    ],
    ids=["text", "prefix", "header", "vague", "confidence", "country", "dns"],
)
def test_a_page_that_does_not_match_is_none(tmp_path: Path, one: str) -> None:
    assert "inconclusive" == judge(noticed(), prints(tmp_path, one))["state"]


@pytest.mark.parametrize("scope", ["fp", "inst"])
def test_a_page_known_for_being_harmless_is_no_block(tmp_path: Path, scope: str) -> None:
    document = built(url=PLAIN, requests=[fetch(PLAIN, body=NOTICE, headers={})], helper=control(port=80))
    assert "blocked" == judge(document)["state"]
    assert "inconclusive" == judge(document, prints(tmp_path, row("order 12", scope=scope)))["state"]


def test_a_false_positive_clears_of_every_other_match(tmp_path: Path) -> None:
    found = judge(noticed(), prints(tmp_path, row("order 12"), row("the Authority", scope="fp")))
    assert "inconclusive" == found["state"]


def test_a_page_over_https_is_not_looked_at(tmp_path: Path) -> None:
    found = judge(built(requests=[fetch(body=NOTICE)]), prints(tmp_path, row("order 12")))
    assert "ok.https" == found["rule"]


@pytest.mark.parametrize(("scope", "state"), [("isp", "blocked"), ("fp", "inconclusive"), ("vbw", "inconclusive")])
def test_an_answer_that_matches_is_a_block_page_s_address(tmp_path: Path, scope: str, state: str) -> None:
    document = built(
        queries=[query(FORGED, asn=OTHER_ASN)], tcp={FORGED: "generic_timeout_error"}, requests=[], helper=None
    )
    found = judge(document, prints(tmp_path, row(FORGED, kind="full", where="dns", scope=scope)))
    assert state == found["state"]


def test_an_alias_that_matches_marks_the_addresses_behind_it(tmp_path: Path) -> None:
    alias = query(FORGED)
    alias["answers"].insert(0, {"answer_type": "CNAME", "hostname": "block.example"})
    document = built(queries=[alias], tcp={FORGED: None}, tls={FORGED: "ssl_invalid_hostname"}, requests=[])
    found = judge(document, prints(tmp_path, row("block.example", kind="full", where="dns")))
    assert "dns.blockpage.address" == found["rule"]


def test_an_expression_without_end_is_given_up(tmp_path: Path) -> None:
    started = time.monotonic()
    found = prints(tmp_path, row("(a+)+b", kind="regexp")).match_page("a" * 5000, {}, "PK")
    assert (Match(), True) == (found, time.monotonic() - started < 60)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,pattern\n", "prints.csv: line 1: no column scope, location_found, pattern_type"),
        ("", "prints.csv: line 1: no column name, scope"),
        (HEAD + row("(", kind="regexp"), "prints.csv:2: pattern: not a regular expression"),
        (HEAD + row("x", kind="glob"), 'prints.csv:2: pattern_type: "glob" is none of contains, full, prefix, regexp'),
        (HEAD + row("x", where="foot"), 'prints.csv:2: location_found: "foot" is none of dns, body, header.NAME'),
        (HEAD + row(""), "prints.csv:2: pattern: empty"),
        (HEAD + row("x", more="much,PK"), 'prints.csv:2: confidence_no_fp: "much" is no number'),
        (HEAD + "a\n", "prints.csv:2: pattern_type"),
    ],
)
def test_a_wrong_file_is_told_by_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "prints.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidPrintsError) as wrong:
        load_prints([path])
    assert said in str(wrong.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", HEAD.encode() + b"\xff"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prints.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidPrintsError):
        load_prints([path])
