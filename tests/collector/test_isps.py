"""The list of ISPs."""

from pathlib import Path

import pytest

from rabta_collector.document import InvalidFileError, parse_toml
from rabta_collector.isps import default_isps, load_isps, parse_isps
from rabta_proto.vocabulary import IspKind

ONE = '[[isp]]\nid = "a"\nname = "A"\nkind = "mobile"\nasns = [1]\n'


def test_the_default_list_is_pakistans() -> None:
    isps = {isp.id: isp for isp in default_isps()}
    assert (17557, 45595) == isps["ptcl"].asns
    assert {"jazz", "zong", "telenor", "ufone"} == {isp.id for isp in isps.values() if isp.kind is IspKind.MOBILE}


def test_no_network_belongs_to_two() -> None:
    asns = [asn for isp in default_isps() for asn in isp.asns]
    assert len(asns) == len(set(asns))


def test_a_file_takes_the_place_of_the_default_list(tmp_path: Path) -> None:
    file = tmp_path / "isps.toml"
    file.write_text(ONE)
    assert ["a"] == [isp.id for isp in load_isps(file)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "i.toml:1: isp: missing"),
        (ONE + ONE, 'i.toml:7: isp.id: "a" is taken'),
        (ONE + ONE.replace('"a"', '"b"'), "i.toml:10: isp.asns: 1 is a's above"),
        (ONE.replace("mobile", "cable"), 'i.toml:4: isp.kind: "cable" is none of fixed, mobile, other'),
        (ONE.replace('"a"', '"A b"'), 'i.toml:2: isp.id: "A b" is no identifier'),
        (ONE.replace("[1]", '["AS1"]'), "i.toml:5: isp.asns: expected a list of AS numbers, not 'AS1' in it"),
        (ONE + 'asn = "1"', "i.toml:6: isp.asn: unknown key; did you mean asns?"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(text: str, message: str) -> None:
    with pytest.raises(InvalidFileError) as raised:
        parse_isps(parse_toml(text, "i.toml"))
    assert message in str(raised.value)
